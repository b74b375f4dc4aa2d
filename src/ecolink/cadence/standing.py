"""How an obligation stands: judged from mutually signed evidence and the time, alike at every party."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import Obligation


class State(StrEnum):
    """Where it stands. Late is a flag, never a state."""

    UPCOMING = "upcoming"
    """Its period has not opened."""
    OPEN = "open"
    """Nobody has done anything for it."""
    BEGUN = "begun"
    """Something is signed by some parties, not by all."""
    FULFILLED = "fulfilled"
    """All parties signed the same record, as often as the duty says."""
    WAIVED = "waived"
    """All parties agreed, with a reason, that it need not be done."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What signed records say of one obligation."""

    records: Sequence[Cosigning] = ()
    """Records that would meet the duty when all its parties have signed them."""
    contributions: Mapping[str, datetime] | None = None
    """By party, when it did its own part, where that is more than signing (a package sent)."""
    waiver: Cosigning | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How one obligation stands at a moment. All times UTC."""

    state: State
    fulfilled_at: datetime | None
    """When the last needed signature was made."""
    late: bool
    """It was fulfilled after it was due, or is due and not fulfilled."""
    done_in_time: frozenset[str]
    """Parties that had done their part when it was due."""
    owing: frozenset[str]
    """Parties whose part is still missing: with none recorded, all of them."""


def judge(obligation: Obligation, evidence: Evidence, now: datetime) -> Standing:
    """Return how an obligation stands at `now`."""
    complete = sorted(moment for record in evidence.records if (moment := record.completed_at) is not None)
    enough = len(complete) >= obligation.duty.least
    fulfilled_at = complete[obligation.duty.least - 1] if enough else None
    waived = evidence.waiver is not None and evidence.waiver.completed_at is not None
    parts = _parts(obligation, evidence)
    in_time = frozenset(party for party, at in parts.items() if at <= obligation.due_at)
    if fulfilled_at is not None:
        return Standing(State.FULFILLED, fulfilled_at, fulfilled_at > obligation.due_at, in_time, frozenset())
    if waived:
        return Standing(State.WAIVED, None, late=False, done_in_time=in_time, owing=frozenset())
    begun = State.BEGUN if parts else State.UPCOMING if now < obligation.opens_at else State.OPEN
    owing = obligation.parties - parts.keys()
    return Standing(begun, None, now > obligation.due_at, in_time, owing or obligation.parties)


def _parts(obligation: Obligation, evidence: Evidence) -> dict[str, datetime]:
    """Return by party when it did its part in what goes furthest: the signature under the record most have signed."""
    parts = dict(evidence.contributions or {})
    unfinished = [record for record in evidence.records if record.completed_at is None] or list(evidence.records)
    if unfinished:
        furthest = max(unfinished, key=lambda record: (len(record.signatures), -record.written_at.timestamp()))
        for party, at in furthest.signatures.items():
            parts.setdefault(party, at)
    return {party: at for party, at in parts.items() if party in obligation.parties}
