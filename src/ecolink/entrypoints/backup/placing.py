"""Putting an unpacked backup in place of what is there; what was there is set aside, never thrown away."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from ecolink.entrypoints.backup import postgres
from ecolink.entrypoints.backup.unpacking import Unpacked
from ecolink.errors import UnavailableError
from ecolink.settings import Settings


@contextmanager
def database(settings: Settings, unpacked: Unpacked, aside: Path) -> Iterator[tuple[str, list[str]]]:
    """Lend the backup's database to be examined; it is in place once the block ends well, and gone otherwise.

    With it comes the list of what was set aside.
    """
    set_aside: list[str] = []
    if settings.uses_sqlite:
        yield f"sqlite:///{unpacked.database}", set_aside
        place = sqlite_file(settings)
        for end in ("-wal", "-shm", "-journal"):  # else SQLite would replay the old one's into the new one
            _move_aside(place.with_name(f"{place.name}{end}"), aside / f"{place.name}{end}")
        set_aside += put(unpacked.database, place, aside / place.name)
        return
    schema = aside.name.lower().replace("-", "_")
    postgres.set_aside(settings.database_url, schema)
    try:
        postgres.load(settings.database_url, unpacked.database)
        yield settings.database_url, set_aside
    except BaseException:
        postgres.put_back(settings.database_url, schema)
        raise
    if postgres.tables(settings.database_url, schema):
        set_aside.append(f"schema {schema} of the database")
    else:
        postgres.drop(settings.database_url, schema)


def put(fresh: Path, place: Path, aside: Path) -> list[str]:
    """Put a file or folder in place; return where what was there lies now."""
    if place.is_dir() and not any(place.iterdir()):
        place.rmdir()
    moved = _move_aside(place, aside)
    if fresh.exists():
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.move(fresh, place)
    return moved


def _move_aside(place: Path, aside: Path) -> list[str]:
    if not place.exists():
        return []
    aside.parent.mkdir(mode=0o700, exist_ok=True)
    shutil.move(place, aside)
    return [str(aside)]


def sqlite_file(settings: Settings) -> Path:
    """Return where the SQLite database lies."""
    return Path(str(make_url(settings.database_url).database))


@contextmanager
def telling_faults(aside: Path) -> Iterator[None]:
    """Say what to do when a disk fails while things are put in place."""
    try:
        yield
    except OSError as fault:
        raise UnavailableError(
            f"The backup cannot be put in place: {fault.strerror}. What was there lies where it was or in {aside}; "
            "mend the disk, then restore again with --force.",
            f"无法放置备份内容：{fault.strerror}。原有数据仍在原处或 {aside}；请修复磁盘后加 --force 重新恢复。",
        ) from fault
