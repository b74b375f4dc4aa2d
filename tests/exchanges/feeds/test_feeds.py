"""An officer's calendar: fetched by a program at an address nobody else knows, and read by a calendar library."""

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
