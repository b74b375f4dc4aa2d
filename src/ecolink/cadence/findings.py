"""What somebody should mend or know, in both languages and with its place."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

Path = tuple[str | int, ...]
"""Where in the terms: names of members and numbers of entries."""

_FEW = 40


class Severity(StrEnum):
    """Whether it stands in the way."""

    ERROR = "error"
    NOTICE = "notice"
    """It does not; but somebody should know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or good to know, and what to do about it."""

    path: Path
    text_en: str
    text_zh: str
    severity: Severity = Severity.ERROR
    line: int | None = None
    """In the file, counted from 1; None where there is no file."""
    column: int | None = None

    def at(self, line: int) -> "Finding":
        """Return it with its place in a file."""
        return replace(self, line=line)


def did_you_mean(wrong: str, known: Collection[str]) -> tuple[str, str]:
    """Return in English and Chinese which known name is close to a wrong one, or else all of them, if they are few."""
    from difflib import get_close_matches  # noqa: PLC0415 - where something is wrong

    close = get_close_matches(wrong, list(known), n=1)
    if close:
        return f" Did you mean {close[0]}?", f"是否应为 {close[0]}？"
    if len(known) > _FEW:
        return "", ""
    return f" There are: {', '.join(sorted(known))}.", f"可用的有：{'、'.join(sorted(known))}。"
