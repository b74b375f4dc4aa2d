"""One writes at a time, and an emergency is next."""

import threading

from ecolink.kit.traffic import Traffic
from ecolink.storage.turns import IN_A_ROW, Turns

PATIENCE_S = 30.0


def test_an_urgent_thread_has_its_turn_before_those_who_came_earlier():
    turns, served = Turns(), []
    waits = [threading.Thread(target=lambda: _serve(turns, served, "bulk", urgent=False)) for _ in range(3)]
    urgent = threading.Thread(target=lambda: _serve(turns, served, "fire", urgent=True))
    assert turns.take(0, urgent=False)
    for thread in waits:
        thread.start()
    urgent.start()
    moment = threading.Event()
    while not turns._urgent:
        assert not moment.wait(0.001)
    turns.end()
    for thread in (*waits, urgent):
        thread.join(PATIENCE_S)
    assert served == ["fire", "bulk", "bulk", "bulk"]


def test_two_never_have_their_turn_at_once():
    turns, inside, most = Turns(), [0], [0]

    def enter() -> None:
        for number in range(200):
            assert turns.take(PATIENCE_S, urgent=number % 3 == 0)
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            inside[0] -= 1
            turns.end()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert most == [1]


def test_as_many_have_their_turn_at_once_as_there_are_places():
    turns = Turns(2)
    assert turns.take(0, urgent=False)
    assert turns.take(0, urgent=True)
    assert not turns.take(0, urgent=True)
    turns.end()
    assert turns.take(0, urgent=False)
    assert not turns.take(0, urgent=False)


def test_what_can_wait_waits_while_somebody_is_answered_and_not_for_ever():
    traffic, passed = Traffic(), threading.Event()
    waiting = threading.Thread(target=lambda: (traffic.let_pass(PATIENCE_S), passed.set()))
    with traffic.call():
        waiting.start()
        traffic.let_pass(0.01)
        assert not passed.is_set()
    assert passed.wait(PATIENCE_S)
    waiting.join(PATIENCE_S)


def _serve(turns: Turns, served: list[str], who: str, *, urgent: bool) -> None:
    assert turns.take(PATIENCE_S, urgent=urgent)
    served.append(who)
    turns.end()


def test_who_waited_too_long_lets_the_others_go_on():
    turns = Turns()
    assert turns.take(0, urgent=False)
    assert not turns.take(0.01, urgent=True)
    turns.end()
    assert turns.take(0, urgent=False)


def test_who_has_waited_longest_is_next_also_when_another_asks_again_at_once():
    turns, served = Turns(), []
    assert turns.take(0, urgent=False)
    waiting = threading.Thread(target=lambda: _serve(turns, served, "who waited", urgent=False))
    waiting.start()
    moment = threading.Event()
    while not turns._others:
        assert not moment.wait(0.001)
    turns.end()
    assert turns.take(PATIENCE_S, urgent=False)
    served.append("who asked again")
    turns.end()
    waiting.join(PATIENCE_S)
    assert served == ["who waited", "who asked again"]


def test_an_alert_to_thousands_does_not_starve_who_writes_something_else():
    turns, served = Turns(), []
    alert = [threading.Thread(target=lambda: _serve(turns, served, "fire", urgent=True)) for _ in range(3 * IN_A_ROW)]
    other = threading.Thread(target=lambda: _serve(turns, served, "a lead", urgent=False))
    assert turns.take(0, urgent=False)
    for thread in (*alert, other):
        thread.start()
    moment = threading.Event()
    while len(turns._urgent) < len(alert) or not turns._others:
        assert not moment.wait(0.001)
    turns.end()
    for thread in (*alert, other):
        thread.join(PATIENCE_S)
    assert served.index("a lead") == IN_A_ROW
