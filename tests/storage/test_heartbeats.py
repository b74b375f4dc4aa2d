"""A worker is seen to work by every process, and to have stopped by nobody's doing."""

from datetime import UTC, datetime, timedelta

import pytest

from ecolink.errors import UnavailableError
from ecolink.storage import heartbeats
from ecolink.storage.engine import Database
from ecolink.storage.heartbeats import EVERY, FORGET_AFTER, Heartbeat, Pulse

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def seen(database: Database) -> list[tuple[datetime, datetime]]:
    with database.read() as session:
        return [(worker.started_at, worker.at) for worker in heartbeats.workers(session)]


def test_a_worker_beats_now_and_then_and_takes_its_row_away_when_it_stops(database: Database):
    pulse = Pulse(database)
    pulse.beat(NOON)
    pulse.beat_now_and_then(NOON + EVERY / 2)
    assert seen(database) == [(NOON, NOON)]
    pulse.beat_now_and_then(NOON + EVERY)
    assert seen(database) == [(NOON, NOON + EVERY)]
    pulse.end()
    assert seen(database) == []


def test_a_worker_started_anew_takes_over_the_row_its_killed_predecessor_left(database: Database):
    Pulse(database).beat(NOON)
    later = NOON + timedelta(minutes=1)
    Pulse(database).beat(later)
    assert seen(database) == [(later, later)]


def test_a_worker_that_works_alone_says_with_each_beat_what_it_counted_and_one_that_serves_as_well_nothing(
    database: Database,
):
    def commits() -> float | None:
        with database.read() as session:
            (worker,) = heartbeats.workers(session)
        found = {suffix: value for suffix, _, value in worker.counts.get("ecolink_commit_seconds", ())}
        return found.get("_count")

    pulse = Pulse(database, is_alone=True)
    pulse.beat(NOON)
    before = commits()
    assert before is not None
    pulse.beat(NOON + EVERY)
    assert commits() == before + 1, "that of the beat before"
    Pulse(database).beat(NOON + 2 * EVERY)
    assert commits() is None, "it took over the row, not the counts"


def test_a_worker_that_never_came_back_is_forgotten_in_the_end(database: Database):
    with database.begin() as session:
        session.add(Heartbeat(host="the-old-machine", pid=7, started_at=NOON, at=NOON))
    pulse = Pulse(database)
    pulse.beat(NOON + FORGET_AFTER)
    assert len(seen(database)) == 2
    pulse.beat(NOON + FORGET_AFTER + EVERY)
    assert seen(database) == [(NOON + FORGET_AFTER, NOON + FORGET_AFTER + EVERY)]


def test_a_worker_that_cannot_write_does_not_pass_for_one_that_works(database: Database, monkeypatch):
    pulse = Pulse(database)
    pulse.beat(NOON)

    def locked():
        raise UnavailableError("gone", "不可用")

    monkeypatch.setattr(database, "begin", locked)
    with pytest.raises(UnavailableError):
        pulse.beat(NOON + EVERY)
    assert pulse.beat_at == NOON
