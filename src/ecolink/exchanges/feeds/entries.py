"""What stands in a calendar: one entry for each thing due or set. Light, so that rooms may make them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something in an officer's calendar."""

    key: str
    """Names it for ever, whatever becomes of its date: an obligation's key, a consultation's thread."""
    title: str
    starts: date | datetime
    """A day for what is due that day (Asia/Shanghai), an aware moment for a meeting."""
    lasts: timedelta = timedelta(0)
    told_at: datetime
    """When it last changed."""
    sequence: int = 0
    """Raised whenever its time changes or it is called off (RFC 5545 section 3.8.7.4)."""
    description: str = ""
    where: str = ""
    organizer: str = ""
    is_cancelled: bool = False
    alarms: tuple[timedelta, ...] = ()
    """How long before it begins a program should ring."""


WRITTEN = {"schema": {"type": "string"}, "example": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"}
"""What OpenAPI says of a calendar as it is answered."""
