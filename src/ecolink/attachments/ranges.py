"""Parts of a file: the `Range` and `Content-Range` header fields (RFC 9110 section 14). Pure."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})", re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]{1,15})-([0-9]{1,15})|\*)/([0-9]{1,15})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `first` to `last`, both included, of a file of `total` bytes."""

    first: int
    last: int
    total: int

    @property
    def length(self) -> int:
        """How many bytes that is."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        """Return it as a Content-Range."""
        return f"bytes {self.first}-{self.last}/{self.total}"


@dataclass(frozen=True, slots=True)
class Beyond:
    """The wanted part begins after the end: 416."""

    total: int

    def __str__(self) -> str:
        """Return it as a Content-Range."""
        return f"bytes */{self.total}"


def wanted_part(header: str | None, total: int) -> Part | Beyond | None:
    """Read a Range; None when the whole file is wanted.

    A field that is malformed, in another unit, or asks for several parts counts as absent, as the RFC allows.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = min(int(match[2]), total)
        return Part(total - length, total - 1, total) if length else Beyond(total)
    first = int(match[1])
    last = min(int(match[2]), total - 1) if match[2] else total - 1
    if match[2] and int(match[2]) < first:
        return None
    return Part(first, last, total) if first < total else Beyond(total)


def sent_part(header: str | None) -> Part | Beyond | None:
    """Read a Content-Range; `Beyond` stands for the form `bytes */total`; None when it is no valid one."""
    match = _CONTENT_RANGE.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    total = int(match[3])
    if match[1] is None:
        return Beyond(total)
    first, last = int(match[1]), int(match[2])
    return Part(first, last, total) if first <= last < total else None
