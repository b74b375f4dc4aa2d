"""All that a process writes to SQLite goes through one connection, which is given up when anything went wrong on it."""

from contextlib import suppress

import pytest
from sqlalchemy import func, select, text

from ecolink.storage.engine import Database
from ecolink.storage.heartbeats import Heartbeat


@pytest.fixture
def backend() -> str:
    """Only SQLite has one writer at a time."""
    return "sqlite"


def enter(database: Database, host: str) -> object:
    """Write one row, and return the driver's connection it was written through."""
    with database.begin() as session:
        row = text("INSERT INTO heartbeats VALUES (:host, 1, '2026-11-22', '2026-11-22')")
        session.execute(row, {"host": host})
        return session.connection().connection.driver_connection


def test_every_transaction_writes_through_the_same_connection(database: Database) -> None:
    with database.begin() as session:
        first = session.connection().connection.driver_connection
    with database.read() as session:
        assert session.connection().connection.driver_connection is not first
        assert enter(database, "a desk") is first


def test_what_a_failed_transaction_wrote_is_gone_and_the_next_one_writes(database: Database) -> None:
    with suppress(ZeroDivisionError), database.begin() as session:
        session.execute(text("INSERT INTO heartbeats VALUES ('a desk', 1, '2026-11-22', '2026-11-22')"))
        raise ZeroDivisionError
    enter(database, "another desk")
    with database.read() as session:
        assert session.scalars(select(Heartbeat.host)).all() == ["another desk"]


def test_a_savepoint_takes_back_what_was_written_in_it_past_the_mapper(database: Database) -> None:
    """The session finds its connection once in each transaction, and a savepoint is a transaction of its own."""
    with database.begin() as session:
        session.connection().execute(text("INSERT INTO heartbeats VALUES ('kept', 1, '2026-11-22', '2026-11-22')"))
        with suppress(ZeroDivisionError), session.begin_nested():
            session.connection().execute(text("INSERT INTO heartbeats VALUES ('lost', 1, '2026-11-22', '2026-11-22')"))
            raise ZeroDivisionError
        session.connection().execute(text("INSERT INTO heartbeats VALUES ('kept', 2, '2026-11-22', '2026-11-22')"))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Heartbeat)) == 2
