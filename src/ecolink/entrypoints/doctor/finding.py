"""What a check found."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    SKIPPED = "skipped"
    """It could not be looked at, for what an earlier check found."""
    WARN = "warn"
    """It works; somebody should look at it in the next days."""
    FAIL = "fail"
    """It does not work, or will not for long."""

    @property
    def weight(self) -> int:
        """Return a number that is larger for what is worse."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing seen, in both languages; what is not in order has a mend."""

    level: Level
    detail_en: str
    detail_zh: str
    mend_en: str = ""
    mend_zh: str = ""

    @classmethod
    def ok(cls, detail_en: str, detail_zh: str) -> Self:
        """Return that all is well."""
        return cls(level=Level.OK, detail_en=detail_en, detail_zh=detail_zh)

    @classmethod
    def warn(cls, detail_en: str, detail_zh: str, mend_en: str, mend_zh: str) -> Self:
        """Return that somebody should look at it."""
        return cls(level=Level.WARN, detail_en=detail_en, detail_zh=detail_zh, mend_en=mend_en, mend_zh=mend_zh)

    @classmethod
    def fail(cls, detail_en: str, detail_zh: str, mend_en: str, mend_zh: str) -> Self:
        """Return that it does not work."""
        return cls(level=Level.FAIL, detail_en=detail_en, detail_zh=detail_zh, mend_en=mend_en, mend_zh=mend_zh)


def worst(findings: Sequence[Finding], otherwise: Finding) -> Finding:
    """Return the worst finding, telling how many more there are; `otherwise` if there is none."""
    if not findings:
        return otherwise
    first = max(findings, key=lambda finding: finding.level.weight)
    if len(findings) == 1:
        return first
    more = len(findings) - 1
    return Finding(
        level=first.level,
        detail_en=f"{first.detail_en} And {more} more like it.",
        detail_zh=f"{first.detail_zh}另有 {more} 项类似情况。",
        mend_en=first.mend_en,
        mend_zh=first.mend_zh,
    )
