"""An officer's calendar: fetched by a program at an address nobody else knows, and read by a calendar library."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from icalendar import Calendar

from ecolink.exchanges.feeds import codec
from ecolink.exchanges.feeds.endpoints import router
from ecolink.exchanges.feeds.entries import Entry
from ecolink.exchanges.feeds.service import FeedService
from ecolink.identity.models import AccountKind
from ecolink.identity.roles import Role
from tests.support.web import Desk

FEEDS = "/api/v1/me/calendar-feeds"
TOLD = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
DUE = Entry(
    key="sn-qy-151/liaison/2026-11",
    title="月联系",
    starts=date(2026, 11, 30),
    told_at=TOLD,
    alarms=(timedelta(days=3),),
)
MEETING = Entry(
    key="019ab000-0000-7000-8000-000000000001",
    title="会商：林区盗伐形势；巡护，联动",
    starts=datetime(2026, 12, 3, 1, 30, tzinfo=UTC),
    lasts=timedelta(minutes=90),
    told_at=TOLD,
    where="龙溪联合警务站\r\nATTENDEE:mailto:x@example.org",
    organizer="庆元县公安局",
)


@pytest.fixture
def desk(database):
    with Desk.open(database, [router(FeedService("寿宁县公安局 警务协作", [lambda *_: [MEETING, DUE]]))]) as desk:
        yield desk


def address(desk: Desk, who: dict[str, str]) -> str:
    made = desk.client.post(FEEDS, json={"label": "手机"}, headers=who)
    assert made.status_code == 201, made.text
    return made.json()["address"]


def test_a_calendar_program_reads_what_is_due_without_a_login(desk):
    officer = desk.as_role(Role.LIAISON_OFFICER)
    where = address(desk, officer)
    answer = desk.client.get(where)
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    due, meeting = Calendar.from_ical(answer.content).walk("VEVENT")
    assert (due["UID"], due.decoded("DTSTART")) == ("sn-qy-151/liaison/2026-11@ecolink", date(2026, 11, 30))
    assert due.walk("VALARM")[0].decoded("TRIGGER") == timedelta(days=-3)
    assert (str(meeting["SUMMARY"]), meeting.decoded("DTSTART")) == (MEETING.title, MEETING.starts)
    assert meeting["ORGANIZER"].params["CN"] == "庆元县公安局"
    assert "ATTENDEE" not in meeting, "a text cannot bring lines of its own"

    again = desk.client.get(where, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    (shown,) = desk.client.get(FEEDS, headers=officer).json()["items"]
    assert shown["label"] == "手机"
    assert "address" not in shown
    assert shown["read_at"]


HOSTILE = (
    "会商；研判\r\nATTENDEE:mailto:x@example.org\nX-EVIL:1\rX-EVIL:2\u2028X-EVIL:3\x85X-EVIL:4\x0bX-EVIL:5"
    '\x00\x07\x1b\x7f \u202e;,\\n\\;\\, "C":V^n^\' \tEND:VEVENT' + "长" * 80 + "😀" * 30
)
PROPERTIES = {
    "VCALENDAR": {"VERSION", "PRODID", "CALSCALE", "METHOD", "NAME", "X-WR-CALNAME", "REFRESH-INTERVAL"},
    "VEVENT": {
        *("UID", "DTSTAMP", "LAST-MODIFIED", "SEQUENCE", "SUMMARY", "DTSTART"),
        *("DURATION", "STATUS", "DESCRIPTION", "LOCATION", "ORGANIZER"),
    },
    "VALARM": {"ACTION", "DESCRIPTION", "TRIGGER"},
}
SAFE = r"[^\x00-\x08\x0a-\x1f\x7f\";:,]*"
LINE = re.compile(
    rf"(?P<name>[A-Z-]+)(;[A-Z-]+=({SAFE}|\"[^\x00-\x08\x0a-\x1f\x7f\"]*\"))*:(?P<value>[^\x00-\x08\x0a-\x1f\x7f]*)"
)
"""A content line (RFC 5545 section 3.1)."""
ESCAPED = re.compile(r"(\\[\\;,nN]|[^\\;,])*")
"""A text (section 3.3.11)."""


def test_no_text_brings_a_line_a_property_or_an_unseen_sign_into_a_calendar():
    hostile = Entry(
        key=DUE.key,
        title=HOSTILE,
        starts=MEETING.starts,
        lasts=MEETING.lasts,
        told_at=TOLD,
        description=HOSTILE,
        where=HOSTILE,
        organizer=HOSTILE,
        alarms=DUE.alarms,
    )
    written = codec.write(codec.Heading(HOSTILE, refresh=timedelta(hours=1)), [hostile])

    assert written.endswith(b"END:VCALENDAR\r\n")
    folded = written.removesuffix(b"\r\n").split(b"\r\n")
    assert all(len(line) <= 75 and line.decode() for line in folded), "no line is longer, or ends within a character"
    inside: list[str] = []
    for line in written.decode().replace("\r\n ", "").removesuffix("\r\n").split("\r\n"):
        found = LINE.fullmatch(line)
        assert found, line
        name, value = found["name"], found["value"]
        if name == "BEGIN":
            inside.append(value)
        elif name == "END":
            assert inside.pop() == value
        else:
            assert name in PROPERTIES[inside[-1]], line
            assert name == "TRIGGER" or ESCAPED.fullmatch(value), line
    (event,) = Calendar.from_ical(written).walk("VEVENT")
    shown = str(event["DESCRIPTION"])
    assert shown.startswith(
        "会商；研判\nATTENDEE:mailto:x@example.org\nX-EVIL:1\nX-EVIL:2\nX-EVIL:3\nX-EVIL:4\nX-EVIL:5〔U+0000〕"
    )
    assert shown.endswith(' 〔U+202E〕;,\\n\\;\\, "C":V^n^\'  END:VEVENT' + "长" * 80 + "😀" * 30)
    assert str(event["SUMMARY"]) == str(event["LOCATION"]) == " ".join(shown.split())


def test_a_revoked_address_answers_nobody_and_only_its_owner_revokes_it(desk):
    officer, chief = desk.as_role(Role.LIAISON_OFFICER), desk.as_role(Role.CHIEF)
    where = address(desk, officer)
    (feed,) = desk.client.get(FEEDS, headers=officer).json()["items"]
    assert desk.client.get(FEEDS, headers=chief).json()["items"] == []
    assert desk.client.delete(f"{FEEDS}/{feed['id']}", headers=chief).status_code == 404
    assert desk.client.get(where).status_code == 200
    assert desk.client.delete(f"{FEEDS}/{feed['id']}", headers=officer).status_code == 204
    assert desk.client.get(where).status_code == 404


def test_an_address_dies_with_the_account_and_with_the_right_to_see(desk):
    officer = desk.as_role(Role.LIAISON_OFFICER)
    where, administrator = address(desk, officer), desk.principal(Role.ADMINISTRATOR)
    with desk.database.begin() as session:
        account = desk.identity.accounts.named(session, AccountKind.USER, "liaison_officer")
        desk.identity.accounts.disable(session, account, by=administrator, now=desk.clock.now())
    assert desk.client.get(where).status_code == 404
    stranger = where[: where.rindex("/")] + "/" + "A" * 43 + ".ics"
    assert desk.client.get(stranger).status_code == 404


def test_nobody_collects_addresses_without_end(desk):
    officer = desk.as_role(Role.LIAISON_OFFICER)
    for _ in range(10):
        address(desk, officer)
    assert desk.client.post(FEEDS, json={"label": "第十一"}, headers=officer).status_code == 409


def test_what_was_called_off_takes_itself_out_of_the_calendar_under_the_same_name():
    off = Entry(
        key=MEETING.key,
        title=MEETING.title,
        starts=MEETING.starts,
        told_at=TOLD,
        sequence=2,
        is_cancelled=True,
        alarms=(),
    )
    before = codec.write(codec.Heading("会商"), [MEETING])
    after = codec.write(codec.Heading("会商", "CANCEL"), [off])
    (one,), (other,) = (Calendar.from_ical(each).walk("VEVENT") for each in (before, after))
    assert one["UID"] == other["UID"]
    assert (one["SEQUENCE"], other["SEQUENCE"], other["STATUS"]) == (0, 2, "CANCELLED")
    assert Calendar.from_ical(after)["METHOD"] == "CANCEL"
    assert before == codec.write(codec.Heading("会商"), [MEETING]), "the same entries give the same bytes"
    assert max(len(line) for line in before.split(b"\r\n")) <= 75
