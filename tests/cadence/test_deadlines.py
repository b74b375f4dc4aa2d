"""The table of terms: when a bureau must have signed for something, and when it must answer."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.cadence.calendars import WorkingCalendar
from ecolink.cadence.deadlines import LONGEST, DeadlinePolicy, is_overdue
from ecolink.kit.times import CHINA

POLICY = DeadlinePolicy()
CALENDAR = WorkingCalendar()
WEDNESDAY = datetime(2026, 9, 30, 10, 0, tzinfo=CHINA)


def end(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 23, 59, 59, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("urgency", "due"),
    [
        ("U1", WEDNESDAY + timedelta(minutes=30)),
        ("U2", WEDNESDAY + timedelta(hours=2)),
        ("U3", end(2026, 10, 8)),  # the National Day week lies between
    ],
)
def test_a_person_signs_within_the_term_of_the_urgency(urgency: str, due: datetime) -> None:
    assert POLICY.person_receipt_due(urgency, WEDNESDAY, CALENDAR) == due


@pytest.mark.parametrize(
    ("urgency", "identity_check", "remote_area", "due"),
    [
        ("U1", False, False, WEDNESDAY + timedelta(hours=8)),
        ("U1", True, True, WEDNESDAY + timedelta(hours=8)),
        ("U2", False, False, end(2026, 10, 3)),
        ("U3", True, False, end(2026, 10, 7)),
        ("U3", True, True, end(2026, 10, 15)),
        ("U3", False, False, end(2026, 10, 15)),
        ("U3", False, True, end(2026, 10, 15)),
    ],
)
def test_an_answer_is_due_by_urgency_and_what_is_asked(
    urgency: str, identity_check: bool, remote_area: bool, due: datetime
) -> None:
    assert POLICY.answer_due(urgency, WEDNESDAY, identity_check=identity_check, remote_area=remote_area) == due


def test_a_term_is_as_long_as_may_be_and_no_longer() -> None:
    assert DeadlinePolicy(urgent_answer_days=LONGEST).urgent_answer_days == LONGEST
    with pytest.raises(ValueError, match="urgent_answer_days"):
        DeadlinePolicy(urgent_answer_days=LONGEST + 1)


def test_only_ordinary_evidence_has_an_interim_answer() -> None:
    assert POLICY.interim_due("U3", WEDNESDAY, identity_check=False) == end(2026, 10, 7)
    assert POLICY.interim_due("U3", WEDNESDAY, identity_check=True) is None
    assert POLICY.interim_due("U1", WEDNESDAY, identity_check=False) is None


def test_a_term_in_days_is_counted_in_shanghai_not_in_utc() -> None:
    late_evening_utc = datetime(2026, 10, 31, 17, 0, tzinfo=UTC)  # 1 November, 01:00 in Shanghai
    assert POLICY.answer_due("U3", late_evening_utc, identity_check=True) == end(2026, 11, 8)


def test_a_term_over_the_end_of_february_ends_on_the_right_day() -> None:
    received = datetime(2028, 2, 26, 9, 0, tzinfo=CHINA)
    assert POLICY.answer_due("U2", received, identity_check=False) == end(2028, 2, 29)


def test_an_emergency_is_receipted_in_two_minutes_signed_in_fifteen_and_escalated_twice() -> None:
    assert POLICY.emergency_machine_due(WEDNESDAY) == WEDNESDAY + timedelta(minutes=2)
    assert POLICY.emergency_person_due(WEDNESDAY) == WEDNESDAY + timedelta(minutes=15)
    assert POLICY.emergency_escalations(WEDNESDAY) == tuple(WEDNESDAY + timedelta(minutes=m) for m in (15, 30))
    assert POLICY.emergency_update_due(WEDNESDAY) == WEDNESDAY + timedelta(hours=1)


def test_a_lead_that_belongs_elsewhere_is_passed_on_within_a_day() -> None:
    assert POLICY.transfer_due(WEDNESDAY) == WEDNESDAY + timedelta(hours=24)


def test_an_agreement_may_set_other_terms() -> None:
    strict = DeadlinePolicy(urgent_answer_days=1, emergency_escalation_minutes=(5, 10, 20))
    assert strict.answer_due("U2", WEDNESDAY, identity_check=False) == end(2026, 10, 1)
    assert len(strict.emergency_escalations(WEDNESDAY)) == 3


def test_impossible_terms_are_refused() -> None:
    with pytest.raises(ValueError, match="urgent_answer_days"):
        DeadlinePolicy(urgent_answer_days=0)
    with pytest.raises(ValueError, match="escalation"):
        DeadlinePolicy(emergency_escalation_minutes=(30, 15))
    with pytest.raises(ValueError, match="escalation"):
        DeadlinePolicy(emergency_escalation_minutes=())


def test_an_unknown_urgency_is_refused() -> None:
    with pytest.raises(ValueError, match="U4"):
        POLICY.answer_due("U4", WEDNESDAY, identity_check=False)


def test_what_came_in_time_is_never_overdue_and_what_came_late_stays_so() -> None:
    due = end(2026, 10, 7)
    assert not is_overdue(due, due)
    assert is_overdue(due, due + timedelta(seconds=1))
    assert not is_overdue(due, due + timedelta(days=9), done_at=due)
    assert is_overdue(due, due, done_at=due + timedelta(seconds=1))
    assert not is_overdue(None, due)


@given(
    st.sampled_from(["U1", "U2", "U3"]),
    st.booleans(),
    st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - made aware below
)
def test_a_person_always_signs_before_the_answer_is_due(urgency: str, identity: bool, naive: datetime) -> None:
    received = naive.replace(tzinfo=CHINA)
    answer = POLICY.answer_due(urgency, received, identity_check=identity)
    interim = POLICY.interim_due(urgency, received, identity_check=identity)
    assert received < answer
    assert interim is None or interim < answer
    assert received < POLICY.person_receipt_due(urgency, received, CALENDAR)
