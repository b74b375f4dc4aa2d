"""The database as the node uses it: synchronous sessions, in threads, one writer at a time on SQLite, some elsewhere.

`Database.begin()` is the only way to write. It commits when its block ends; before that it runs the
hooks that must come last in a transaction (the evidence log takes its head lock there), and after it
the wake-ups that must not come before the commit is confirmed.

On SQLite all that a process writes goes through one connection: what it holds of the file in its memory stays
true as long as nobody else writes, where any other connection would have to read it anew after every commit.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction

from ecolink.errors import UnavailableError
from ecolink.kit.meters import COMMIT_SECONDS
from ecolink.storage.faults import is_conflict, is_full, is_outage, keep_values_out, reason_of
from ecolink.storage.outages import Outage
from ecolink.storage.queries import driver_of
from ecolink.storage.rows import copy_rows
from ecolink.storage.turns import Turns

BUSY_TIMEOUT_MS = 5_000
"""How long a writer waits for its turn in this process, and then for another process's SQLite lock."""

KEPT_OPEN: Final = 8
"""Connections to PostgreSQL that a process keeps once it has opened them."""

MOST_OPEN: Final = 16
"""As many as it opens; who finds all of them lent waits for `POOL_TIMEOUT_S`."""

POOL_TIMEOUT_S: Final = 10.0

WRITERS: Final = 8
"""How many of a process's threads write to PostgreSQL at once. Nearly all of them end at the evidence log's head, which
one transaction of the whole node holds at a time: a worker's hundred threads would fill the pool with those that wait
there, and the others, deadlines and signs of life among them, would find no connection in time."""

TURN_TIMEOUT_S: Final = 30.0
"""How long a writer waits for its turn on PostgreSQL: others write, so nothing is amiss, and what it would write, such
as a receipt that came, would have to be fetched again."""

READERS_CACHE_KB = 400
"""Memory of each connection that reads: the system holds the file as well, and what a reader held is void at the
next commit."""

WRITERS_CACHE_KB = 4_000
"""Memory of the one connection that writes: the ends of the tables and indexes, where time-ordered keys are added."""

BeforeCommit = Callable[[Session], None]
AfterCommit = Callable[[], None]
_AFTER = "ecolink.after_commit"
_ONLY_READS = "ecolink.only_reads"


def connect(url: str) -> Engine:
    """Return an engine for `url` (`sqlite:///path` or `postgresql://…`), tuned so that a commit is durable.

    Its errors quote neither parameters nor rows: they may be personal data, and errors reach the log.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    engine = create_engine(
        parsed,
        pool_pre_ping=True,
        pool_size=KEPT_OPEN,
        max_overflow=MOST_OPEN - KEPT_OPEN,
        pool_timeout=POOL_TIMEOUT_S,
        hide_parameters=True,
    )
    keep_values_out(engine)
    event.listen(engine, "do_execute", copy_rows)
    return engine


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        pool_use_lifo=True,  # the one last used is warm; the others need not fill their memories, too
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:  # noqa: ANN401
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "foreign_keys=ON",
            f"cache_size=-{READERS_CACHE_KB}",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
        # A file that cannot be opened for writing SQLite opens for reading, for good, and does not say so.
        record.info[_ONLY_READS] = url.database is not None and takes_no_writes(url.database)

    @event.listens_for(engine, "checkin")
    def _drop(_connection: Any, record: Any) -> None:  # noqa: ANN401
        if record.info.get(_ONLY_READS):
            record.invalidate()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:  # noqa: ANN401
        # A deferred BEGIN would upgrade its lock at the first write and fail with SQLITE_BUSY at once.
        write = connection.get_execution_options().get("ecolink_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def takes_no_writes(file: str) -> bool:
    """Tell whether a SQLite file that is in use can only be read just now.

    After an error of the disk some file systems refuse to open what they say may be written, so it is tried: with the
    file's log, for no lock lies on that, and to close the file itself would end the locks that this process has on it.
    """
    try:
        os.close(os.open(f"{file}-wal", os.O_RDWR))
    except FileNotFoundError:
        pass
    except OSError:
        return True
    return not os.access(file, os.W_OK)


class Database:
    """Sessions on one engine."""

    def __init__(self, engine: Engine) -> None:
        """Keep the engine; `before_commit` hooks are added by wiring."""
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._before_commit: list[BeforeCommit] = []
        # Threads of one process queue here, without polling, instead of at SQLite's own lock or for PostgreSQL's pool.
        self._turns = Turns(1 if self.is_sqlite else WRITERS)
        self._patience_s = BUSY_TIMEOUT_MS / 1000 if self.is_sqlite else TURN_TIMEOUT_S
        self._writer: Connection | None = None
        """The connection of whoever has the turn."""
        self._outage = Outage()

    def before_commit(self, hook: BeforeCommit) -> None:
        """Run `hook(session)` last in every writing transaction."""
        self._before_commit.append(hook)

    @contextmanager
    def begin(self, *, urgent: bool = False) -> Iterator[Session]:
        """Open a writing transaction; commit at the end of the block, roll back on any exception.

        Not re-entrant: never open one inside another. Of those that wait for their turn an urgent one is next.

        Raises:
            UnavailableError: the database is locked, full, read-only or gone; nothing was kept.

        """
        wake: list[AfterCommit] = []
        turn = self._turn(urgent=urgent)
        with (
            turn,
            self._telling_outages(),
            self._writing() as bind,
            _Session(bind, expire_on_commit=False) as session,
        ):
            session.info[_AFTER] = wake
            before = self._changes()
            try:
                yield session
                session.flush()
                for hook in self._before_commit:
                    hook(session)
                with COMMIT_SECONDS.time():
                    session.commit()
            except BaseException:
                session.rollback()
                raise
            if before is None or self._changes() != before:  # to commit nothing SQLite goes to no disk
                self._outage.end()
        for call in wake:
            call()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a reading transaction; nothing written in it is kept.

        Raises:
            UnavailableError: the database cannot be reached.

        """
        with self._telling_outages(), _Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    @property
    def is_full(self) -> bool:
        """Tell whether a server said a moment ago that it has no room, though it may have some for what is small."""
        return self._outage.is_full

    @property
    def holds_up_nobody(self) -> bool:
        """Tell whether nobody of this process waits for the transaction under way.

        On PostgreSQL that is never said: others may wait for the rows it has locked.
        """
        return self.is_sqlite and not self._turns.is_wanted

    @contextmanager
    def _turn(self, *, urgent: bool) -> Iterator[None]:
        """Wait for our turn to write; behind a lock that stays, all give up."""
        if not self._turns.take(self._patience_s, urgent=urgent):
            self._outage.note("other writers of this process did not come to an end")
            raise _unavailable()
        try:
            yield
        finally:
            self._turns.end()

    @contextmanager
    def _telling_outages(self) -> Iterator[None]:
        """Say 'unavailable' for a database that cannot work just now; let programming errors through."""
        try:
            yield
        except SQLAlchemyError as fault:
            if not is_outage(fault):
                raise
            if not is_conflict(fault):
                self._outage.note(reason_of(fault), is_full=is_full(fault))
            raise _unavailable() from fault

    @contextmanager
    def _writing(self) -> Iterator[Engine | Connection]:
        """Hand out what a writing session works on; on SQLite it is the caller's turn."""
        if not self.is_sqlite:
            yield self.engine
            return
        writer = self._writers_own()
        try:
            yield writer
        except BaseException:  # the pool sees to it that nothing of what went wrong stays
            self._writer = None
            writer.close()
            raise

    def _writers_own(self) -> Connection:
        if self._writer is None:
            writer = self.engine.connect().execution_options(ecolink_write=True)
            driver_of(writer).execute(f"PRAGMA cache_size=-{WRITERS_CACHE_KB}")
            self._writer = writer
        return self._writer

    def _changes(self) -> int | None:
        """Return how many rows the writer's connection has changed so far; PostgreSQL does not count them."""
        return None if self._writer is None else int(driver_of(self._writer).total_changes)

    def foreign_writes(self) -> int:
        """Return a number that is another one when something else than this process wrote to the SQLite file.

        Raises:
            UnavailableError: the database cannot be reached.

        """
        with self._turn(urgent=False), self._telling_outages():
            version: int = driver_of(self._writers_own()).execute("PRAGMA data_version").fetchone()[0]
        return version

    def dispose(self) -> None:
        """Close every connection."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        self.engine.dispose()


class _Session(Session):
    """A session that finds its connection once in a transaction, not at each of the dozens of times it is asked."""

    _found_in: SessionTransaction | None = None
    _found: Connection | None = None

    def connection(self, *arguments: Any, **options: Any) -> Connection:  # noqa: ANN401 - SQLAlchemy's own
        """Return the connection of the innermost transaction."""
        within = self.get_nested_transaction() or self.get_transaction()
        if self._found is None or within is None or within is not self._found_in or arguments or options:
            self._found = super().connection(*arguments, **options)
            self._found_in = self.get_nested_transaction() or self.get_transaction()
        return self._found


def after_commit(session: Session, call: AfterCommit) -> None:
    """Have `call` made once the transaction of `session` is durably committed, and never otherwise."""
    session.info[_AFTER].append(call)


def _unavailable() -> UnavailableError:
    return UnavailableError(
        "The node's database cannot be used just now; nothing was kept. Try again shortly.",
        "节点数据库暂时不可用，本次内容未保存。请稍后重试。",
    )
