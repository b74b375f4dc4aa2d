"""The folder of backups: their names, and what came of opening each."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ecolink.entrypoints.backup.sealing import recipient_of
from ecolink.errors import InvalidError
from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.kit.times import from_text, to_text

_NAME = re.compile(r"ecolink-(?P<unit>\d{12})-(?P<at>\d{8}T\d{6}Z)\.backup")
_MAX_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of verifying a backup. Times are UTC."""

    at: datetime
    ok: bool
    looked_inside: bool
    """Whether its database was opened and examined, and not only its table of contents."""
    why: str = ""

    @property
    def is_good(self) -> bool:
        """Tell whether the backup was opened for good and nothing in it was wrong."""
        return self.ok and self.looked_inside


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup in a folder."""

    path: Path
    unit_code: str
    """Of the node whose backup it is."""
    made_at: datetime
    size: int
    opens_with: str
    """The name of the key."""
    verdict: Verdict | None

    @property
    def is_verified(self) -> bool:
        """Tell whether it was opened for good and nothing in it was wrong."""
        return self.verdict is not None and self.verdict.is_good

    @property
    def is_bad(self) -> bool:
        """Tell whether something in it is known to be wrong."""
        return self.verdict is not None and not self.verdict.ok


def name_of(unit_code: str, now: datetime) -> str:
    """Return the name of a backup made at `now` (UTC)."""
    return f"ecolink-{unit_code}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.backup"


def backups(folder: Path) -> list[Backup]:
    """Return the backups in a folder, newest first."""
    return sorted(_found(folder), key=lambda backup: backup.made_at, reverse=True)


def kept(found: Sequence[Backup]) -> list[Backup]:
    """Return which of a node's backups, newest first, stay however old they are: those that one would go back to.

    The newest, the newest in which nothing is known to be wrong, and the newest that was opened.
    """
    sound = (backup for backup in found if not backup.is_bad)
    opened = (backup for backup in found if backup.is_verified)
    return [backup for backup in (next(iter(each), None) for each in (found, sound, opened)) if backup is not None]


def overdue(found: Sequence[Backup], before: datetime) -> list[Backup]:
    """Return which of a node's backups, newest first, were made before that moment, and may go."""
    stay = kept(found)
    return [backup for backup in found if backup.made_at < before and backup not in stay]


def drop(backup: Backup) -> None:
    """Delete a backup, and what is written beside it.

    Raises:
        InvalidError: its folder does not let it go.

    """
    try:
        backup.path.unlink(missing_ok=True)
        _beside(backup.path).unlink(missing_ok=True)
    except OSError as fault:
        raise InvalidError(
            f"{backup.path} cannot be deleted: {fault.strerror}.", f"无法删除 {backup.path}：{fault.strerror}。"
        ) from fault


def record(path: Path, verdict: Verdict) -> None:
    """Write what came of verifying a backup beside it; a folder that cannot be written to takes no record.

    Who opened the file and did not look inside takes nothing away from an earlier look inside that was good.
    """
    before = _verdict(path)
    if before is not None and before.is_good and verdict.ok and not verdict.looked_inside:
        return
    said = {**asdict(verdict), "at": to_text(verdict.at), "backup": _mark(path)}
    beside = _beside(path)
    fresh = beside.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(dumps(said))
            if os.geteuid() == 0:  # who opened it may be root; who lists it is the node's user
                os.fchown(file.fileno(), path.stat().st_uid, path.stat().st_gid)
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
        yield Backup(path, named["unit"], made_at, path.stat().st_size, opens_with(path), _verdict(path))


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
