"""What is due is opened, reminded of, marked late and taken up the chain: each once, whatever the clock does."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pytest

from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.obligations.models import Notice
from ecolink.protocol.kinds.agreements import EndingV1
from tests.exchanges.obligations.covenant import (
    DECEMBER,
    JANUARY,
    keys,
    lateness,
    live_until,
    obligation,
    picture,
    record,
    room,
    take_records,
    told,
)
from tests.support.agreements import Chief, conclude, terms
from tests.support.town import QINGYUAN, SHOUNING, Town

PAIR = (SHOUNING, QINGYUAN)


@pytest.fixture
def pair(town: Town) -> Sequence[Node]:
    """Shouning and Qingyuan, who have both signed a monthly liaison from December on; it is 19 December."""
    nodes = [town.nodes[code] for code in PAIR]
    take_records(*nodes)
    conclude(town, terms(valid_from="2026-12-01"))
    town.wait(timedelta(days=25))
    return nodes


def test_what_both_signed_obliges_both_alike_and_deriving_it_again_changes_nothing(
    town: Town, pair: Sequence[Node]
) -> None:
    shouning, qingyuan = pair
    assert keys(shouning)[0] == DECEMBER
    assert keys(shouning)[-1] == "sn-qy-151/liaison/2028-01"
    row = obligation(shouning, DECEMBER)
    assert (row.state, row.due_on, row.late) == ("open", date(2026, 12, 31), False)
    assert obligation(shouning, JANUARY).state == "upcoming"
    before = picture(shouning)
    assert picture(qingyuan) == before
    with shouning.database.begin() as session:
        for agreement in shouning.rooms.cooperation.agreements.in_force(session):
            room(shouning).derivation.follow(session, agreement, town.clock.now())
    assert picture(shouning) == before


def test_a_month_in_which_nothing_happens_is_reminded_of_and_goes_up_the_chain_and_both_say_so(
    town: Town, pair: Sequence[Node]
) -> None:
    live_until(town, date(2027, 1, 20))
    for node in pair:
        assert told(node, DECEMBER) == [
            ("remind-7", "liaison_officer", "open"),
            ("remind-3", "liaison_officer", "open"),
            ("remind-0", "liaison_officer", "open"),
            ("escalate-1", "liaison_officer", "open"),
            ("escalate-3", "deputy", "open"),
            ("escalate-7", "head", "open"),
            ("escalate-14", "chief", "open"),
        ]
        row = obligation(node, DECEMBER)
        assert (row.state, row.late, row.owing) == ("open", True, sorted(PAIR))
        words = lateness(node, DECEMBER)
        assert set(words) == set(PAIR)
        assert {(word.due_on, word.terms, word.done) for word in words.values()} == {(row.due_on, row.terms, False)}
    assert picture(pair[0]) == picture(pair[1])


def test_what_was_done_in_time_bothers_nobody_any_more(town: Town, pair: Sequence[Node]) -> None:
    live_until(town, date(2026, 12, 25))
    record(pair, DECEMBER, PAIR, PAIR, town.clock.now())
    live_until(town, date(2027, 1, 20))
    for node in pair:
        assert told(node, DECEMBER) == [("remind-7", "liaison_officer", "closed")]
        assert lateness(node, DECEMBER) == {}
        row = obligation(node, DECEMBER)
        assert (row.state, row.late, row.next_at) == ("fulfilled", False, None)


def test_what_was_made_up_later_is_shown_as_late_and_the_one_who_recorded_in_time_is_known(
    town: Town, pair: Sequence[Node]
) -> None:
    live_until(town, date(2026, 12, 30))
    record(pair, DECEMBER, PAIR, [SHOUNING], town.clock.now())
    live_until(town, date(2027, 1, 2))
    word = lateness(pair[1], DECEMBER)[SHOUNING]
    assert (word.done, word.owing) == (True, [QINGYUAN])
    record(pair, DECEMBER, PAIR, [SHOUNING, QINGYUAN], town.clock.now())
    for node in pair:
        row = obligation(node, DECEMBER)
        assert (row.state, row.late, row.owing) == ("fulfilled", True, [])
        assert {state for _, _, state in told(node, DECEMBER)} == {"closed"}


def test_after_an_outage_of_weeks_only_the_last_step_is_taken(town: Town, pair: Sequence[Node]) -> None:
    town.wait(timedelta(weeks=6))
    for node in pair:
        steps = told(node, DECEMBER)
        assert [step for step in steps if step[2] == "open"] == [("escalate-14", "chief", "open")]
        assert {step for step, _, state in steps if state == "skipped"} >= {"remind-7", "escalate-7"}
        assert set(lateness(node, DECEMBER)) == set(PAIR)


def test_a_clock_that_steps_back_reminds_nobody_twice(town: Town, pair: Sequence[Node]) -> None:
    live_until(town, date(2026, 12, 29))
    before = told(pair[0], DECEMBER)
    town.wait(timedelta(days=-6))
    live_until(town, date(2026, 12, 29))
    assert told(pair[0], DECEMBER) == before


def test_what_no_longer_binds_goes_unless_somebody_was_told_of_it(town: Town, pair: Sequence[Node]) -> None:
    live_until(town, date(2026, 12, 26))
    ending = EndingV1(ends=terms(valid_from="2026-12-01").digest(), last_day=date(2026, 12, 28), reason="机构调整")
    ended = Chief(pair[0]).end(ending)
    town.settle()
    Chief(pair[1]).sign(ended)
    town.settle()
    for node in pair:
        assert keys(node) == [DECEMBER]
        row = obligation(node, DECEMBER)
        assert (row.binds, row.late, row.next_at) == (False, False, None)
        assert told(node, DECEMBER) == [("remind-7", "liaison_officer", "closed")]
    live_until(town, date(2027, 2, 1), timedelta(days=10))
    assert lateness(pair[0], DECEMBER) == {}


def test_the_horizon_moves_on_by_itself(town: Town, pair: Sequence[Node]) -> None:
    live_until(town, date(2027, 2, 1), timedelta(days=7))
    assert [keys(node)[-1] for node in pair] == ["sn-qy-151/liaison/2028-03"] * 2
    assert JANUARY in keys(pair[0])


def test_whoever_sends_mail_hears_of_each_notice_once_in_its_transaction(town: Town, pair: Sequence[Node]) -> None:
    heard: list[tuple[str, datetime]] = []

    def hear(_: object, notice: Notice, now: datetime) -> None:
        heard.append((notice.step, now))

    pair[0].hooks.noticed.append(hear)
    live_until(town, date(2026, 12, 29))
    assert [step for step, _ in heard] == ["remind-7", "remind-3"]
