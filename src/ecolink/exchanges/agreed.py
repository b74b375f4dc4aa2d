"""What is agreed with another bureau on a day, for the rooms that tell it something or wait for its answer.

Where several agreements are in force between the two, the one with the fewest parties goes first, then the code
decides: what it leaves open, the next one settles. Where none is in force, the node's own settings hold; where one is,
what it leaves open has the built-in value, never a setting of one side: both must come to the same.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Final

from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.calendars import WorkingCalendar, WorkingDays
from ecolink.cadence.deadlines import DeadlinePolicy
from ecolink.errors import ForbiddenError
from ecolink.exchanges.duties import InForce
from ecolink.exchanges.governance import Terms
from ecolink.protocol.kinds.agreements import Shared, SharingV1, TermsV1
from ecolink.protocol.statement import Handling, HandlingCode, Onward

SHARED_ZH: Mapping[Shared, str] = MappingProxyType(
    {"lead": "线索协查", "bulletin": "情报通报", "emergency": "紧急通报", "package": "季度通报"}
)
_ONWARD: Final = (Onward.GROUP, Onward.ASK, Onward.NONE)
"""Laxest first."""


class SharingError(ForbiddenError):
    """The agreements in force do not let this bureau share such a thing with that one."""

    code = "sharing-not-agreed"


@dataclass(frozen=True, repr=False)
class Agreed:
    """What holds between the bureau `us` and others."""

    us: str
    in_force: InForce = lambda _: ()
    deadlines: DeadlinePolicy = field(default_factory=DeadlinePolicy)
    """Our own, where no agreement is in force."""
    calendar: WorkingDays = field(default_factory=WorkingCalendar)
    """Likewise."""

    def deadlines_with(self, session: Session, other: str, day: date) -> DeadlinePolicy:
        """Return the terms of answer for what one of the two tells the other on `day`."""
        agreements = self._between(session, other, day)
        if not agreements:
            return self.deadlines
        named: dict[str, int | tuple[int, ...]] = {}
        for agreement in reversed(agreements):
            named |= _terms(agreement, day).deadlines
        return DeadlinePolicy.named(named)

    def calendar_with(self, session: Session, other: str, day: date) -> WorkingDays:
        """Return the working days by which terms that begin on `day` are counted."""
        agreements = self._between(session, other, day)
        return agreements[0].calendar_on(day) if agreements else self.calendar

    def terms_with(self, session: Session, usual: Terms, others: Collection[str], day: date) -> Terms:
        """Return the defaults for what is told to `others` on `day`, in place of a room's `usual` ones.

        Of several bureaus the strictest handling counts, and the longest time to keep it.
        """
        settled = [self._settled(session, usual, other, day) for other in others]
        if not settled:
            return usual
        strictest = max((each.handling for each in settled), key=_strictness)
        return replace(usual, handling=strictest, retain_months=max(each.retain_months for each in settled))

    def forbids(self, session: Session, what: Shared, *, sharer: str, recipient: str, day: date) -> TermsV1 | None:
        """Return the terms that do not let one of the two share such a thing with the other; we are one of them.

        None where no agreement is in force between the two, or one of them allows it.
        """
        other = recipient if sharer == self.us else sharer
        held = [_terms(agreement, day) for agreement in self._between(session, other, day)]
        return held[0] if held and not any(allows(each, what, sharer, recipient) for each in held) else None

    def refuse_unshared(self, session: Session, what: Shared, others: Collection[str], day: date) -> None:
        """Return if this may be told to `others`: no agreement is in force between us, or one of them allows it.

        Raises:
            SharingError: the agreements in force do not allow it; the text names agreement and bureau.

        """
        for other in sorted(others):
            terms = self.forbids(session, what, sharer=self.us, recipient=other, day=day)
            if terms is not None:
                name = next(party for party in terms.parties if party.unit_code == other)
                raise SharingError(
                    f"The agreement {terms.code} ({terms.name_en}) does not let this bureau share a {what} with "
                    f"{name.name_en} ({other}). Amend it, or leave that bureau out.",
                    f"协议 {terms.code}（{terms.name_zh}）未约定本单位可向{name.name_zh}（{other}）提供"
                    f"{SHARED_ZH[what]}；请修订协议，或不发给该单位。",
                )

    def _between(self, session: Session, other: str, day: date) -> Sequence[Agreement]:
        both = {self.us, other}
        held = [each for each in self.in_force(session) if both <= each.members and each.on(day) is not None]
        return sorted(held, key=lambda agreement: (len(agreement.members), agreement.code))

    def _settled(self, session: Session, usual: Terms, other: str, day: date) -> Terms:
        held = [_terms(agreement, day) for agreement in self._between(session, other, day)]
        handling = next((terms.handling for terms in held if terms.handling is not None), None)
        months = next((terms.retention_months for terms in held if terms.retention_months is not None), None)
        if handling is not None:
            agreed = Handling(code=HandlingCode(handling.code), onward=Onward(handling.onward), text=handling.text)
            usual = replace(usual, handling=agreed)
        return replace(usual, retain_months=months or usual.retain_months)


def allows(terms: TermsV1, what: Shared, sharer: str, recipient: str) -> bool:
    """Tell whether terms let one party share such a thing with another."""
    return not terms.sharing or any(_covers(line, what, sharer, recipient) for line in terms.sharing)


def _covers(line: SharingV1, what: Shared, sharer: str, recipient: str) -> bool:
    by_them = not line.sharers or sharer in line.sharers
    return what in line.what and by_them and (not line.recipients or recipient in line.recipients)


def _terms(agreement: Agreement, day: date) -> TermsV1:
    version = agreement.on(day)
    assert version is not None  # noqa: S101 - only those in force that day are asked
    return version.terms


def _strictness(handling: Handling) -> tuple[str, int]:
    return handling.code.value, _ONWARD.index(handling.onward)
