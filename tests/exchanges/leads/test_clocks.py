"""What is due when, and that both sides see the same."""

from datetime import datetime, timedelta

import pytest

from ecolink.cadence.calendars import WorkingCalendar
from ecolink.cadence.deadlines import DeadlinePolicy
from ecolink.exchanges.leads.clocks import Clocks, Due
from ecolink.exchanges.leads.rules import fold
from ecolink.kit.times import CHINA
from tests.exchanges.leads.samples import NOON, QINGYUAN, SHOUNING, move

CLOCKS = Clocks(DeadlinePolicy(), WorkingCalendar())
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
URGENT = {"urgency_reason": "车辆正在驶入龙溪乡。"}


def china(month: int, day: int, hour: int = 23, minute: int = 59, second: int = 59) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=CHINA)


def dues(*moves):
    return CLOCKS.read(fold(moves))


def request(**changes):
    return move("requested", received_after=timedelta(0), **changes)


def accepted(first, at=NOON + HOUR):
    signed = move("acknowledged", first, by=QINGYUAN, at=at)
    taken = move("accepted", signed, by=QINGYUAN, at=at)
    return [first, signed, taken, move("started", taken, by=QINGYUAN, at=at)]


@pytest.mark.parametrize(
    ("changes", "receipt", "interim", "answer"),
    [
        ({"urgency": "U1", **URGENT}, NOON + timedelta(minutes=30), None, NOON + 8 * HOUR),
        ({"urgency": "U2", **URGENT}, NOON + 2 * HOUR, None, china(11, 26)),
        ({"kind": "household_registration"}, china(11, 24), None, china(11, 30)),
        ({"kind": "records"}, china(11, 24), None, china(11, 30)),
        (
            {"kind": "records", "remote_area": True, "remote_area_reason": "下党乡最远行政村"},
            china(11, 24),
            None,
            china(12, 8),
        ),
        ({"kind": "evidence_collection"}, china(11, 24), china(11, 30), china(12, 8)),
        ({"kind": "lead_check"}, china(11, 24), china(11, 30), china(12, 8)),
        (
            {"kind": "other", "remote_area": True, "remote_area_reason": "山区"},
            china(11, 24),
            china(11, 30),
            china(12, 8),
        ),
    ],
)
def test_each_class_of_urgency_has_its_terms(changes, receipt, interim, answer):
    due = dues(request(**changes))
    assert (due.receipt, due.interim, due.answer) == (Due(receipt), interim and Due(interim), Due(answer))


def test_nothing_is_due_before_the_other_node_signed_for_the_request():
    due = dues(move("requested", received_after=None))
    assert due.next is None
    assert not due.overdue(NOON + 100 * DAY)


def test_a_request_asked_for_on_a_friday_is_signed_for_on_monday():
    friday = datetime(2026, 11, 27, 9, tzinfo=CHINA)
    assert dues(request(at=friday)).receipt == Due(china(11, 30))


def test_a_later_due_time_of_the_requester_counts_and_an_earlier_one_does_not_bind():
    assert dues(request(due_at="2026-12-20T18:00:00+08:00")).answer == Due(china(12, 20, 18, 0, 0))
    assert dues(request(due_at="2026-11-24T18:00:00+08:00")).answer == Due(china(11, 30))


def test_once_a_person_signed_the_answer_is_what_is_due_next():
    due = dues(*accepted(request()))
    assert due.receipt == Due(china(11, 24), met_at=NOON + HOUR)
    assert due.next == china(11, 30)
    assert not due.overdue(china(11, 30))
    assert due.overdue(china(12, 1))


def test_a_receipt_that_came_late_stays_late():
    due = dues(*accepted(request(), at=NOON + 3 * DAY))
    assert due.receipt.overdue(NOON + 3 * DAY)
    assert not due.overdue(NOON + 3 * DAY)


def test_a_return_stops_the_answer_clock_and_the_corrected_request_starts_it_anew():
    first = request()
    signed = move("acknowledged", first, by=QINGYUAN)
    returned = move("returned", signed, by=QINGYUAN)
    assert dues(first, signed, returned).next is None
    again = move("resubmitted", returned, at=NOON + 5 * DAY)
    due = dues(first, signed, returned, again)
    assert due.answer == Due(china(12, 5))
    assert due.receipt.met_at == NOON


def test_while_information_is_wanting_nobody_is_late_and_the_term_grows_by_the_wait():
    work = accepted(request())
    asked = move("information_requested", work[-1], by=QINGYUAN, at=NOON + DAY)
    resting = dues(*work, asked)
    assert resting.rests_since == NOON + DAY
    assert resting.next is None
    unread = move("information_provided", asked, at=NOON + 3 * DAY, received_after=None)
    assert dues(*work, asked, unread).rests_since == NOON + DAY
    told = move("information_provided", asked, at=NOON + 3 * DAY, received_after=HOUR)
    assert dues(*work, asked, told).answer == Due(china(11, 30) + 2 * DAY + HOUR)


def test_a_reply_given_while_waiting_is_not_late_for_the_wait():
    work = accepted(request())
    asked = move("information_requested", work[-1], by=QINGYUAN, at=NOON + DAY)
    reply = move("replied", asked, by=QINGYUAN, at=NOON + 10 * DAY)
    assert not dues(*work, asked, reply).answer.overdue(NOON + 20 * DAY)


def test_an_interim_reply_meets_the_interim_term_and_sets_the_new_one():
    work = accepted(request(kind="evidence_collection"))
    interim = move("interim_reply", work[-1], by=QINGYUAN, at=NOON + 2 * DAY)
    due = dues(*work, interim)
    assert due.interim == Due(china(11, 30), met_at=NOON + 2 * DAY)
    assert due.next == china(12, 15, 18, 0, 0)


def test_a_reply_ends_what_is_due_and_a_late_one_shows_as_late():
    work = accepted(request())
    in_time = move("replied", work[-1], by=QINGYUAN, at=NOON + 2 * DAY)
    late = move("replied", work[-1], by=QINGYUAN, at=NOON + 9 * DAY)
    assert dues(*work, in_time).next is None
    assert not dues(*work, in_time).answer.overdue(NOON + 30 * DAY)
    assert dues(*work, late).answer.overdue(NOON + 9 * DAY)


def test_a_withdrawal_ends_what_is_due():
    first = request()
    assert dues(first, move("withdrawn", first)).next is None


@pytest.mark.parametrize(("after", "late"), [(23 * HOUR, False), (25 * HOUR, True)])
def test_a_lead_that_belongs_elsewhere_is_passed_on_within_a_day(after, late):
    first = request()
    signed = move("acknowledged", first, by=QINGYUAN)
    due = dues(first, signed, move("transferred", signed, by=QINGYUAN, at=NOON + after))
    assert due.transfer == Due(NOON + 24 * HOUR, met_at=NOON + after)
    assert due.transfer.overdue(NOON + after) is late
    assert due.next is None


def test_a_reply_that_crossed_changes_nothing_that_is_due():
    first = request()
    withdrawal = move("withdrawn", first)
    signed = move("acknowledged", first, by=QINGYUAN)
    returned = move("returned", signed, by=QINGYUAN)
    assert dues(first, withdrawal, signed, returned) == dues(first, signed, withdrawal)


def with_interim_reply():
    """A request whose answer has two terms, signed for and answered for the time being."""
    moves = accepted(request(kind="evidence_collection"))
    return [*moves, move("interim_reply", moves[-1], by=QINGYUAN, at=NOON + DAY)]


@pytest.mark.parametrize(("name", "by"), [("withdrawn", SHOUNING), ("transferred", QINGYUAN)])
def test_what_was_done_in_time_stays_on_record_when_the_rest_is_given_up(name, by):
    moves = with_interim_reply()
    due = dues(*moves, move(name, moves[-1], by=by, at=NOON + 2 * DAY))
    assert due.receipt == Due(china(11, 24), met_at=NOON + HOUR)
    assert due.interim == Due(china(11, 30), met_at=NOON + DAY)
    assert due.answer is None
    assert not due.overdue(NOON + 300 * DAY)


def test_an_interim_reply_stays_on_record_while_the_clock_rests_and_after():
    moves = with_interim_reply()
    asked = move("information_requested", moves[-1], by=QINGYUAN, at=NOON + 2 * DAY)
    assert dues(*moves, asked).interim == Due(china(11, 30), met_at=NOON + DAY)
    told = move("information_provided", asked, at=NOON + 3 * DAY, received_after=HOUR)
    assert dues(*moves, asked, told).interim == Due(china(11, 30), met_at=NOON + DAY)


def test_a_term_that_is_not_met_is_longer_by_the_time_the_clock_rested():
    moves = accepted(request(kind="evidence_collection"))
    asked = move("information_requested", moves[-1], by=QINGYUAN, at=NOON + DAY)
    told = move("information_provided", asked, at=NOON + 3 * DAY, received_after=HOUR)
    due = dues(*moves, asked, told)
    assert due.interim == Due(china(11, 30) + 2 * DAY + HOUR)
    assert due.answer == Due(china(12, 8) + 2 * DAY + HOUR)


def test_a_final_reply_meets_the_interim_term_too():
    moves = accepted(request(kind="evidence_collection"))
    due = dues(*moves, move("replied", moves[-1], by=QINGYUAN, at=NOON + DAY))
    assert due.interim == Due(china(11, 30), met_at=NOON + DAY)
    assert due.answer == Due(china(12, 8), met_at=NOON + DAY)


def test_when_a_lead_of_unknown_arrival_was_passed_on_no_term_is_known():
    first = move("requested", received_after=None)
    signed = move("acknowledged", first, by=QINGYUAN)
    assert dues(first, signed, move("transferred", signed, by=QINGYUAN)).transfer is None


def test_what_is_not_done_is_late_from_the_moment_after_its_term():
    assert not Due(NOON).overdue(NOON)
    assert Due(NOON).overdue(NOON + timedelta(seconds=1))
    assert not Due(NOON, met_at=NOON).overdue(NOON + DAY)
