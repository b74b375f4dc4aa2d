"""From an agreement to what is due: the same obligations with the same keys at every party, without a word.

A period is governed by the terms and the calendar that count on its first day. So an agreement that begins within a
period obliges from the next one on, an amendment changes no period that has begun, and a calendar signed late moves no
day somebody already works towards. What would be due after its terms or the whole agreement have ended is not due.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property

from ecolink.cadence.agreements import AgreedCalendar, Agreement
from ecolink.cadence.deadlines import end_of_day
from ecolink.cadence.periods import Period, periods
from ecolink.cadence.rules import rule_days
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.agreements import DutyV1, Level, RotationV1

MORNING = time(9, 0, tzinfo=CHINA)
"""When reminders and escalations of a day come: the start of office hours in Asia/Shanghai."""


@dataclass(frozen=True, slots=True)
class Step:
    """Somebody is told: a reminder before, or an escalation after."""

    code: str
    """`remind-7`, `remind-0`, `overdue`, `escalate-3`: with the obligation's key it is what is done once."""
    at: datetime
    to: Level | None
    """Who among us; None: the other parties, who are told that it is late."""


@dataclass(frozen=True)
class Obligation:
    """One thing due in one period under one agreement."""

    agreement: str
    duty: DutyV1
    period: Period
    parties: frozenset[str]
    """Whom it binds."""
    convener: str | None
    """Whose turn it is to see to it; None where the parties do not take turns."""
    terms: str
    """Digest of the terms that govern it."""
    due_on: date
    settled: bool
    """Whether the working days the due day hangs on are signed. If not it may still move."""

    @property
    def key(self) -> str:
        """Its name at every party: `sn-qy-151/liaison/2026-07`."""
        return f"{self.agreement}/{self.duty.code}/{self.period.label}"

    @property
    def opens_at(self) -> datetime:
        """When it is shown as open: the first moment of its period, or the duty's days before it is due."""
        first = self.period.first
        if self.duty.opens_days is not None:
            first = max(first, self.due_on - timedelta(days=self.duty.opens_days))
        return datetime.combine(first, time(0, tzinfo=CHINA))

    @property
    def due_at(self) -> datetime:
        """The last second of the due day."""
        return end_of_day(self.due_on)

    @property
    def grace_until(self) -> datetime:
        """Until when nobody is bothered. Whatever is done after `due_at` is late all the same."""
        return end_of_day(self.due_on + timedelta(days=self.duty.grace_days))

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Everything that somebody is told of it while it is not done, in order of time; nothing before it opens."""
        beyond = self.due_on + timedelta(days=self.duty.grace_days)
        steps = [
            *(
                Step(f"remind-{days}", _morning(self.due_on, -days), "liaison_officer")
                for days in self.duty.remind_days
            ),
            Step("overdue", _morning(beyond, 1), None),
            *(Step(f"escalate-{up.after_days}", _morning(beyond, up.after_days), up.to) for up in self.duty.escalate),
        ]
        return tuple(sorted((step for step in steps if step.at >= self.opens_at), key=lambda step: step.at))


def derive(agreement: Agreement, first: date, last: date) -> Iterator[Obligation]:
    """Go through the obligations of all periods that begin between two days (both included), duty by duty.

    Pure: the same agreement gives the same obligations everywhere and at any time.
    """
    for version in agreement.versions:
        begins, ends = max(first, version.first), min(last, version.last)
        over = min(version.terms.valid_until, agreement.versions[-1].last)
        for duty in version.terms.duties:
            parties = frozenset(duty.between) or version.terms.members
            for period in periods(begins, ends, duty.period):
                due_on, settled = due_day(duty, period, agreement.calendar_on(period.first))
                if due_on <= over:
                    yield Obligation(
                        agreement=agreement.code,
                        duty=duty,
                        period=period,
                        parties=parties,
                        convener=convener(version.terms.rotation, period),
                        terms=version.digest,
                        due_on=due_on,
                        settled=settled,
                    )


def due_day(duty: DutyV1, period: Period, calendar: AgreedCalendar) -> tuple[date, bool]:
    """Return the day on which a duty is due in a period, and whether the working days it hangs on are signed.

    A day that is not worked may move beyond its period's end, but never before its beginning: where no day up to it
    is worked, as on 1 October, it moves to the next one that is.

    Raises:
        ValueError: the rule names no day in the period, or more than one.

    """
    (named,) = rule_days(duty.rule, period)
    if duty.working_day == "as-is":
        return named, True
    settled = True
    if duty.working_day == "before":
        for step in range((named - period.first).days + 1):
            day = named - timedelta(days=step)
            settled = settled and calendar.settled(day)
            if calendar.is_working_day(day):
                return day, settled
    day = named
    while not calendar.is_working_day(day):
        settled = settled and calendar.settled(day)
        day += timedelta(days=1)
    return day, settled and calendar.settled(day)


def _morning(day: date, later: int) -> datetime:
    return datetime.combine(day + timedelta(days=later), MORNING)


def convener(rotation: RotationV1 | None, period: Period) -> str | None:
    """Return whose turn it is in a period; None where the parties take no turns."""
    if rotation is None:
        return None
    begins = Period.parse(rotation.begins)
    turn = Period.containing(period.first, rotation.period).number - begins.number
    return rotation.order[turn % len(rotation.order)]
