"""What is in force between bureaus: read from signed documents alone, so that every party reads the same.

Terms are in force from their first valid day, or, when the last party signed later, from the day after that; until the
day before the next version is in force, the agreement's ending, or their last valid day. Days are those of
Asia/Shanghai, and a signature's is the one its author wrote: never when anything arrived, which differs between nodes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Self

from ecolink.cadence.calendars import Day, WorkingCalendar, WorkingDays, china_day, published_days
from ecolink.cadence.cosigning import Cosigning
from ecolink.protocol.kinds.agreements import CalendarV1, EndingV1, TermsV1, notice_year

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A subject, and who has signed it."""

    subject: TermsV1 | EndingV1 | CalendarV1
    cosigning: Cosigning

    @property
    def counts_from(self) -> date | None:
        """The day after the last party signed; None while one has not."""
        completed = self.cosigning.completed_at
        return None if completed is None else china_day(completed) + _DAY


@dataclass(frozen=True, slots=True)
class Version:
    """Terms as they are in force."""

    terms: TermsV1
    digest: str
    counts_from: date
    """The day after all had signed it, and the version before it."""
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Overlay:
    """A signed calendar of one year, and the day from which it counts."""

    digest: str
    counts_from: date
    calendar: CalendarV1 = field(compare=False)


@dataclass(frozen=True, slots=True)
class Agreement:
    """One agreement with all that its parties signed. Nothing that was only proposed is in it."""

    code: str
    members: frozenset[str]
    versions: tuple[Version, ...]
    """In order; they do not overlap."""
    overlays: tuple[Overlay, ...]
    """In the order in which they count."""

    @classmethod
    def read(cls, proposals: Iterable[Proposal]) -> Self | None:
        """Return what is in force of an agreement's proposals, in whatever order they are given; None: nothing was.

        A version counts only when it replaces the one before it, and is signed by all before its own last day. Of two
        that would, the one signed by all first counts, and of those signed at once the one with the smaller digest.
        """
        signed = sorted(
            (proposal for proposal in proposals if proposal.counts_from is not None),
            key=lambda proposal: (proposal.cosigning.completed_at, proposal.cosigning.digest),
        )
        chain = _chain(signed)
        if not chain:
            return None
        overlays = [
            Overlay(proposal.cosigning.digest, counts, proposal.subject)
            for proposal in signed
            if isinstance(proposal.subject, CalendarV1) and (counts := proposal.counts_from)
        ]
        first = chain[0].terms
        return cls(first.code, first.members, tuple(_cut(chain, _over(chain, signed))), tuple(overlays))

    @classmethod
    def assume(cls, terms: TermsV1) -> Self:
        """Return the agreement as it will be when all have signed these terms before they begin, and nothing else."""
        begins = terms.valid_from
        version = Version(terms, terms.digest(), begins, begins, terms.valid_until)
        return cls(terms.code, terms.members, (version,), ())

    def on(self, day: date) -> Version | None:
        """Return the version in force on `day`; None when none is."""
        for version in self.versions:
            if version.first <= day <= version.last:
                return version
        return None

    @property
    def last_day(self) -> date | None:
        """The last day on which anything is in force, as far as is signed; None: it never was."""
        return self.versions[-1].last if self.versions else None

    def calendar_on(self, day: date) -> "AgreedCalendar":
        """Return the calendar by which a period that begins on `day` counts."""
        version = self.on(day)
        years = version.terms.calendar.years if version else ()
        return _calendar(years, tuple(overlay for overlay in self.overlays if overlay.counts_from <= day))


@dataclass(frozen=True, slots=True)
class AgreedCalendar(WorkingDays):
    """Working days as all parties signed them, and no other: what a library knows beyond that does not count."""

    years: frozenset[int]
    """The years whose official notices were signed."""
    tables: Mapping[int, Mapping[date, Day]]
    """By year, what was signed later. It takes the place of the official notice of that year."""

    def settled(self, day: date) -> bool:
        """Tell whether it is signed if `day` is worked. If not, it is as in an ordinary week, for now."""
        year = notice_year(day)
        return year in self.tables or year in self.years

    def is_working_day(self, day: date) -> bool:
        """Tell whether `day` is worked."""
        year = notice_year(day)
        table = self.tables.get(year)
        if table is None and year in self.years:
            table = _official(year)
        kind = table.get(day) if table else None
        return WorkingCalendar.ordinary(day) if kind is None else kind is Day.WORK


def _chain(signed: Sequence[Proposal]) -> list[Version]:
    """Return the versions that count, each replacing the one before, not yet cut at the next."""
    chain: list[Version] = []
    while (following := next(_following(chain, signed), None)) is not None:
        chain.append(following)
    return chain


def _following(chain: Sequence[Version], signed: Sequence[Proposal]) -> Iterator[Version]:
    """Go through the versions that could come next in the chain, the first to be signed by all first."""
    before = chain[-1] if chain else None
    for proposal in signed:
        terms, counts_from = proposal.subject, proposal.counts_from
        if not isinstance(terms, TermsV1) or counts_from is None:
            continue
        if terms.version != len(chain) + 1 or terms.replaces != (before.digest if before else None):
            continue
        if before is not None:
            if terms.members != before.terms.members or terms.code != before.terms.code:
                continue
            counts_from = max(counts_from, before.counts_from)
        first = max(terms.valid_from, counts_from)
        if first <= terms.valid_until:
            yield Version(terms, proposal.cosigning.digest, counts_from, first, terms.valid_until)


def _over(chain: Sequence[Version], signed: Sequence[Proposal]) -> date:
    """Return the last day before an ending; never before the day on which ending and terms were signed by all."""
    known = {version.digest: version.counts_from for version in chain}
    return min(
        (
            max(proposal.subject.last_day, counts - _DAY, known[proposal.subject.ends] - _DAY)
            for proposal in signed
            if isinstance(proposal.subject, EndingV1)
            and proposal.subject.ends in known
            and (counts := proposal.counts_from)
        ),
        default=date.max,
    )


def _cut(chain: Sequence[Version], over: date) -> Iterator[Version]:
    """Go through the versions, each until the next one or the ending; those left without a day go."""
    for at, version in enumerate(chain):
        last = min([version.last, over, *(later.first - _DAY for later in chain[at + 1 :])])
        if version.first <= last:
            yield replace(version, last=last)


@lru_cache(maxsize=1024)
def _calendar(years: tuple[int, ...], overlays: tuple[Overlay, ...]) -> AgreedCalendar:
    tables = {
        overlay.calendar.year: MappingProxyType({entry.date: Day(entry.day) for entry in overlay.calendar.days})
        for overlay in overlays
    }
    return AgreedCalendar(frozenset(years), MappingProxyType(tables))


@cache
def _official(year: int) -> Mapping[date, Day]:
    try:
        return published_days(year)
    except ValueError:
        # The parties' software knew the notice and ours does not: the digest told so before anybody signed.
        return MappingProxyType({})
