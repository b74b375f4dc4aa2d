"""A bucket gives a caller so many calls at once, and then so many a second, whatever the clock does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from ecolink.kit import buckets
from ecolink.kit.buckets import Buckets

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def taken(of: Buckets, caller: str, now: datetime, tries: int = 100) -> int:
    return sum(of.take(caller, now) == 0 for _ in range(tries))


def test_a_full_bucket_gives_its_burst_and_then_its_rate():
    calls = Buckets(per_second=2, burst=5)

    assert taken(calls, "lin", NOON) == 5
    assert taken(calls, "lin", NOON + SECOND) == 2
    assert taken(calls, "lin", NOON + 60 * SECOND) == 5


def test_who_is_refused_learns_how_long_to_wait_and_that_is_true():
    calls = Buckets(per_second=2, burst=1)
    calls.take("lin", NOON)

    wait = calls.take("lin", NOON)

    assert wait == 0.5
    assert calls.take("lin", NOON + timedelta(seconds=wait)) == 0


def test_a_refused_call_costs_nothing():
    calls = Buckets(per_second=1, burst=1)

    assert taken(calls, "lin", NOON, tries=1000) == 1
    assert calls.take("lin", NOON + SECOND) == 0


def test_callers_do_not_take_from_each_other():
    calls = Buckets(per_second=1, burst=3)

    assert [taken(calls, who, NOON) for who in ("lin", "zhou", "lin")] == [3, 3, 0]


def test_a_clock_that_steps_back_gives_no_call_away_and_stops_nobody_for_long():
    calls = Buckets(per_second=1, burst=2)
    taken(calls, "lin", NOON)

    assert taken(calls, "lin", NOON - 3600 * SECOND) == 0
    assert taken(calls, "lin", NOON - 3599 * SECOND) == 1


def test_a_hundred_calls_at_once_are_counted_as_a_hundred():
    calls = Buckets(per_second=1, burst=40)

    with ThreadPoolExecutor(8) as crowd:
        waits = list(crowd.map(lambda _: calls.take("lin", NOON), range(100)))

    assert waits.count(0) == 40


def test_a_flood_of_callers_takes_no_more_memory_than_is_set_aside(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(buckets, "MOST_REMEMBERED", 10)
    calls = Buckets(per_second=1, burst=1)
    calls.take("lin", NOON)
    for number in range(9):
        calls.take(f"stranger {number}", NOON)

    assert calls.take("lin", NOON) > 0, "remembered: the most recent ones are"
    for number in range(9):
        calls.take(f"other {number}", NOON)
    assert len(calls._held) == 10
    assert calls.take("lin", NOON) > 0
    assert calls.take("stranger 0", NOON) == 0, "the longest silent is forgotten first"
