"""What a check found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
    others: tuple["Finding", ...] = ()
    """What else the same check saw that is not in order, worst first."""

    @property
    def told(self) -> Sequence["Finding"]:
        """Return everything the check saw that is not in order, worst first; nothing where all is."""
        return (self, *self.others) if self.level in {Level.WARN, Level.FAIL} else ()

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


def worst(findings: Iterable[Finding], otherwise: Finding) -> Finding:
    """Return the worst finding, which leads the others to be told with it; `otherwise` if there is none."""
    ordered = sorted(findings, key=lambda finding: finding.level.weight, reverse=True)
    if not ordered:
        return otherwise
    first, *others = ordered
    return replace(first, others=tuple(others))
