"""The compliance report: of what was due in a year, what was met in time, made up late, waived, and what is missing.

Only what all parties signed counts as met. Where it was late or is missing, the report says on which side: who had done
its part when it was due is known from signed records too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.cadence.standing import State
from ecolink.exchanges.obligations.models import ObligationRow


class Outcome(StrEnum):
    """What became of an obligation."""

    NOT_DUE = "not_due"
    ON_TIME = "on_time"
    """All parties had signed when it was due."""
    MADE_UP = "made_up"
    """All parties signed, later."""
    WAIVED = "waived"
    MISSING = "missing"


class Fault(StrEnum):
    """On which side it was late, whether it was made up since or is missing."""

    PARTNER = "partner"
    """We recorded in time, they did not confirm in time."""
    OURS = "ours"
    """They recorded in time, we did not confirm in time."""
    UNSIGNED = "unsigned"
    """Everybody did its part in time, and the common signature came later, or not."""
    NOBODY = "nobody"
    """Nobody recorded anything in time."""


class Group(NamedTuple):
    """Obligations that are counted together."""

    partner: str
    agreement: str
    duty: str


@dataclass
class Figures:
    """How many obligations ended how."""

    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    faults: dict[Fault, int] = field(default_factory=lambda: dict.fromkeys(Fault, 0))
    """Of those made up and missing, on which side it was."""

    def count(self, outcome: Outcome, fault: Fault | None) -> None:
        """Add one obligation."""
        self.outcomes[outcome] += 1
        if fault is not None:
            self.faults[fault] += 1

    @property
    def due(self) -> int:
        """How many had fallen due."""
        return sum(self.outcomes.values()) - self.outcomes[Outcome.NOT_DUE]

    @property
    def in_time_percent(self) -> float | None:
        """Of those due and not waived, the share met in time; None when there were none."""
        owed = self.due - self.outcomes[Outcome.WAIVED]
        return round(100 * self.outcomes[Outcome.ON_TIME] / owed, 1) if owed else None


@dataclass(frozen=True)
class Line:
    """One row of the report."""

    group: Group
    names: tuple[str, str, str, str]
    """The agreement's and the duty's, in Chinese and in English: those of the newest terms."""
    figures: Figures


@dataclass(frozen=True)
class Report:
    """The figures of one year, as of a moment."""

    year: int
    as_of: datetime
    lines: Sequence[Line]
    """By partner, agreement and duty. What several partners share stands with each of them."""
    total: Figures
    """Each obligation once."""


def compile_report(
    session: Session, us: str, year: int, now: datetime, *, partner: str | None = None, agreement: str | None = None
) -> Report:
    """Count what was due in the periods that began in `year`, by this node's clock at `now`."""
    chosen = (
        select(ObligationRow)
        .where(
            ObligationRow.period_first >= date(year, 1, 1),
            ObligationRow.period_first <= date(year, 12, 31),
            ObligationRow.binds,
        )
        .order_by(ObligationRow.period_first)
    )
    if agreement is not None:
        chosen = chosen.where(ObligationRow.agreement == agreement)
    lines: dict[Group, Line] = {}
    total = Figures()
    for row in session.scalars(chosen.execution_options(yield_per=500)):
        groups = [group for group in _groups(row, us) if partner in (None, group.partner)]
        if not groups:
            continue
        outcome, fault = what_became_of(row, us, now)
        total.count(outcome, fault)
        for group in groups:
            figures = lines[group].figures if group in lines else Figures()
            figures.count(outcome, fault)
            lines[group] = Line(group, _names(row), figures)
    return Report(year, now, [lines[group] for group in sorted(lines)], total)


def what_became_of(row: ObligationRow, us: str, now: datetime) -> tuple[Outcome, Fault | None]:
    """Return how an obligation ended, and on which side it was late."""
    match row.state:
        case State.WAIVED:
            return Outcome.WAIVED, None
        case State.FULFILLED if not row.late:
            return Outcome.ON_TIME, None
        case State.FULFILLED:
            return Outcome.MADE_UP, _fault(us, row.parties, row.done_in_time)
        case _ if now <= row.due_at:
            return Outcome.NOT_DUE, None
        case _:
            return Outcome.MISSING, _fault(us, row.parties, row.done_in_time)


def _fault(us: str, parties: Iterable[str], done_in_time: Sequence[str]) -> Fault:
    if not done_in_time:
        return Fault.NOBODY
    if us not in done_in_time:
        return Fault.OURS
    return Fault.UNSIGNED if {*parties} <= {*done_in_time} else Fault.PARTNER


def _groups(row: ObligationRow, us: str) -> Iterator[Group]:
    for party in row.parties:
        if party != us:
            yield Group(party, row.agreement, row.duty)


def _names(row: ObligationRow) -> tuple[str, str, str, str]:
    terms = row.definition
    duty = terms.definition
    return terms.agreement_zh, terms.agreement_en, str(duty["name_zh"]), str(duty["name_en"])
