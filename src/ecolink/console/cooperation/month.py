"""A month in whole weeks: which days are worked by the agreements' calendars, and what is due or held on each."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.cadence.agreements import AgreedCalendar, Agreement
from ecolink.cadence.calendars import WorkingCalendar, china_day
from ecolink.cadence.deadlines import end_of_day
from ecolink.cadence.periods import Period
from ecolink.exchanges.consultations.models import Consultation, ConsultationTask
from ecolink.exchanges.consultations.rules import State
from ecolink.exchanges.obligations.filters import ObligationFilters
from ecolink.exchanges.obligations.models import ObligationRow
from ecolink.exchanges.obligations.schemas import ObligationLineOut
from ecolink.kit.times import CHINA
from ecolink.web.cooperation import Cooperation

_DAY: Final = timedelta(days=1)
_SUNDAY: Final = 6

Kind = Literal["worked", "weekend", "holiday", "made_up", "differs"]
"""As in an ordinary week (`worked`, `weekend`), else by the signed notices; `differs`: the agreements say different."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day, and what stands on it."""

    date: date
    kind: Kind
    is_of_month: bool
    duties: Sequence[ObligationLineOut]
    meetings: Sequence[Consultation]
    tasks: Sequence[ConsultationTask]

    @property
    def has_entries(self) -> bool:
        """Whether anything is due or held on it."""
        return bool(self.duties or self.meetings or self.tasks)


@dataclass(frozen=True, slots=True)
class Month:
    """A month in weeks from Monday to Sunday; its first and last may hold days of its neighbours."""

    period: Period
    weeks: Sequence[Sequence[Day]]
    is_settled: bool
    """Whether all parties signed which of its days are worked."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is due or held in it."""
        return not any(day.has_entries for week in self.weeks for day in week if day.is_of_month)


def month_of(session: Session, rooms: Cooperation, period: Period, agreement: str | None) -> Month:
    """Return a month of what is due under one agreement, or under all, with consultations and our own tasks."""
    first = period.first - period.first.weekday() * _DAY
    last = period.last + (_SUNDAY - period.last.weekday()) * _DAY
    calendars = _calendars(rooms.agreements.in_force(session), period, agreement)
    due = _due(session, rooms, ObligationFilters(due_after=first, due_before=last, agreement=agreement))
    meetings = _meetings(session, first, last)
    tasks = _tasks(session, rooms.consultations.us, first, last)
    days = [
        Day(day, _kind_of(day, calendars), day in period, due.get(day, ()), meetings.get(day, ()), tasks.get(day, ()))
        for day in (first + number * _DAY for number in range((last - first).days + 1))
    ]
    settled = all(calendar.settled(day.date) for calendar in calendars for day in days if day.is_of_month)
    return Month(period, [days[at : at + 7] for at in range(0, len(days), 7)], settled)


def _calendars(agreements: Iterable[Agreement], period: Period, code: str | None) -> list[AgreedCalendar]:
    """Return the calendars by which this month counts, of the agreements that are in force in it."""
    found = []
    for agreement in agreements:
        first = next((each.first for each in agreement.versions if each.last >= period.first), None)
        if code in (None, agreement.code) and first is not None and first <= period.last:
            found.append(agreement.calendar_on(max(first, period.first)))
    return found


def _kind_of(day: date, calendars: Sequence[AgreedCalendar]) -> Kind:
    is_ordinary = WorkingCalendar.ordinary(day)
    is_worked = {calendar.is_working_day(day) for calendar in calendars} or {is_ordinary}
    if len(is_worked) > 1:
        return "differs"
    if is_ordinary:
        return "worked" if True in is_worked else "holiday"
    return "made_up" if True in is_worked else "weekend"


def _due(session: Session, rooms: Cooperation, wanted: ObligationFilters) -> Mapping[date, list[ObligationLineOut]]:
    rows = session.scalars(wanted.select().where(ObligationRow.binds).order_by(*wanted.order)).all()
    found = defaultdict(list)
    for line in rooms.obligations.views.lines(session, rows):
        found[line.due_on].append(line)
    return found


def _meetings(session: Session, first: date, last: date) -> Mapping[date, list[Consultation]]:
    begins = datetime.combine(first, time(0, tzinfo=CHINA))
    dated = select(Consultation).where(
        Consultation.meets_at.between(begins, end_of_day(last)), Consultation.state != State.CANCELLED
    )
    found = defaultdict(list)
    for row in session.scalars(dated.order_by(Consultation.meets_at)):
        if row.meets_at is not None:
            found[china_day(row.meets_at)].append(row)
    return found


def _tasks(session: Session, us: str, first: date, last: date) -> Mapping[date, list[ConsultationTask]]:
    ours = select(ConsultationTask).where(ConsultationTask.owner == us, ConsultationTask.due_on.between(first, last))
    found = defaultdict(list)
    for task in session.scalars(ours.order_by(ConsultationTask.due_on, ConsultationTask.code)):
        found[task.due_on].append(task)
    return found
