"""Writing iCalendar (RFC 5545): pure, and the same bytes for the same entries.

Times are written in UTC: the PRC has one zone without daylight saving time, and a calendar shows them in its own.
A text may hold no control character (section 3.1) and a name in a parameter no quotation mark either: what would act
unseen is written as its code.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from icalendar import Alarm, Calendar, Event, vCalAddress, vText

from ecolink.documents.lettering import visible
from ecolink.exchanges.feeds.entries import Entry

PRODUCT = "-//ecolink//node//ZH"
NO_MAIL = "invalid:nomail"
"""An organizer must have an address (RFC 5546 section 3.2.1); bureaus have telephones."""

Method = Literal["PUBLISH", "CANCEL"]


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands over a calendar."""

    name: str
    method: Method = "PUBLISH"
    refresh: timedelta | None = None
    """How often a program should come back for it (RFC 7986 section 5.7)."""


def write(heading: Heading, entries: Iterable[Entry]) -> bytes:
    """Return a calendar of entries, in order of time."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", heading.method)
    name = vText(_in_one_line(heading.name))  # the library escapes neither of the two by itself
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    if heading.refresh is not None:
        calendar.add("refresh-interval", heading.refresh, parameters={"value": "DURATION"})
    for entry in sorted(entries, key=lambda each: (_sorted_by(each.starts), each.key)):
        calendar.add_component(_event(entry))
    return bytes(calendar.to_ical())


def _event(entry: Entry) -> Event:
    event = Event()
    title = _in_one_line(entry.title)
    event.add("uid", f"{_in_one_line(entry.key)}@ecolink")
    event.add("dtstamp", entry.told_at)
    event.add("last-modified", entry.told_at)
    event.add("sequence", entry.sequence)
    event.add("summary", title)
    event.add("dtstart", entry.starts)
    if isinstance(entry.starts, datetime):
        event.add("duration", entry.lasts)
    else:
        event.add("transp", "TRANSPARENT")  # something due that day takes no time of it
    event.add("status", "CANCELLED" if entry.is_cancelled else "CONFIRMED")
    if entry.description:
        event.add("description", visible(entry.description))
    if entry.where:
        event.add("location", _in_one_line(entry.where))
    if entry.organizer:
        organizer = vCalAddress(NO_MAIL)
        organizer.params["CN"] = _in_one_line(entry.organizer).replace('"', "”")
        event.add("organizer", organizer)
    for before in () if entry.is_cancelled else entry.alarms:
        event.add_component(_alarm(title, before))
    return event


def _alarm(title: str, before: timedelta) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", title)
    alarm.add("trigger", -before)
    return alarm


def _in_one_line(text: str) -> str:
    return " ".join(visible(text).split())


def _sorted_by(starts: date | datetime) -> str:
    return starts.isoformat()
