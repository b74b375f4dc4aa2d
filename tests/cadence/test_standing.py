"""How an obligation stands, by what was signed and by the clock."""

from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import Obligation, derive
from ecolink.cadence.standing import Evidence, State, judge
from tests.support.agreements import LIAISON, terms
from tests.support.town import JINGNING, QINGYUAN, SHOUNING

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@cache
def july(**duty: object) -> Obligation:
    agreement = Agreement.assume(terms(duties=[{**LIAISON, **duty}]))
    (obligation,) = derive(agreement, date(2026, 7, 1), date(2026, 7, 1))
    return obligation


OBLIGATION = july()
DUE = OBLIGATION.due_at.astimezone(UTC)


def record(number: int, *signatures: tuple[str, datetime]) -> Cosigning:
    (author, at), *others = signatures
    written = Cosigning.begin(f"{number:064x}", author, [SHOUNING, QINGYUAN], at)
    for party, moment in others:
        written = written.sign(party, moment)
    return written


def test_it_opens_with_its_period_and_is_late_from_the_second_after_its_due_day() -> None:
    opens = OBLIGATION.opens_at
    assert judge(OBLIGATION, Evidence(), opens - SECOND).state is State.UPCOMING
    assert judge(OBLIGATION, Evidence(), opens).state is State.OPEN
    assert not judge(OBLIGATION, Evidence(), DUE).late
    overdue = judge(OBLIGATION, Evidence(), DUE + SECOND)
    assert (overdue.state, overdue.late, overdue.owing) == (State.OPEN, True, {SHOUNING, QINGYUAN})


def test_it_is_fulfilled_when_both_signed_the_same_record_and_not_before() -> None:
    alone = judge(OBLIGATION, Evidence([record(1, (SHOUNING, DUE - DAY))]), DUE)
    assert (alone.state, alone.owing, alone.done_in_time) == (State.BEGUN, {QINGYUAN}, {SHOUNING})
    both = judge(OBLIGATION, Evidence([record(1, (SHOUNING, DUE - DAY), (QINGYUAN, DUE))]), DUE + 30 * DAY)
    assert (both.state, both.late, both.fulfilled_at, both.owing) == (State.FULFILLED, False, DUE, set())
    assert both.done_in_time == {SHOUNING, QINGYUAN}


def test_who_recorded_in_time_is_told_from_who_confirmed_late() -> None:
    standing = judge(OBLIGATION, Evidence([record(1, (SHOUNING, DUE), (QINGYUAN, DUE + SECOND))]), DUE + DAY)
    assert (standing.state, standing.late, standing.done_in_time) == (State.FULFILLED, True, {SHOUNING})


def test_two_records_that_each_side_signed_alone_fulfil_nothing() -> None:
    records = [record(1, (SHOUNING, DUE - DAY)), record(2, (QINGYUAN, DUE - DAY))]
    standing = judge(OBLIGATION, Evidence(records), DUE + DAY)
    assert (standing.state, standing.late) == (State.BEGUN, True)
    assert standing.done_in_time == standing.owing == {SHOUNING, QINGYUAN}


def test_a_contact_begun_after_it_was_fulfilled_changes_nothing_about_it() -> None:
    fulfilled = [record(1, (SHOUNING, DUE - DAY), (QINGYUAN, DUE - DAY))]
    more = [*fulfilled, record(2, (SHOUNING, DUE + DAY))]
    assert judge(OBLIGATION, Evidence(more), DUE + DAY) == judge(OBLIGATION, Evidence(fulfilled), DUE + DAY)


def test_a_record_that_only_a_bureau_not_bound_has_signed_begins_nothing() -> None:
    elsewhere = Cosigning.begin("1" * 64, JINGNING, [SHOUNING, QINGYUAN, JINGNING], DUE - DAY)
    assert judge(OBLIGATION, Evidence([elsewhere]), DUE).state is State.OPEN


def test_a_duty_of_two_contacts_needs_two_records() -> None:
    twice = july(least=2)
    first = record(1, (SHOUNING, DUE - DAY), (QINGYUAN, DUE - DAY))
    once = judge(twice, Evidence([first, first]), DUE)
    assert (once.state, once.owing) == (State.BEGUN, {SHOUNING, QINGYUAN})
    begun = judge(twice, Evidence([first, record(2, (QINGYUAN, DUE))]), DUE)
    assert (begun.owing, begun.done_in_time) == ({SHOUNING}, {QINGYUAN})
    second = record(2, (QINGYUAN, DUE), (SHOUNING, DUE + SECOND))
    done = judge(twice, Evidence([first, second]), DUE + DAY)
    assert (done.state, done.fulfilled_at, done.late) == (State.FULFILLED, DUE + SECOND, True)


def test_a_package_sent_in_time_counts_for_its_bureau_though_the_other_signs_off_late() -> None:
    sent = {SHOUNING: DUE - DAY}
    waiting = judge(OBLIGATION, Evidence((), sent), DUE + DAY)
    assert (waiting.state, waiting.owing, waiting.done_in_time) == (State.BEGUN, {QINGYUAN}, {SHOUNING})
    sent[QINGYUAN] = DUE + SECOND
    off = [record(1, (SHOUNING, DUE + DAY))]
    assert judge(OBLIGATION, Evidence((), sent), DUE + DAY).owing == {SHOUNING, QINGYUAN}
    assert judge(OBLIGATION, Evidence(off, sent), DUE + DAY).owing == {QINGYUAN}
    assert judge(OBLIGATION, Evidence((), {}), DUE + DAY).state is State.OPEN


def test_a_waiver_counts_when_both_signed_it_and_not_over_what_was_done() -> None:
    asked = record(9, (SHOUNING, DUE - DAY))
    assert judge(OBLIGATION, Evidence(waiver=asked), DUE + DAY).state is State.OPEN
    agreed = asked.sign(QINGYUAN, DUE)
    waived = judge(OBLIGATION, Evidence(waiver=agreed), DUE + DAY)
    assert (waived.state, waived.late, waived.owing) == (State.WAIVED, False, set())
    assert waived.done_in_time == set()
    begun = [record(1, (SHOUNING, DUE - DAY))]
    assert judge(OBLIGATION, Evidence(begun, waiver=agreed), DUE + DAY).done_in_time == {SHOUNING}
    done = [record(1, (SHOUNING, DUE), (QINGYUAN, DUE))]
    assert judge(OBLIGATION, Evidence(done, waiver=agreed), DUE + DAY).state is State.FULFILLED


@st.composite
def records(draw: st.DrawFn) -> list[Cosigning]:
    moments = st.integers(-3, 3).map(lambda days: DUE + days * DAY)
    some = []
    for number in range(draw(st.integers(0, 4))):
        both = [(SHOUNING, draw(moments)), (QINGYUAN, draw(moments))]
        some.append(record(number, *sorted(both, key=lambda each: each[1])[: draw(st.integers(1, 2))]))
    return some


@given(records(), st.randoms(), st.integers(1, 2), st.integers(-40, 40))
def test_the_same_records_in_any_order_make_the_same_standing(some, random, least: int, days: int) -> None:
    obligation, now = july(least=least), DUE + days * DAY
    shuffled = random.sample(some, len(some))
    standing = judge(obligation, Evidence(some), now)
    assert standing == judge(obligation, Evidence(shuffled), now)
    assert (standing.state is State.FULFILLED) == (not standing.owing)
    assert standing.done_in_time <= obligation.parties


@given(records(), st.integers(0, 40))
def test_once_fulfilled_in_time_it_is_never_late_and_once_late_always(some, days: int) -> None:
    now = DUE + days * DAY
    standing = judge(OBLIGATION, Evidence(some), now)
    later = judge(OBLIGATION, Evidence(some), now + DAY)
    if standing.state is State.FULFILLED:
        assert later == standing
    assert later.late or not standing.late


@pytest.mark.parametrize("opens_days", [3, 400])
def test_a_duty_may_open_some_days_before_it_is_due_but_not_before_its_period(opens_days: int) -> None:
    obligation = july(opens_days=opens_days, remind_days=(3, 0))
    expected = max(date(2026, 7, 1), obligation.due_on - timedelta(days=opens_days))
    assert obligation.opens_at.date() == expected
