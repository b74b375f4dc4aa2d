"""The node as it is at one moment, while it goes on working: its database, and the attachments that names."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from ecolink.attachments.models import Blob
from ecolink.audit.log import EvidenceLog
from ecolink.entrypoints.backup import postgres
from ecolink.entrypoints.backup.about import About, look
from ecolink.entrypoints.databases import opened
from ecolink.settings import Settings
from ecolink.storage.engine import Database, connect

Tell = Callable[[str, int, int], None]
"""Hears of progress: what is being done, how much of it is done, and how much there is (0: not known)."""

_PAGES = 1024
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of a node; it lasts as long as the context that made it."""

    about: About
    blobs: tuple[str, ...]
    """The digests of the attachments."""
    database: Iterator[bytes]


@contextmanager
def take(
    settings: Settings, log: EvidenceLog, work: Path, now: datetime, tell: Tell, *, with_keys: bool
) -> Iterator[Snapshot]:
    """Take a snapshot; `work` is an empty folder for what has to lie on the disk meanwhile.

    Raises:
        EcolinkError: the database cannot be read, or the programs for it are missing.

    """

    def describe(session: Session) -> tuple[About, tuple[str, ...]]:
        about = look(
            session,
            log,
            unit_code=settings.unit_code,
            name_zh=settings.name_zh,
            now=now,
            with_keys=with_keys,
        )
        digests = session.scalars(select(Blob.digest).where(Blob.dropped_at.is_(None)).order_by(Blob.digest))
        return about, tuple(digests)

    if settings.uses_sqlite:
        copy = work / "database"
        copy_sqlite(Path(str(make_url(settings.database_url).database)), copy, tell)
        with opened(f"sqlite:///{copy}") as database, database.read() as session:
            about, blobs = describe(session)
        yield Snapshot(about, blobs, read_pieces(copy))
        return

    database = Database(connect(settings.database_url).execution_options(isolation_level="REPEATABLE READ"))
    try:
        with database.read() as session:
            exported = str(session.scalar(text("SELECT pg_export_snapshot()")))
            about, blobs = describe(session)
            yield Snapshot(about, blobs, postgres.dump(settings.database_url, exported))
    finally:
        database.dispose()


def copy_sqlite(source: Path, target: Path, tell: Tell) -> None:
    """Copy a database that others may be writing to.

    A reading transaction is opened first: every page is then copied as it was at that moment, and no writer waits.
    """
    target.touch(0o600)
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, isolation_level=None)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (page_bytes,) = old.execute("PRAGMA page_size").fetchone()
        old.backup(
            new,
            pages=_PAGES,
            progress=lambda _, left, total: tell("database", (total - left) * page_bytes, total * page_bytes),
            sleep=0,
        )


def read_pieces(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file."""
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            yield piece
