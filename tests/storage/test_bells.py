"""Work is told of when it is committed, in this process and in the others, and never when it is not."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import text

from ecolink.storage.bells import Bell, Bells, ring
from ecolink.storage.engine import Database, connect
from ecolink.storage.listening import Listener

PATIENCE_S = 30.0


@pytest.fixture
def here(database_url: str) -> Iterator[Database]:
    """Return the database as this process opens it."""
    database = Database(connect(database_url))
    yield database
    database.dispose()


@pytest.fixture
def there(here: Database, database_url: str) -> Iterator[Database]:
    """Return the same database as another process would open it."""
    database = Database(connect(database_url))
    yield database
    database.dispose()


def write(database: Database, *bells: Bell) -> None:
    with database.begin() as session:
        ring(session, *bells)
        session.execute(text("DELETE FROM heartbeats"))
        session.execute(
            text("INSERT INTO heartbeats (host, pid, started_at, at) VALUES ('a desk', 1, '2026-11-22', '2026-11-22')")
        )


def test_a_bell_sounds_after_the_commit(database: Database):
    bells = Bells(database)
    with database.begin() as session:
        ring(session, Bell.SEND)
        assert not bells.wait(Bell.SEND, 0)
    assert bells.wait(Bell.SEND, 0)
    assert not bells.wait(Bell.APPLY, 0)


def test_what_is_rolled_back_is_not_told(database: Database):
    bells = Bells(database)
    with suppress(ZeroDivisionError), database.begin() as session:
        ring(session, Bell.SEND)
        raise ZeroDivisionError
    assert not bells.wait(Bell.SEND, 0)


def test_one_stroke_wakes_one_who_waits_however_often_it_was_rung(database: Database):
    bells = Bells(database)
    with database.begin() as session:
        ring(session, Bell.SEND)
        ring(session, Bell.SEND)
    write(database, Bell.SEND)
    assert bells.wait(Bell.SEND, 0)
    assert not bells.wait(Bell.SEND, 0)


def test_what_another_process_committed_is_heard(here: Database, there: Database):
    bells = Bells(here)
    Bells(there)
    listener = Listener(here, bells)
    listener.start()
    try:
        assert bells.wait(Bell.SEND_EMERGENCY, PATIENCE_S)  # at first everyone looks: nobody knows what was missed
        write(there, Bell.SEND_EMERGENCY)
        assert bells.wait(Bell.SEND_EMERGENCY, PATIENCE_S)
    finally:
        listener.stop()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_this_process_writes_itself_is_not_taken_for_anothers(here: Database, there: Database):
    before = here.foreign_writes()
    write(here, Bell.SEND)
    with here.read() as session:
        session.execute(text("SELECT * FROM heartbeats")).all()
    assert here.foreign_writes() == before
    write(there, Bell.SEND)
    assert here.foreign_writes() != before


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_listener_that_lost_its_connection_looks_at_all_and_hears_again(here: Database, there: Database):
    bells = Bells(here)
    Bells(there)
    listener = Listener(here, bells)
    listener.start()
    try:
        assert bells.wait(Bell.FETCH, PATIENCE_S)
        with there.begin() as session:
            ended = text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND query LIKE 'LISTEN%'"
            )
            assert session.scalars(ended).all() == [True]
        assert bells.wait(Bell.FETCH, PATIENCE_S)
        write(there, Bell.FETCH)
        assert bells.wait(Bell.FETCH, PATIENCE_S)
    finally:
        listener.stop()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_bell_of_a_later_version_is_passed_over(here: Database, there: Database):
    bells = Bells(here)
    listener = Listener(here, bells)
    listener.start()
    try:
        assert bells.wait(Bell.WATCH, PATIENCE_S)
        with there.begin() as session:
            session.execute(text("SELECT pg_notify('ecolink', 'ring-the-changes')"))
            session.execute(text("SELECT pg_notify('ecolink', 'watch')"))
        assert bells.wait(Bell.WATCH, PATIENCE_S)
    finally:
        listener.stop()
