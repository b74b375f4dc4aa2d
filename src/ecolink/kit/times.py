"""Times as text: RFC 3339 with an offset, never a bare local time."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, timezone
from re import compile as pattern

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The PRC keeps one time zone without daylight saving time; a fixed offset is exact."""


_DAY = pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RFC3339 = pattern(
    rf"{_DAY.pattern}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{{1,9}})?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
"""Only this; the library would also read week dates, basic forms and blanks, where others read none."""


def to_text(moment: datetime) -> str:
    """Return `moment` as RFC 3339 in China's offset with milliseconds: `2026-11-22T10:00:00.000+08:00`."""
    return moment.astimezone(CHINA).isoformat(timespec="milliseconds")


def from_text(text: str) -> datetime:
    """Read an RFC 3339 time with an offset; return it in UTC.

    Raises:
        ValueError: the text is no such time, or not in the calendar. It is not repeated: it may be personal.

    """
    try:
        if _RFC3339.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # 31 February; the first hours of year 1
        pass
    raise ValueError("a time is RFC 3339 text with an offset, such as 2026-11-22T10:00:00+08:00")


def day_from_text(text: str) -> date:
    """Read a day written as `2026-11-22` (RFC 3339 full-date).

    Raises:
        ValueError: the text is no such day, or not in the calendar. It is not repeated: it may be personal.

    """
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:  # 31 February
        pass
    raise ValueError("a day is written as 2026-11-22")


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
