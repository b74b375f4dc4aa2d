"""Working days in the People's Republic of China.

Each November the State Council's General Office announces the next year's holidays and the weekends
worked in exchange for them (调休). Until then nobody knows them. The `holidays` package carries the
announced years; a table of our own carries what came later, or what a region adds. A year that stands in
neither is computed from the law's fixed holidays with ordinary weekends, and `published` says so.
"""

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from io import StringIO
from types import MappingProxyType

from ecolink.kit import canonical
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.agreements import CalendarDayV1, CalendarV1, notice_year

_SATURDAY = 5


class Day(StrEnum):
    """What an announced day is."""

    OFF = "off"
    WORK = "work"


@dataclass(frozen=True)
class Year:
    """One year's days that differ from the ordinary week, and whether they were announced."""

    days: Mapping[date, Day]
    published: bool


class WorkingDays(ABC):
    """Which days are worked. Days are those of Asia/Shanghai."""

    __slots__ = ()

    @abstractmethod
    def is_working_day(self, day: date) -> bool:
        """Tell whether `day` is worked."""

    def add_working_days(self, day: date, count: int) -> date:
        """Return the `count`-th working day after `day`; `day` itself does not count.

        Raises:
            ValueError: `count` is not positive.

        """
        if count < 1:
            raise ValueError("count working days from 1")
        while count:
            day += timedelta(days=1)
            count -= self.is_working_day(day)
        return day

    def working_days_between(self, first: date, last: date) -> int:
        """Count the working days after `first`, up to and including `last`; 0 when `last` is not later."""
        return sum(self.is_working_day(first + timedelta(days=step + 1)) for step in range((last - first).days))


@dataclass(frozen=True)
class WorkingCalendar(WorkingDays):
    """The working days as this node knows them.

    `table` holds announced days by date. In a year whose notice the `holidays` package knows, they amend it; in
    any other year they are taken as the whole notice.
    """

    table: Mapping[date, Day] = field(default_factory=dict)

    def published(self, year: int) -> bool:
        """Tell whether the adjusted weekends of `year` are known rather than computed."""
        return self._year(year).published

    def is_working_day(self, day: date) -> bool:
        """Tell whether `day` is worked: announced so, or an ordinary weekday that is no holiday."""
        announced = self._year(day.year).days.get(day)
        return self.ordinary(day) if announced is None else announced is Day.WORK

    @staticmethod
    def ordinary(day: date) -> bool:
        """Tell whether `day` is worked in an ordinary week, Monday to Friday."""
        return day.weekday() < _SATURDAY

    def _year(self, year: int) -> Year:
        announced = {day: kind for day, kind in self.table.items() if day.year == year}
        known = _packaged(year)
        if not announced:
            return known
        return Year({**known.days, **announced} if known.published else announced, published=True)


def china_day(moment: datetime) -> date:
    """Return the calendar day of `moment` in Asia/Shanghai."""
    return moment.astimezone(CHINA).date()


@cache
def published_days(year: int) -> Mapping[date, Day]:
    """Return the days that the notice of `year` sets apart from the ordinary week, from December before to November.

    Raises:
        ValueError: it is not published, or this software is older than the notice.

    """
    if not _packaged(year).published:
        raise ValueError(f"the working calendar of {year} is not published, as far as this software knows")
    days = {**_packaged(year - 1).days, **_packaged(year).days}
    return MappingProxyType(
        {
            day: kind
            for day, kind in sorted(days.items())
            if notice_year(day) == year and (kind is Day.WORK) is not WorkingCalendar.ordinary(day)
        }
    )


def published_digest(years: Iterable[int]) -> str:
    """Return the digest of what the notices of `years` say: the same wherever the same days are known.

    Only the days count that differ from the ordinary week, not how a library names or groups them.

    Raises:
        ValueError: a year is not published.

    """
    tables = {
        str(year): {day.isoformat(): kind.value for day, kind in published_days(year).items()} for year in set(years)
    }
    return canonical.sha256_hex(canonical.dumps(tables))


def calendar_of(year: int, table: Mapping[date, Day], source: str) -> CalendarV1:
    """Return the working days of one year as the parties of an agreement may sign them, from an override table.

    As in `WorkingCalendar`, the table amends a notice that is known and is the whole notice where none is. `source`
    names the notice. Days of other years are left alone.

    Raises:
        ValueError: the table says nothing that makes this year differ from ordinary weeks.

    """
    days = {day: kind for day, kind in table.items() if notice_year(day) == year}
    if not days:
        raise ValueError(f"the table names no day between December {year - 1} and November {year}")
    if _packaged(year).published:
        days = {**published_days(year), **days}
    differing = [
        CalendarDayV1(date=day, day=kind.value)
        for day, kind in sorted(days.items())
        if (kind is Day.WORK) is not WorkingCalendar.ordinary(day)
    ]
    if not differing:
        raise ValueError(f"the table of {year} says nothing that ordinary weeks do not")
    return CalendarV1(year=year, days=tuple(differing), source=source).settled()


def read_table(text: str) -> Mapping[date, Day]:
    """Read an override table: CSV with the columns `date` (ISO 8601), `day` (`off` or `work`) and any others.

    Raises:
        ValueError: a column is missing, a value is wrong, or a date stands twice; the message names the line.

    """
    table: dict[date, Day] = {}
    rows = csv.DictReader(StringIO(text.removeprefix("\ufeff")))
    for row in rows:
        try:
            day, kind = date.fromisoformat(row["date"].strip()), Day(row["day"].strip())
        except (KeyError, ValueError, AttributeError) as fault:
            raise ValueError(f"calendar table, line {rows.line_num}: expected date,day with day off or work") from fault
        if day in table:
            raise ValueError(f"calendar table, line {rows.line_num}: {day} stands twice")
        table[day] = kind
    return MappingProxyType(table)


@cache
def _packaged(year: int) -> Year:
    # Imported on first use: loading it costs a fifth of a second that a start-up need not pay.
    from holidays.countries.china import China  # noqa: PLC0415

    if not China.start_year <= year < China.end_year:
        return Year({}, published=False)
    # Days worked at the end of a year may be announced with the year that follows (31 December 2011).
    calendar = China(years=(year, year + 1))  # type: ignore[no-untyped-call] # the package is typed but for this
    off = {day: Day.OFF for day in calendar if day.year == year}
    work = {day: Day.WORK for day in calendar.weekend_workdays if day.year == year}
    # Every notice exchanges weekends and no computation can guess them: where there are some, the notice is known.
    return Year(MappingProxyType(off | work), published=bool(work))
