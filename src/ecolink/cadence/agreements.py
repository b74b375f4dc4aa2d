"""What is in force between bureaus: read from signed documents alone, so that every party reads the same.

Terms are in force from their first valid day, or, when the last party signed later, from the day after that; until the
day before the next version is in force, the agreement's ending, or their last valid day. Days are those of
Asia/Shanghai, and a signature's is the one its author wrote: never when anything arrived, which differs between nodes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Self

from ecolink.cadence.calendars import Day, WorkingCalendar, WorkingDays, china_day
from ecolink.cadence.cosigning import Cosigning
from ecolink.protocol.kinds.agreements import CalendarV1, EndingV1, TermsV1

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
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Overlay:
    """A signed calendar of one year, and the day from which it counts."""

    calendar: CalendarV1
    counts_from: date


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

        Of two versions with one number, the one signed by all first counts, and of those signed at once the one with
        the smaller digest. A version counts only when it replaces the one before it.
        """
        signed = sorted(
            (proposal for proposal in proposals if proposal.counts_from is not None),
            key=lambda proposal: (proposal.cosigning.completed_at, proposal.cosigning.digest),
        )
        chain = _chain(signed)
        if not chain:
            return None
        first = chain[0].terms
        endings = [
            (max(proposal.subject.last_day, counts - _DAY), proposal.subject.ends)
            for proposal in signed
            if isinstance(proposal.subject, EndingV1) and (counts := proposal.counts_from)
        ]
        versions = _cut(chain, endings)
        overlays = [
            Overlay(proposal.subject, counts)
            for proposal in signed
            if isinstance(proposal.subject, CalendarV1) and (counts := proposal.counts_from)
        ]
        return cls(first.code, first.members, tuple(versions), tuple(overlays))

    def on(self, day: date) -> Version | None:
        """Return the version in force on `day`; None when none is."""
        return next((version for version in self.versions if version.first <= day <= version.last), None)

    @property
    def last_day(self) -> date | None:
        """The last day on which anything is in force, as far as is signed; None: it never was."""
        return self.versions[-1].last if self.versions else None

    def calendar_on(self, day: date) -> "AgreedCalendar":
        """Return the calendar by which a period that begins on `day` counts."""
        version = self.on(day)
        years = version.terms.calendar.years if version else ()
        tables: dict[int, Mapping[date, Day]] = {}
        for overlay in self.overlays:
            if overlay.counts_from <= day:
                entries = {entry.date: Day(entry.day) for entry in overlay.calendar.days}
                tables[overlay.calendar.year] = MappingProxyType(entries)
        return AgreedCalendar(frozenset(years), MappingProxyType(tables))


@dataclass(frozen=True, slots=True)
class AgreedCalendar(WorkingDays):
    """Working days as all parties signed them, and no other: what a library knows beyond that does not count."""

    years: frozenset[int]
    """The years for which the official calendar was signed."""
    tables: Mapping[int, Mapping[date, Day]]
    """By year, what was signed later. It takes the place of the official calendar of that year."""

    def settled(self, year: int) -> bool:
        """Tell whether the working days of `year` are signed. If not, they are those of ordinary weeks, for now."""
        return year in self.tables or year in self.years

    def is_working_day(self, day: date) -> bool:
        """Tell whether `day` is worked."""
        if (table := self.tables.get(day.year)) is not None:
            return WorkingCalendar.ordinary(day) if day not in table else table[day] is Day.WORK
        return _OFFICIAL.is_working_day(day) if day.year in self.years else WorkingCalendar.ordinary(day)


_OFFICIAL = WorkingCalendar()


def _chain(signed: Sequence[Proposal]) -> list[Version]:
    """Return the versions that count, each replacing the one before, not yet cut at the next."""
    chain: list[Version] = []
    for proposal in signed:
        terms, counts_from = proposal.subject, proposal.counts_from
        if not isinstance(terms, TermsV1) or counts_from is None:
            continue
        before = chain[-1] if chain else None
        if terms.version != len(chain) + 1 or terms.replaces != (before.digest if before else None):
            continue
        if before is not None and terms.members != before.terms.members:
            continue
        first = max(terms.valid_from, counts_from)
        chain.append(Version(terms, proposal.cosigning.digest, first, terms.valid_until))
    return chain


def _cut(chain: Sequence[Version], endings: Sequence[tuple[date, str]]) -> list[Version]:
    """Return the versions, each until the next one or the ending; those left without a day go."""
    over = min((last for last, ends in endings if ends in {version.digest for version in chain}), default=date.max)
    cut = []
    for at, version in enumerate(chain):
        begins = [later.first for later in chain[at + 1 :]]
        last = min([version.last, over, *(first - _DAY for first in begins)])
        if version.first <= last:
            cut.append(Version(version.terms, version.digest, version.first, last))
    return cut
