"""When a person must have signed for something, and when it must be answered.

Every number is a member of `DeadlinePolicy`, with its source; settings or an agreement may replace each.
Terms in minutes and hours run from moment to moment. Terms in days and working days do not count the day of
receipt and end with the last day, 23:59:59 in Asia/Shanghai (Criminal Procedure Law art. 105); unlike the
law we do not extend a term whose last day is a holiday, so that nobody is late by relying on us.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Self

from ecolink.cadence.calendars import WorkingDays, china_day
from ecolink.kit.times import CHINA

LONGEST = 100_000
"""Minutes, hours or days that a term may have: enough for any, and no date runs out of the calendar by it."""
_LAST_SECOND = time(23, 59, 59, tzinfo=CHINA)


class Urgency(StrEnum):
    """How soon a lead must be taken on and answered."""

    VERY_URGENT = "U1"
    URGENT = "U2"
    ORDINARY = "U3"


@dataclass(frozen=True, kw_only=True)
class DeadlinePolicy:
    """The terms in force. (L) is law, (P) our own policy that an agreement may replace.

    Raises:
        ValueError: a term is not positive, or the escalations do not ascend.

    """

    very_urgent_receipt_minutes: int = 30
    """U1: a person signs within 30 minutes (P)."""
    very_urgent_answer_hours: int = 8
    """U1: answered within 8 hours (P)."""
    urgent_receipt_hours: int = 2
    """U2: a person signs within 2 hours (P)."""
    urgent_answer_days: int = 3
    """U2: answered within 3 days (P)."""
    ordinary_receipt_working_days: int = 1
    """U3: a person signs within 1 working day (P)."""
    identity_answer_days: int = 7
    """U3, identity, age or criminal history: 7 days (L, Procedure Rules for Criminal Cases art. 353)."""
    remote_identity_answer_days: int = 15
    """The same in a remote area that is very hard to reach, with a reason: 15 days (L, art. 353)."""
    evidence_interim_days: int = 7
    """U3, evidence and other: the law says "without delay" (L); an interim answer within 7 days (P)."""
    evidence_answer_days: int = 15
    """U3, evidence and other: the final answer within 15 days (P)."""
    transfer_hours: int = 24
    """A lead that belongs elsewhere is passed on within 24 hours (L, art. 175, for cases; art. 349 says "in time")."""
    emergency_machine_minutes: int = 2
    """Emergency: the other node's receipt within 2 minutes (P), else 'call them'."""
    emergency_person_minutes: int = 15
    """Emergency: a person signs within 15 minutes (P)."""
    emergency_escalation_minutes: tuple[int, ...] = (15, 30)
    """Emergency: nobody signed, escalate after 15 and again after 30 minutes (P)."""
    emergency_update_minutes: int = 60
    """Emergency: news every hour while it is open (P)."""

    def __post_init__(self) -> None:
        """Refuse terms that could never be kept."""
        for member in fields(self):
            value = getattr(self, member.name)
            terms = value if isinstance(value, tuple) else (value,)
            if not terms or min(terms) < 1 or max(terms) > LONGEST or list(terms) != sorted(set(terms)):
                raise ValueError(f"{member.name}: terms are between 1 and {LONGEST}, and ascend: {value}")

    @classmethod
    def named(cls, terms: Mapping[str, int | tuple[int, ...]]) -> Self:
        """Return the built-in terms with those replaced that are named.

        Raises:
            ValueError: a name is no term, it is not written as the built-in one is, or it could never be kept.

        """
        built_in = {member.name: member.default for member in fields(cls)}
        for name, value in terms.items():
            if name not in built_in:
                raise ValueError(f"{name} is no term of answer")
            if isinstance(value, tuple) != isinstance(built_in[name], tuple):
                raise ValueError(f"{name} is written like {built_in[name]!r}")
        return cls(**terms)  # type: ignore[arg-type]  # compared with the built-in ones above

    def person_receipt_due(self, urgency: str, received_at: datetime, calendar: WorkingDays) -> datetime:
        """Return when a person must have signed for a lead received at `received_at` (the signed time).

        Raises:
            ValueError: `urgency` is none of U1, U2, U3.

        """
        match Urgency(urgency):
            case Urgency.VERY_URGENT:
                return received_at + timedelta(minutes=self.very_urgent_receipt_minutes)
            case Urgency.URGENT:
                return received_at + timedelta(hours=self.urgent_receipt_hours)
            case Urgency.ORDINARY:
                day = calendar.add_working_days(china_day(received_at), self.ordinary_receipt_working_days)
                return end_of_day(day)

    def answer_due(
        self, urgency: str, received_at: datetime, *, identity_check: bool, remote_area: bool = False
    ) -> datetime:
        """Return when the final answer to a lead is due.

        `identity_check`: identity, age or criminal history is asked, and nothing more. `remote_area` lengthens
        only that term, as the law has it.

        Raises:
            ValueError: `urgency` is none of U1, U2, U3.

        """
        match Urgency(urgency):
            case Urgency.VERY_URGENT:
                return received_at + timedelta(hours=self.very_urgent_answer_hours)
            case Urgency.URGENT:
                return days_after(received_at, self.urgent_answer_days)
            case Urgency.ORDINARY if not identity_check:
                return days_after(received_at, self.evidence_answer_days)
            case Urgency.ORDINARY:
                days = self.remote_identity_answer_days if remote_area else self.identity_answer_days
                return days_after(received_at, days)

    def interim_due(self, urgency: str, received_at: datetime, *, identity_check: bool) -> datetime | None:
        """Return when an interim answer is due; None where only the final one has a term.

        Raises:
            ValueError: `urgency` is none of U1, U2, U3.

        """
        if Urgency(urgency) is Urgency.ORDINARY and not identity_check:
            return days_after(received_at, self.evidence_interim_days)
        return None

    def transfer_due(self, received_at: datetime) -> datetime:
        """Return when a lead that belongs elsewhere must have been passed on."""
        return received_at + timedelta(hours=self.transfer_hours)

    def emergency_machine_due(self, sent_at: datetime) -> datetime:
        """Return when the other node's receipt must be here, else somebody telephones."""
        return sent_at + timedelta(minutes=self.emergency_machine_minutes)

    def emergency_person_due(self, received_at: datetime) -> datetime:
        """Return when a person at the receiving bureau must have signed for an emergency."""
        return received_at + timedelta(minutes=self.emergency_person_minutes)

    def emergency_escalations(self, received_at: datetime) -> tuple[datetime, ...]:
        """Return the moments at which an emergency nobody signed for goes up the escalation chain."""
        return tuple(received_at + timedelta(minutes=step) for step in self.emergency_escalation_minutes)

    def emergency_update_due(self, last_told_at: datetime) -> datetime:
        """Return when the author of an open emergency owes the next news."""
        return last_told_at + timedelta(minutes=self.emergency_update_minutes)


def is_overdue(due: datetime | None, now: datetime, *, done_at: datetime | None = None) -> bool:
    """Tell whether what was due at `due` came later (`done_at`), or has not come and `now` is later."""
    return due is not None and (done_at or now) > due


def days_after(received_at: datetime, days: int) -> datetime:
    """Return the end of the `days`-th calendar day after the day of `received_at`, Asia/Shanghai."""
    return end_of_day(china_day(received_at) + timedelta(days=days))


def end_of_day(day: date) -> datetime:
    """Return the last second of `day` in Asia/Shanghai."""
    return datetime.combine(day, _LAST_SECOND)
