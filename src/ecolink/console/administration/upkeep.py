"""Looking after the node itself: what the doctor finds, and backups. Wiring hands the functions in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that a check of the doctor's saw, and its mend where that is not in order."""

    number: int
    name_zh: str
    name_en: str
    level: Literal["ok", "skipped", "warn", "fail"]
    detail_zh: str
    detail_en: str
    mend_zh: str
    mend_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFile:
    """A backup in the node's folder of backups."""

    name: str
    made_at: datetime
    size: int
    """Bytes."""
    verified_at: datetime | None
    is_good: bool | None
    """What verifying came to; None: nobody verified it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What an administrator does for the node."""

    examine: Callable[[], Sequence[Check]]
    """Make every check of the doctor's; takes seconds, more on a large database."""
    backups: Callable[[], Sequence[BackupFile]]
    back_up: Callable[[datetime], str]
    """Make a backup now and return its name. Raises what `ecolink backup create` does, such as that no key is set."""
