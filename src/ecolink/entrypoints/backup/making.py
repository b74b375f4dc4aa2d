"""Making a backup: whole, on the disk, or not there at all."""

import errno
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from ecolink.attachments.store import BlobStore
from ecolink.audit.log import EvidenceLog
from ecolink.entrypoints.backup import items, key
from ecolink.entrypoints.backup.about import About
from ecolink.entrypoints.backup.items import write_item
from ecolink.entrypoints.backup.sealing import SealedWriter
from ecolink.entrypoints.backup.shelf import name_of
from ecolink.entrypoints.backup.snapshot import Tell, take
from ecolink.entrypoints.new_files import appearing
from ecolink.errors import InvalidError, UnavailableError
from ecolink.settings import Settings

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WORK = ".backup-"
_STALE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    path: Path
    about: About
    size: int
    missing: tuple[str, ...]
    """Attachments that the database names and the node does not hold: the backup has them neither."""


def make(
    settings: Settings,
    log: EvidenceLog,
    folder: Path,
    now: datetime,
    tell: Tell,
    *,
    with_keys: bool = False,
    settings_file: Path | None = None,
) -> Made:
    """Make a backup of a node, which may be working, in `folder`.

    Args:
        settings: the node's.
        log: its evidence log.
        folder: where the backup goes; it is made if it is not there.
        now: the moment (UTC) that names it.
        tell: hears of progress.
        with_keys: whether the private keys and the settings go in as well.
        settings_file: where the settings stand, if in a file.

    Raises:
        NotFoundError: there is no backup key.
        UnavailableError: the disk is full; nothing is left of the backup.
        InvalidError: the folder cannot be written to, or a backup of this second is there already.

    """
    _, recipient = key.read_public(settings.data_dir)
    path = folder / name_of(settings.unit_code, now)
    with _work_folder(settings.data_dir, now) as work, _telling_faults(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (
            take(settings, log, work, now, tell, with_keys=with_keys) as snapshot,
            _backup_file(path, now) as file,
            SealedWriter(file, recipient) as sealed,
        ):
            write_item(sealed, items.ABOUT, [snapshot.about.to_bytes()])
            if with_keys:
                for pem in sorted(settings.key_dir.glob("*.pem")):
                    write_item(sealed, f"{items.KEYS}{pem.name}", [pem.read_bytes()])
                if settings_file is not None:
                    write_item(sealed, items.SETTINGS, [settings_file.read_bytes()])
            write_item(sealed, items.DATABASE, snapshot.database)
            missing = _write_blobs(sealed, settings, snapshot.blobs, snapshot.about.blob_bytes, tell)
            write_item(sealed, items.MISSING, [json.dumps(missing).encode()])
    return Made(path, snapshot.about, path.stat().st_size, tuple(missing))


def _write_blobs(
    sealed: SealedWriter, settings: Settings, digests: tuple[str, ...], total: int, tell: Tell
) -> list[str]:
    store = BlobStore(settings.data_dir / "blobs", settings.attachment_max_bytes)
    missing, done = [], 0
    for digest in digests:
        try:
            file = store.open(digest)
        except FileNotFoundError:
            missing.append(digest)
            continue
        with file:
            write_item(sealed, f"{items.BLOBS}{digest}", iter(lambda: file.read(1 << 20), b""))  # noqa: B023 - used up here
            done += file.tell()
        tell("attachments", done, total)
    return missing


@contextmanager
def _work_folder(data_dir: Path, now: datetime) -> Iterator[Path]:
    """Lend a private folder beside the database; one that a crash left behind goes first."""
    for left in _stale(data_dir, f"{_WORK}*", now):
        shutil.rmtree(left, ignore_errors=True)
    work = data_dir / f"{_WORK}{token_hex(8)}"
    with _telling_faults(data_dir):
        work.mkdir(mode=0o700)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _backup_file(path: Path, now: datetime) -> Iterator[BinaryIO]:
    """Lend the backup's file; parts that a crash left behind go first."""
    if path.exists():
        raise InvalidError(f"{path} exists already; try again in a second.", f"{path} 已存在，请稍后再试。")
    for left in _stale(path.parent, ".ecolink-*.backup.part", now):
        left.unlink(missing_ok=True)
    with appearing(path) as file:
        yield file


def _stale(folder: Path, pattern: str, now: datetime) -> list[Path]:
    """Return what a crash left behind: nobody has touched it for a day."""
    return [path for path in folder.glob(pattern) if now.timestamp() - path.stat().st_mtime > _STALE.total_seconds()]


@contextmanager
def _telling_faults(folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as fault:
        if fault.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise _full(folder) from fault
        raise InvalidError(
            f"No backup was made: the database cannot be copied ({fault}). Look what is wrong: ecolink doctor",
            f"未生成备份：数据库无法复制（{fault}）。请运行 ecolink doctor 检查。",
        ) from fault
    except OSError as fault:
        if fault.errno in _FULL:
            raise _full(folder) from fault
        raise InvalidError(
            f"No backup was made in {folder}: {fault.strerror}. Mend that, or name another folder by --to.",
            f"未能在 {folder} 生成备份：{fault.strerror}。",
        ) from fault


def _full(folder: Path) -> UnavailableError:
    return UnavailableError(
        f"The disk is full: no backup was made and nothing is left of it. Make room in {folder}, or name another "
        "folder by --to.",
        f"磁盘已满，未生成备份，也未留下残余文件。请清理 {folder}，或用 --to 指定其他目录。",
    )
