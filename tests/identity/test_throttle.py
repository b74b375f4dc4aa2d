"""Who guesses waits, ever longer; who bears the name hardly notices."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from ecolink.errors import ThrottledError
from ecolink.identity.models import Guessing
from ecolink.identity.throttle import Throttle, ThrottlePolicy, forget_old_tries, network_of
from ecolink.storage.engine import Database
from tests.support.web import NOON

HOME, AWAY = "10.20.3.4", "10.99.0.1"


@pytest.fixture
def throttle() -> Throttle:
    return Throttle()


def wait(database: Database, throttle: Throttle, name: str = "lin", source: str = HOME, now=NOON) -> int:
    """Try once; return the seconds to wait, 0 when the try was let through."""
    try:
        with database.begin() as session:
            throttle.count(session, name, source, now)
    except ThrottledError as refused:
        return refused.retry_after
    return 0


def test_five_tries_are_free_and_then_the_pause_doubles_up_to_a_quarter_of_an_hour(database, throttle):
    now, pauses = NOON, []
    for _ in range(13):
        pause = wait(database, throttle, now=now)
        pauses.append(pause)
        now += timedelta(seconds=pause)
        if pause:
            assert wait(database, throttle, now=now - timedelta(seconds=1)) == 1
            assert wait(database, throttle, now=now) == 0
    assert pauses == [0] * 5 + [30, 60, 120, 240, 480, 900, 900, 900]


def test_a_try_during_the_pause_does_not_make_it_longer(database, throttle):
    for _ in range(5):
        wait(database, throttle)

    assert [wait(database, throttle, now=NOON + timedelta(seconds=second)) for second in (0, 10, 20)] == [30, 20, 10]
    assert wait(database, throttle, now=NOON + timedelta(seconds=30)) == 0


def test_a_stranger_who_guesses_does_not_lock_the_person_out(database, throttle):
    for _ in range(5):
        wait(database, throttle, source=AWAY)

    assert wait(database, throttle, source=AWAY) > 0
    assert wait(database, throttle, source=HOME) == 0


def test_a_name_guessed_at_from_everywhere_is_slowed_down_as_well(database, throttle):
    waits = [wait(database, throttle, source=f"10.99.{number}.1") for number in range(26)]

    assert waits == [0] * 25 + [30]


def test_a_source_that_tries_many_names_is_slowed_down(database, throttle):
    waits = [wait(database, throttle, name=f"officer-{number}") for number in range(51)]

    assert waits == [0] * 50 + [30]


def test_a_login_that_works_clears_the_name_here_and_takes_back_its_own_try_elsewhere(database, throttle):
    for _ in range(4):
        wait(database, throttle)
    with database.begin() as session:
        throttle.count(session, "lin", HOME, NOON).take_back(session)

    with database.read() as session:
        assert sorted(session.scalars(select(Guessing.tries))) == [4, 4]
    assert wait(database, throttle) == 0


def test_the_fifth_try_being_right_leaves_no_pause_behind(database, throttle):
    policy = ThrottlePolicy(free_per_pair=2, free_per_name=2, free_per_source=2)
    tight = Throttle(policy)
    wait(database, tight)
    with database.begin() as session:
        tight.count(session, "lin", HOME, NOON).take_back(session)

    assert wait(database, tight) == 0


def test_counting_starts_anew_after_an_hour_without_a_try(database, throttle):
    for _ in range(5):
        wait(database, throttle)
    later = NOON + timedelta(hours=1, seconds=1)

    assert [wait(database, throttle, now=later) for _ in range(6)] == [0] * 5 + [30]


def test_thirty_tries_at_once_count_as_thirty(database, throttle):
    with ThreadPoolExecutor(15) as pool:
        waits = list(pool.map(lambda _: wait(database, throttle), range(30)))

    assert waits.count(0) == 5


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("10.20.3.4", "10.20.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_network_counts_as_one_source(source, network):
    assert network_of(source) == network


def test_old_counts_are_deleted(database, throttle):
    wait(database, throttle)
    with database.begin() as session:
        assert forget_old_tries(session, NOON + timedelta(minutes=59), throttle.policy) == 0
        assert forget_old_tries(session, NOON + timedelta(minutes=60), throttle.policy) == 3
        assert session.scalar(select(func.count()).select_from(Guessing)) == 0
