"""What a contact counts for: judged from its records and who signed them, alike at every party."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import Obligation


@dataclass(frozen=True, slots=True)
class Edition:
    """One record of a contact, and how far it is signed."""

    number: int
    held_on: date
    """The day in Asia/Shanghai."""
    agreement: str | None
    makes_up: str | None
    withdrawn: bool
    cosigning: Cosigning

    def meets(self, obligation: Obligation) -> bool:
        """Tell whether this record, signed, would meet an obligation.

        All whom the obligation binds took part. What makes up for a missed obligation counts for that one alone;
        everything else, held in whatever manner, for the period in which it was held.
        """
        if not obligation.parties <= self.cosigning.parties:
            return False
        if self.makes_up is not None:
            return self.makes_up == obligation.key
        return self.agreement in {None, obligation.agreement} and self.held_on in obligation.period


def evidence(editions: Iterable[Edition], obligation: Obligation) -> Cosigning | None:
    """Return how far one contact is signed as far as an obligation goes; None when it does not count for it.

    A contact counts once, however often its record was corrected. The last record that all have signed says what it
    counts for; until there is one, the newest. Correcting what all had signed in time does not make it late.
    """
    standing = sorted((edition for edition in editions if not edition.withdrawn), key=lambda each: each.number)
    signed = [edition for edition in standing if not obligation.parties - edition.cosigning.signatures.keys()]
    if not standing or not (signed or standing)[-1].meets(obligation):
        return None
    fit = [_among(edition.cosigning, obligation.parties) for edition in signed if edition.meets(obligation)]
    if not fit:
        return _among(standing[-1].cosigning, obligation.parties)
    return min(fit, key=lambda cosigning: max(cosigning.signatures.values()))


def met_by(editions: Sequence[Edition], obligations: Iterable[Obligation]) -> list[str]:
    """Return the keys of the obligations that a contact counts for, or will when all have signed."""
    return [obligation.key for obligation in obligations if evidence(editions, obligation) is not None]


def _among(cosigning: Cosigning, parties: frozenset[str]) -> Cosigning:
    """Return a record's signatures as far as an obligation's parties go; others may have taken part as well."""
    signatures = {party: at for party, at in cosigning.signatures.items() if party in parties}
    objections = {party: why for party, why in cosigning.objections.items() if party in parties}
    return replace(cosigning, parties=parties, signatures=signatures, objections=objections)
