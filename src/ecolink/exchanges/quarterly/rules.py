"""What an exchange is, how it stands, and what it counts for: judged alike at every party, in any order of arrival."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum

from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.periods import Period
from ecolink.kit import canonical
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.exchange import exchange_digest


class State(StrEnum):
    """How far an exchange is."""

    OPEN = "open"
    """No party has sent its package."""
    PARTIAL = "partial"
    """Some have."""
    COMPLETE = "complete"
    """All have; not all have signed it off."""
    SIGNED_OFF = "signed_off"
    """All parties signed off the same packages. Late or not, that stays."""


STATES_ZH: Mapping[State, str] = {
    State.OPEN: "待提交",
    State.PARTIAL: "部分提交",
    State.COMPLETE: "待确认",
    State.SIGNED_OFF: "已确认",
}


def thread_of(obligation: str, parties: Collection[str]) -> str:
    """Return the id of the thread in which these parties meet an obligation: a UUIDv7 of its period's first moment.

    Its random part is the beginning of a digest over the key and the parties, so that every party finds the same one
    without a word, and packages that cross on the way meet in it.

    Raises:
        ValueError: the key names no period since 1970.

    """
    first, _ = span(period_of(obligation))
    milliseconds = round(first.timestamp() * 1000)
    if milliseconds < 0:
        raise ValueError("there was no exchange before 1970")
    stamp = f"{milliseconds:012x}"
    digest = canonical.sha256_hex(canonical.dumps([obligation, sorted(parties)]))
    return f"{stamp[:8]}-{stamp[8:]}-7{digest[:3]}-8{digest[3:6]}-{digest[6:18]}"


def period_of(obligation: str) -> Period:
    """Return the period in an obligation's key.

    Raises:
        ValueError: there is none in it.

    """
    return Period.parse(obligation.rpartition("/")[2])


def span(period: Period) -> tuple[datetime, datetime]:
    """Return the first moment of a period in Asia/Shanghai, and the first after it."""
    return (
        datetime.combine(period.first, time(0, tzinfo=CHINA)),
        datetime.combine(period.next().first, time(0, tzinfo=CHINA)),
    )


def period_before(period: Period) -> Period:
    """Return the period of the same kind before it."""
    return Period.containing(period.first - timedelta(days=1), period.kind)


@dataclass(frozen=True, slots=True)
class Contribution:
    """One party's package as decisions need it."""

    digest: str
    author: str
    submitted_at: datetime
    is_current: bool = True
    nothing_to_report: bool = False
    read_by: frozenset[str] = field(default_factory=frozenset)
    fed_back_by: frozenset[str] = field(default_factory=frozenset)

    def answered_by(self, party: str) -> bool:
        """Tell whether a party has read it and, where it says anything, fed back."""
        return party in self.read_by and (self.nothing_to_report or party in self.fed_back_by)


def begin_signing(packages: Collection[Contribution], parties: Collection[str]) -> Cosigning:
    """Return what all parties are to sign over these packages, one of each; nobody has signed it yet.

    It is taken to be written with the last of the packages: that every party knows alike, who signs first it may not.

    Raises:
        ValueError: it is not one package of each party.

    """
    if sorted(package.author for package in packages) != sorted(parties):
        raise ValueError("these are not one package of each party")
    last = max(packages, key=lambda package: (package.submitted_at, package.digest))
    digest = exchange_digest(package.digest for package in packages)
    return Cosigning(digest, last.author, frozenset(parties), last.submitted_at)


def unanswered(packages: Iterable[Contribution], by: str) -> list[str]:
    """Return the other parties whose package `by` has not read, or not fed back: it cannot sign off yet."""
    return sorted(package.author for package in packages if package.author != by and not package.answered_by(by))


def state_of(packages: Iterable[Contribution], parties: Collection[str], signings: Iterable[Cosigning]) -> State:
    """Return how far an exchange is."""
    if any(signing.completed_at is not None for signing in signings):
        return State.SIGNED_OFF
    authors = {package.author for package in packages}
    if not authors:
        return State.OPEN
    return State.COMPLETE if authors >= set(parties) else State.PARTIAL


def counting(signings: Collection[Cosigning]) -> list[Cosigning]:
    """Return the one signing that counts as evidence: the first that all signed, else the one furthest on.

    An exchange counts once, however often a package in it was corrected; a correction does not make it late.
    """
    complete = [signing for signing in signings if signing.completed_at is not None]
    if complete:
        return [min(complete, key=lambda signing: (signing.completed_at, signing.digest))]
    started = [signing for signing in signings if signing.signatures]
    return [max(started, key=lambda signing: (signing.written_at, signing.digest))] if started else []
