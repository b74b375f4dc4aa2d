"""All that a process writes to SQLite goes through one connection, which is given up when anything went wrong on it."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import TextClause, func, select, text
from sqlalchemy.orm import Session

from ecolink.storage.engine import Database
from ecolink.storage.heartbeats import Heartbeat, prove_writable


@pytest.fixture
def backend() -> str:
    """Only SQLite has one writer at a time."""
    return "sqlite"


def row(host: str, number: int) -> TextClause:
    """Return what writes a row past the mapper."""
    insert = "INSERT INTO heartbeats (host, pid, started_at, at) VALUES (:host, :number, '2026-11-22', '2026-11-22')"
    return text(insert).bindparams(host=host, number=number)


def enter(database: Database, host: str) -> object:
    """Write one row, and return the driver's connection it was written through."""
    with database.begin() as session:
        session.execute(row(host, 1))
        return session.connection().connection.driver_connection


def test_every_transaction_writes_through_the_same_connection(database: Database) -> None:
    with database.begin() as session:
        first = session.connection().connection.driver_connection
    with database.read() as session:
        assert session.connection().connection.driver_connection is not first
        assert enter(database, "a desk") is first


def test_what_a_failed_transaction_wrote_is_gone_and_the_next_one_writes(database: Database) -> None:
    with suppress(ZeroDivisionError), database.begin() as session:
        session.execute(row("a desk", 1))
        raise ZeroDivisionError
    enter(database, "another desk")
    with database.read() as session:
        assert session.scalars(select(Heartbeat.host)).all() == ["another desk"]


def test_a_savepoint_takes_back_what_was_written_in_it_past_the_mapper(database: Database) -> None:
    """The session finds its connection once in each transaction, and a savepoint is a transaction of its own."""
    with database.begin() as session:
        session.connection().execute(row("kept", 1))
        with suppress(ZeroDivisionError), session.begin_nested():
            session.connection().execute(row("lost", 1))
            raise ZeroDivisionError
        session.connection().execute(row("kept", 2))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Heartbeat)) == 2


def read_only(path: str, _flags: int) -> int:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)


def readers_own(database: Database) -> object:
    with database.read() as session:
        return session.connection().connection.driver_connection


def test_a_connection_opened_while_the_file_could_only_be_read_is_not_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would go on refusing to write with it, long after the disk takes writes again."""
    database.dispose()
    with monkeypatch.context() as disk:
        disk.setattr(os, "open", read_only)
        opened = readers_own(database)
    assert readers_own(database) is not opened
    assert readers_own(database) is readers_own(database), "what was opened since is kept"


@pytest.mark.parametrize(("write", "over"), [(lambda _: None, False), (prove_writable, True)])
def test_an_outage_is_over_when_something_was_written_and_not_before(
    database: Database, write: Callable[[Session], None], over: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To commit nothing SQLite goes to no disk: it would pass on one that takes no more."""
    ended = []
    monkeypatch.setattr("ecolink.storage.outages.Outage.end", lambda _: ended.append(True))
    with database.begin() as session:
        session.scalars(select(Heartbeat)).all()
        write(session)
    assert bool(ended) is over
