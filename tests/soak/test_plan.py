from collections import Counter

from tests.soak.plan import CLEARS_AT, UNIT_CODES, Mishap, make_plan


def test_the_same_seed_makes_the_same_plan_and_another_makes_another():
    assert make_plan(7, 5_000) == make_plan(7, 5_000)
    assert make_plan(7, 5_000) != make_plan(8, 5_000)


def test_every_plan_kills_each_node_changes_a_key_and_puts_a_clock_wrong():
    for seed in range(200):
        events = make_plan(seed, 5_000).events
        assert {event.unit_code for event in events if event.mishap is Mishap.KILL} == set(UNIT_CODES)
        assert Counter(event.mishap for event in events)[Mishap.ROTATE] == 1
        (skew,) = [event for event in events if event.mishap is Mishap.SKEW]
        assert abs(skew.amount) > 300
        assert all(0 < event.at_share < CLEARS_AT for event in events)


def test_a_large_run_has_more_of_everything_and_clocks_wrong_both_ways():
    events = make_plan(7, 100_000).events
    counts = Counter(event.mishap for event in events)
    assert counts == {Mishap.KILL: 25, Mishap.ROTATE: 3, Mishap.SKEW: 2}
    assert sorted(event.amount > 0 for event in events if event.mishap is Mishap.SKEW) == [False, True]
