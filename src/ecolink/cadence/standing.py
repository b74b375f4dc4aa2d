"""How an obligation stands: judged from mutually signed evidence and the time, alike at every party."""

from collections.abc import Iterable, Mapping, Sequence
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
    """Parties that had done their own part when it was due: contributed, or else signed as many records as needed."""
    owing: frozenset[str]
    """Parties on whom it waits: for their own part, then for their signature; all, where each signed something else."""


def judge(obligation: Obligation, evidence: Evidence, now: datetime) -> Standing:
    """Return how an obligation stands at `now`, in whatever order its records are given."""
    records = {record.digest: record for record in evidence.records}.values()
    complete = sorted(moment for record in records if (moment := record.completed_at) is not None)
    fulfilled_at = complete[obligation.duty.least - 1] if len(complete) >= obligation.duty.least else None
    signed = {party: at for party in obligation.parties if (at := _signed_at(party, records, obligation.duty.least))}
    parts = signed if evidence.contributions is None else evidence.contributions
    in_time = frozenset(party for party in obligation.parties & parts.keys() if parts[party] <= obligation.due_at)
    if fulfilled_at is not None:
        return Standing(State.FULFILLED, fulfilled_at, fulfilled_at > obligation.due_at, in_time, frozenset())
    if evidence.waiver is not None and evidence.waiver.completed_at is not None:
        return Standing(State.WAIVED, None, late=False, done_in_time=in_time, owing=frozenset())
    if parts or any(obligation.parties & record.signatures.keys() for record in records):
        state = State.BEGUN
    else:
        state = State.UPCOMING if now < obligation.opens_at else State.OPEN
    owing = obligation.parties - parts.keys() or obligation.parties - signed.keys() or obligation.parties
    return Standing(state, None, now > obligation.due_at, in_time, owing)


def _signed_at(party: str, records: Iterable[Cosigning], least: int) -> datetime | None:
    """Return when a party had signed as many records as the duty needs; None while it has not."""
    signed = sorted(record.signatures[party] for record in records if party in record.signatures)
    return signed[least - 1] if len(signed) >= least else None
