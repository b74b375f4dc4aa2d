"""Crews look when they are told to, when something falls due, and again after a fault."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from time import monotonic

import pytest
from structlog.testing import capture_logs

from ecolink.entrypoints import loops
from ecolink.entrypoints.loops import Crew, Loops, Work
from ecolink.entrypoints.worker import Worker
from ecolink.kit.clock import SystemClock
from ecolink.protocol.keys import Use
from ecolink.storage.bells import Bell, Bells
from ecolink.storage.engine import Database
from tests.support.town import SHOUNING, Town

PATIENCE_S = 30.0

on_one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def bells(database: Database) -> Bells:
    return Bells(database)


@pytest.fixture
def running(bells: Bells, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loops]:
    """Loops that look of themselves only when a test would long have failed."""
    monkeypatch.setattr(loops, "LOOK_EVERY_S", 10 * PATIENCE_S)
    running = Loops(SystemClock(), bells)
    yield running
    running.tell_to_stop()
    for thread in running.threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


@on_one_database
def test_a_crew_that_sleeps_looks_at_once_when_its_bell_sounds(running: Loops, bells: Bells):
    looks = threading.Semaphore(0)

    def take(_: datetime) -> None:
        looks.release()

    running.run(Crew("send", Bell.SEND, take))
    assert looks.acquire(timeout=PATIENCE_S)
    bells.sound(Bell.SEND)
    assert looks.acquire(timeout=PATIENCE_S)
    assert not looks.acquire(blocking=False)


@on_one_database
def test_a_crew_wakes_for_what_falls_due(running: Loops):
    began, due = SystemClock().now(), SystemClock().now() + timedelta(seconds=0.2)
    looks: list[datetime] = []
    looked_again = threading.Event()

    def take(now: datetime) -> None:
        looks.append(now)
        if now >= due:
            looked_again.set()

    running.run(Crew("watch", Bell.WATCH, take, lambda: due if SystemClock().now() < due else None))
    assert looked_again.wait(PATIENCE_S)
    assert looks[0] - began < looks[-1] - began


@on_one_database
def test_while_one_of_a_crew_waits_for_a_silent_peer_another_goes_on(running: Loops):
    peer_answers, sent = threading.Event(), threading.Event()
    channels = iter([Work(lambda: peer_answers.wait(PATIENCE_S), more_waits=True), Work(sent.set)])
    running.run(Crew("send", Bell.SEND, lambda _: next(channels, None), size=2))
    try:
        assert sent.wait(PATIENCE_S)
    finally:
        peer_answers.set()


@on_one_database
def test_a_crew_grows_to_its_size_and_no_further(running: Loops):
    let_go, at_work = threading.Event(), threading.Semaphore(0)

    def work() -> None:
        at_work.release()
        let_go.wait(PATIENCE_S)

    running.run(Crew("send", Bell.SEND, lambda _: None if let_go.is_set() else Work(work, more_waits=True), size=3))
    for _ in range(3):
        assert at_work.acquire(timeout=PATIENCE_S)
    assert len(running.threads) == 3
    let_go.set()


@on_one_database
def test_a_fault_ends_one_step_and_not_the_crew(running: Loops, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loops, "AFTER_FAULT_S", 0.0)
    steps = iter([ZeroDivisionError, None])
    survived = threading.Event()

    def take(_: datetime) -> None:
        if fault := next(steps, None):
            raise fault
        survived.set()

    with capture_logs() as said:
        running.run(Crew("apply", Bell.APPLY, take))
        assert survived.wait(PATIENCE_S)
    assert [line["event"] for line in said] == ["worker.fault"]


def test_a_process_that_only_serves_signs_with_the_key_another_one_rotated(town: Town):
    rotating = town.nodes[SHOUNING]
    url = rotating.database.engine.url.render_as_string(hide_password=False)
    serving = town.build(SHOUNING, url)
    town.nodes[SHOUNING] = rotating  # which the town is to close
    serving.open()
    attending = Worker(serving)
    attending.attend()
    try:
        with rotating.database.begin() as session:
            head = rotating.keystore.rotate(session, town.clock.now())
        changed = head.current(Use.SIGN).kid
        deadline = monotonic() + PATIENCE_S
        while not serving.signer.signs_with(changed):
            assert monotonic() < deadline
    finally:
        attending.stop()
        serving.close()
