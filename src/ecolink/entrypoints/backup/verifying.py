"""Verifying a backup: opening it for good, on any machine, as if it had to be brought back today."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ecolink.entrypoints.backup import postgres, shelf
from ecolink.entrypoints.backup.about import About
from ecolink.entrypoints.backup.examining import Problem, examine, own_manifest
from ecolink.entrypoints.backup.shelf import Verdict
from ecolink.entrypoints.backup.snapshot import Tell
from ecolink.entrypoints.backup.unpacking import Unpacked, unpack
from ecolink.entrypoints.databases import opened
from ecolink.errors import ConflictError, InvalidError
from ecolink.protocol.card import fingerprint
from ecolink.protocol.keys import SigningKey


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying a backup showed."""

    about: About
    problems: list[Problem]
    looked_inside: bool
    """Whether the database was opened: a dump of PostgreSQL needs a scratch database for that. Else it is not verified,
    whatever else was found in order."""
    fingerprint: str
    """Of the node whose backup this is, as its peers know it; empty if that was not looked at."""
    missing: int
    """Attachments that the node did not hold when the backup was made."""


def verify(file: Path, key: SigningKey, scratch: str | None, now: datetime, tell: Tell) -> Verified:
    """Open a backup, examine it, and record beside it what came of that.

    Args:
        file: the backup.
        key: the private half of the backup key.
        scratch: the URL of an empty PostgreSQL database, which is emptied again; for dumps of PostgreSQL.
        now: the moment (UTC) of the record.
        tell: hears of progress.

    Raises:
        InvalidError: it cannot be opened at all; a damaged one is recorded as such.

    """
    with TemporaryDirectory(prefix="ecolink-verify-") as folder:
        try:
            unpacked = unpack(file, key, Path(folder), tell, keep_blobs=False)
            if unpacked.about.database == "postgresql":
                postgres.refuse_unreadable(unpacked.database)
        except InvalidError as damaged:
            if shelf.opens_with(file) == key.kid:
                shelf.record(file, Verdict(now, ok=False, looked_inside=False, why=damaged.detail_en))
            raise
        tell("examining", 0, 0)
        verified = _examine(unpacked, scratch)
    why = verified.problems[0].detail_en if verified.problems else ""
    shelf.record(file, Verdict(now, not verified.problems, verified.looked_inside, why))
    return verified


def _examine(unpacked: Unpacked, scratch: str | None) -> Verified:
    about = unpacked.about
    if about.database == "sqlite":
        return _look_inside(f"sqlite:///{unpacked.database}", unpacked)
    if scratch is None:
        return Verified(about, [], looked_inside=False, fingerprint="", missing=len(unpacked.missing))
    with _loaded(scratch, unpacked.database):
        return _look_inside(scratch, unpacked)


def _look_inside(url: str, unpacked: Unpacked) -> Verified:
    about = unpacked.about
    with opened(url) as database:
        problems = examine(database, unpacked)
        words = ""
        if not problems:
            with database.read() as session:
                words = fingerprint(about.unit_code, own_manifest(session, about.unit_code).digest)
    return Verified(about, problems, looked_inside=True, fingerprint=words, missing=len(unpacked.missing))


@contextmanager
def _loaded(scratch: str, dump: Path) -> Iterator[None]:
    """Bring a dump into the scratch database for the length of the block."""
    if postgres.tables(scratch):
        raise ConflictError(
            "The scratch database is not empty: make a fresh one (createdb) and name that.",
            "临时数据库不是空的：请新建一个空数据库。",
        )
    try:
        postgres.load(scratch, dump)
        yield
    finally:
        postgres.empty(scratch)
