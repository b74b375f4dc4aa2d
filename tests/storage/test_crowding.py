"""Many threads of one process write to PostgreSQL: they queue in the process, and not for its connections."""

import threading
from contextlib import ExitStack

import pytest
from sqlalchemy import select
from sqlalchemy.pool import QueuePool

from ecolink.audit.log import lock_open_head
from ecolink.storage.engine import MOST_OPEN, WRITERS, Database

PATIENCE_S = 30.0
CROWD = 3 * MOST_OPEN


@pytest.fixture
def backend() -> str:
    """On SQLite one writes at a time in any case."""
    return "postgresql"


def test_while_a_crowd_waits_for_one_row_others_of_the_process_find_a_connection(database: Database) -> None:
    pool, turns, written = database.engine.pool, database._turns, []
    assert isinstance(pool, QueuePool)

    def write() -> None:
        with database.begin() as session:
            written.append(lock_open_head(session))

    crowd = [threading.Thread(target=write) for _ in range(CROWD)]
    moment = threading.Event()
    with database.begin() as session:
        lock_open_head(session)
        for thread in crowd:
            thread.start()
        while len(turns._others) < CROWD - (WRITERS - 1) and pool.checkedout() < MOST_OPEN:
            moment.wait(0.001)
        with database.read() as reading:
            assert reading.scalar(select(1)) == 1
    for thread in crowd:
        thread.join(PATIENCE_S)
    assert len(written) == CROWD


def test_an_urgent_writer_is_next_where_several_write_at_once(database: Database) -> None:
    turns, moment, order = database._turns, threading.Event(), []

    def write(name: str, *, urgent: bool) -> None:
        with database.begin(urgent=urgent):
            order.append(name)

    waiting = [threading.Thread(target=write, args=("bulk",), kwargs={"urgent": False}) for _ in range(2)]
    fire = threading.Thread(target=write, args=("fire",), kwargs={"urgent": True})
    with ExitStack() as others:
        for _ in range(WRITERS - 1):
            others.enter_context(database.begin())
        with database.begin():
            for thread in (*waiting, fire):
                thread.start()
            while len(turns._others) < len(waiting) or not turns._urgent:
                moment.wait(0.001)
            assert not order
        for thread in (*waiting, fire):
            thread.join(PATIENCE_S)
    assert order == ["fire", "bulk", "bulk"]
