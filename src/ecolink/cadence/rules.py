"""The rule by which a due day is named: the part of RRULE that picks days of a month or a year.

`FREQ=MONTHLY` or `FREQ=YEARLY`, with `BYMONTHDAY` or `BYDAY`, narrowed by `BYMONTH` and `BYSETPOS` (RFC 5545 section
3.3.10). The usual ones: `FREQ=MONTHLY;BYMONTHDAY=-1`, the last day of each month; `FREQ=YEARLY;BYMONTH=3,6,9,12;
BYMONTHDAY=-1`, of each quarter; `FREQ=MONTHLY;BYDAY=-1FR`, the last Friday.

Only the days of one period are looked at. A general library follows a rule such as 30 February to the year 9999, and
terms come from other bureaus (docs/decisions/0037).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Self

from ecolink.cadence.periods import Period, periods

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MONTH_DAYS, _WEEKS = 31, 53
_NAMES = {"FREQ", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS"}
_DAY_OF_WEEK = re.compile(rf"(?P<which>[+-]?[0-9]{{1,2}})?(?P<day>{'|'.join(_WEEKDAYS)})")


@dataclass(frozen=True, slots=True)
class DueRule:
    """Picks days out of each month, or out of each year."""

    yearly: bool
    months: frozenset[int]
    """Empty: every month."""
    month_days: frozenset[int]
    """Counted from the month's first day, negative ones from its last; empty: every day."""
    weekdays: frozenset[tuple[int, int]]
    """Which one (0: each; negative ones from the last) of what day of the week (Monday: 0); empty: every day."""
    positions: tuple[int, ...]
    """Which of the days that are left, in each month or year; empty: all."""

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> Self:
        """Read an RRULE.

        Raises:
            ValueError: it is none, or says more than which days of a month or a year; the message tells what.

        """
        parts = _parts(text)
        if parts.get("FREQ") not in ("MONTHLY", "YEARLY"):
            raise ValueError("it begins with FREQ=MONTHLY or FREQ=YEARLY")
        if not parts.keys() & {"BYMONTHDAY", "BYDAY"}:
            raise ValueError("it names no day: BYMONTHDAY or BYDAY is missing")
        months = _numbers(parts, "BYMONTH", 12)
        if min(months, default=1) < 1:
            raise ValueError("BYMONTH is from 1 to 12")
        return cls(
            yearly=parts["FREQ"] == "YEARLY",
            months=frozenset(months),
            month_days=frozenset(_numbers(parts, "BYMONTHDAY", _MONTH_DAYS)),
            weekdays=frozenset(_weekdays(parts)),
            positions=_numbers(parts, "BYSETPOS", 366),
        )

    def pick(self, span: Period) -> tuple[date, ...]:
        """Return the days it names of a whole month, or of a whole year."""
        named: list[date] = []
        for month in periods(span.first, span.last, "month"):
            if not self.months or month.first.month in self.months:
                # The second Friday is the month's; the year's only where a rule for the year names no month.
                named += self._named(month, month if self.months else span)
        if self.positions:
            named = [named[at - (at > 0)] for at in self.positions if abs(at) <= len(named)]
        return tuple(sorted(set(named)))

    def _named(self, month: Period, counted: Period) -> Iterator[date]:
        for number in range(1, month.last.day + 1):
            day = month.first.replace(day=number)
            if self.month_days and not self.month_days & {number, number - month.last.day - 1}:
                continue
            which = {0, (day - counted.first).days // 7 + 1, -((counted.last - day).days // 7 + 1)}
            if not self.weekdays or any((each, day.weekday()) in self.weekdays for each in which):
                yield day


@lru_cache(maxsize=16_384)
def rule_days(rule: str, period: Period) -> tuple[date, ...]:
    """Return the days a rule names within a period, in order.

    Raises:
        ValueError: it is no such rule.

    """
    if DueRule.parse(rule).yearly:
        spans = [Period.containing(period.first, "year")]
    else:
        spans = list(periods(period.first, period.last, "month"))
    return tuple(day for span in spans for day in _picked(rule, span) if day in period)


@lru_cache(maxsize=16_384)
def _picked(rule: str, span: Period) -> tuple[date, ...]:
    return DueRule.parse(rule).pick(span)


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name in parts:
            raise ValueError(f"{part!r} is not NAME=VALUE, or stands twice")
        if name not in _NAMES:
            raise ValueError(f"{name} is not among {', '.join(sorted(_NAMES))}")
        parts[name] = value
    return parts


def _numbers(parts: dict[str, str], name: str, most: int) -> tuple[int, ...]:
    if name not in parts:
        return ()
    texts = parts[name].split(",")
    if not all(re.fullmatch(r"[+-]?[0-9]{1,3}", text) and 1 <= abs(int(text)) <= most for text in texts):
        raise ValueError(f"{name} is a list of whole numbers up to {most}, counted from 1, or from -1 backwards")
    return tuple(map(int, texts))


def _weekdays(parts: dict[str, str]) -> set[tuple[int, int]]:
    weekdays = set()
    for text in parts["BYDAY"].split(",") if "BYDAY" in parts else ():
        found = _DAY_OF_WEEK.fullmatch(text)
        which = int(found["which"] or 0) if found else 0
        if found is None or abs(which) > _WEEKS or (found["which"] and not which):
            raise ValueError("BYDAY is a list of days such as FR, 1MO (the first Monday) or -1FR (the last Friday)")
        weekdays.add((which, _WEEKDAYS.index(found["day"])))
    if len({which == 0 for which, _ in weekdays}) > 1:
        raise ValueError("BYDAY has numbers before all its days or before none")  # libraries read a mixture unlike
    return weekdays
