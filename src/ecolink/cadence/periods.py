"""Months, quarters and years as an agreement counts them, in Asia/Shanghai."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Self

from ecolink.protocol.kinds.agreements import PeriodKind

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_LABEL = re.compile(r"(?P<year>[0-9]{4})(?:-Q(?P<quarter>[1-4])|-(?P<month>0[1-9]|1[0-2]))?")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One month, quarter or year. Ordered by time among periods of one kind."""

    first: date
    kind: PeriodKind

    @classmethod
    def containing(cls, day: date, kind: PeriodKind) -> Self:
        """Return the period of that kind in which `day` lies."""
        months = _MONTHS[kind]
        return cls(date(day.year, (day.month - 1) // months * months + 1, 1), kind)

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, label: str) -> Self:
        """Read a label: `2026-07`, `2026-Q3` or `2026`.

        Raises:
            ValueError: it is none.

        """
        found = _LABEL.fullmatch(label)
        if found is None:
            raise ValueError(f"a period is written 2026-07, 2026-Q3 or 2026, not {label!r}")
        year, quarter, month = int(found["year"]), found["quarter"], found["month"]
        if quarter:
            return cls(date(year, int(quarter) * 3 - 2, 1), "quarter")
        return cls(date(year, int(month), 1), "month") if month else cls(date(year, 1, 1), "year")

    @property
    def last(self) -> date:
        """Its last day."""
        month = self.first.month + _MONTHS[self.kind] - 1
        return date(self.first.year, month, monthrange(self.first.year, month)[1])

    @property
    def number(self) -> int:
        """How many periods of its kind went before it since the year 0."""
        return (self.first.year * 12 + self.first.month - 1) // _MONTHS[self.kind]

    @property
    def label(self) -> str:
        """As people and keys write it: `2026-07`, `2026-Q3`, `2026`."""
        match self.kind:
            case "month":
                return f"{self.first:%Y-%m}"
            case "quarter":
                return f"{self.first:%Y}-Q{(self.first.month + 2) // 3}"
            case "year":
                return f"{self.first:%Y}"

    def next(self) -> "Period":
        """Return the one after it."""
        year, month = divmod(self.first.year * 12 + self.first.month - 1 + _MONTHS[self.kind], 12)
        return Period(date(year, month + 1, 1), self.kind)

    def __contains__(self, day: date) -> bool:
        """Tell whether `day` lies in it."""
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return self.label


@lru_cache(maxsize=1024)
def periods(first: date, last: date, kind: PeriodKind) -> tuple[Period, ...]:
    """Return the periods whose first day lies between two days, both included."""
    found = []
    period = Period.containing(first, kind)
    if period.first < first:
        period = period.next()
    while period.first <= last:
        found.append(period)
        period = period.next()
    return tuple(found)
