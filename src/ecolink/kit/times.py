"""Times as text: RFC 3339 with an offset, never a bare local time."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The PRC keeps one time zone without daylight saving time; a fixed offset is exact."""


def to_text(moment: datetime) -> str:
    """Return `moment` as RFC 3339 in China's offset with milliseconds: `2026-11-22T10:00:00.000+08:00`."""
    return moment.astimezone(CHINA).isoformat(timespec="milliseconds")


def from_text(text: str) -> datetime:
    """Read an RFC 3339 time with an offset; return it in UTC.

    Raises:
        ValueError: the text is no time, or has no offset.

    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = f"a time needs an offset such as +08:00: {text!r}"
        raise ValueError(msg)
    return moment.astimezone(UTC)


def months_after(moment: datetime, months: int) -> datetime:
    """Return the same time of day so many calendar months later; on the last of the month where it has no such day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def from_seconds(seconds: int) -> datetime:
    """Return the moment `seconds` after the epoch (RFC 7519 NumericDate), in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def to_seconds(moment: datetime) -> int:
    """Return `moment` as whole seconds since the epoch (RFC 7519 NumericDate)."""
    return int(moment.timestamp())
