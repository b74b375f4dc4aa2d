"""The folder of backups: their names, and what came of opening each."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ecolink.entrypoints.backup.sealing import recipient_of
from ecolink.errors import InvalidError
from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.kit.times import from_text, to_text

_NAME = re.compile(r"ecolink-\d{12}-(?P<at>\d{8}T\d{6}Z)\.backup")
_MAX_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of verifying a backup. Times are UTC."""

    at: datetime
    ok: bool
    looked_inside: bool
    """Whether its database was opened and examined, and not only its table of contents."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup in a folder."""

    path: Path
    made_at: datetime
    size: int
    opens_with: str
    """The name of the key."""
    verdict: Verdict | None


def name_of(unit_code: str, now: datetime) -> str:
    """Return the name of a backup made at `now` (UTC)."""
    return f"ecolink-{unit_code}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.backup"


def backups(folder: Path) -> list[Backup]:
    """Return the backups in a folder, newest first."""
    return sorted(_found(folder), key=lambda backup: backup.made_at, reverse=True)


def record(path: Path, verdict: Verdict) -> None:
    """Write what came of verifying a backup beside it; a folder that cannot be written to takes no record."""
    said = {**asdict(verdict), "at": to_text(verdict.at), "backup": _mark(path)}
    beside = _beside(path)
    fresh = beside.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(dumps(said))
        fresh.replace(beside)


def opens_with(path: Path) -> str:
    """Return the name of the key that a backup opens with; nothing if the file is no backup."""
    try:
        with path.open("rb") as file:
            return recipient_of(file.readline(_MAX_HEADER_BYTES))
    except (InvalidError, OSError):
        return ""


def _found(folder: Path) -> Iterator[Backup]:
    for path in folder.glob("*.backup"):
        named = _NAME.fullmatch(path.name)
        if named is None:
            continue
        made_at = datetime.strptime(named["at"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        yield Backup(path, made_at, path.stat().st_size, opens_with(path), _verdict(path))


def _verdict(path: Path) -> Verdict | None:
    """Return the verdict on this very file; one on another file of that name counts for nothing."""
    try:
        said = json.loads(_beside(path).read_bytes())
        if said.pop("backup") != _mark(path):
            return None
        return Verdict(**{**said, "at": from_text(said["at"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _mark(path: Path) -> str:
    """Tell one backup from every other: its first line holds a key of its own."""
    with path.open("rb") as file:
        return f"{sha256_hex(file.readline(_MAX_HEADER_BYTES))}/{path.stat().st_size}"


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.verdict")
