"""Consultations on pages: called for a matter, answered, dated, held, minuted, objected to, signed, their tasks done."""

from datetime import timedelta

import pytest

from ecolink.identity.roles import Role
from tests.console import letters
from tests.console.cooperation import SCRIPT, agree, hidden, typed_time, wrong_at
from tests.support.console import Reception, Visitor
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns
HOME = "/cooperation/consultations"
LIAISON = Role.LIAISON_OFFICER
Typed = dict[str, str | list[str]]


@pytest.fixture
def both(town: Town) -> tuple[Reception, Reception]:
    """Both consoles in the first days of 2027, a year in which a consultation is due."""
    receptions = agree(town)
    town.wait(timedelta(days=31))
    return receptions


def invitation(town: Town, **changes: str | list[str]) -> Typed:
    """Return what an officer of Shouning types who wants to confer in two days."""
    return {
        "/title": f"盗伐形势会商 {SCRIPT}",
        "/partners@list": [QINGYUAN],
        "/planned": "true",
        "/agreement": "sn-qy-151",
        "/chair": SHOUNING,
        "/times/0@china": typed_time(town.clock.now() + timedelta(days=2)),
        "/duration_minutes@number": "90",
        "/where": "龙溪联合警务站",
        "/agenda@lines": "盗伐案件研判\r\n联合巡护",
        **changes,
    }


def call(visitor: Visitor, town: Town, **changes: str | list[str]) -> str:
    """Invite Qingyuan, and return the consultation's page."""
    answer = visitor.post(HOME, invitation(town, **changes))
    assert answer.status_code == 303, answer.text
    town.settle()
    return answer.headers["location"]


def date(town: Town) -> Typed:
    """Return what the convener types to set the date: in two days."""
    day = typed_time(town.clock.now() + timedelta(days=2))
    return {"/at@china": day, "/duration_minutes@number": "90", "/where": "龙溪联合警务站", "/agenda@lines": "案件研判"}


def test_a_consultation_is_planned_answered_and_dated(both, town: Town):
    ours, theirs = (reception.signed_in(LIAISON) for reception in both)
    plan = f"{HOME}/new?agreement=sn-qy-151"
    assert f'href="{plan}"' in ours.get(HOME).text, "this year's is to be planned"
    assert f'href="{plan}"' not in both[0].signed_in(Role.OFFICER).get(HOME).text
    assert 'value="331126000000" checked' in ours.get(plan).text
    page = call(ours, town)
    shown = theirs.get(page).text
    assert SCRIPT not in shown
    assert page in theirs.get("/cooperation").text
    assert ours.get(f"{page}/invitation.ics").status_code == 409

    for wrong, at in (
        ({"/answer": "accepts"}, "/times"),
        ({"/answer": "proposes", "/note": "另议"}, "/times"),
        ({"/answer": "declines"}, "/note"),
    ):
        assert wrong_at(theirs.send(f"{page}/answer", wrong)) == {at}
    theirs.post(f"{page}/answer", {"/answer": "accepts", "/times@list": [hidden(shown, "/times@list")]})
    town.settle()
    set_date = date(town)
    assert wrong_at(ours.send(f"{page}/date", set_date | {"/duration_minutes@number": "5"})) == {"/duration_minutes"}
    assert ours.post(f"{page}/date", set_date).status_code == 303
    town.settle()
    assert "BEGIN:VEVENT" in theirs.get(f"{page}/invitation.ics").text
    assert f'href="{page}"' in theirs.get(f"/cooperation/calendar?month={set_date['/at@china'][:7]}").text

    officer = both[1].signed_in(Role.OFFICER)
    assert f'action="{page}' not in officer.get(page).text
    for word in ("answer", "date", "cancel", "minutes", "confirm", "object", "tasks/T1"):
        assert officer.post(f"{page}/{word}", {"/status": "done"}).status_code == 403
    assert officer.post(HOME, invitation(town)).status_code == 403


def test_minutes_are_written_objected_to_written_anew_and_signed_and_their_task_is_done(both, town: Town):
    ours = both[0].signed_in(LIAISON)
    page, set_date = call(ours, town), date(town)
    ours.post(f"{page}/date", set_date)
    town.settle()
    town.wait(timedelta(days=3))
    ours, theirs = (reception.signed_in(LIAISON) for reception in both)
    minutes: Typed = {
        "/held_at@china": set_date["/at@china"],
        "/method": "meeting",
        "/minutes": "双方通报盗伐案件情况。",
        "/conclusions": "开展联合巡护。",
        "/tasks/0/code": "T1",
        "/tasks/0/text": "提供木材加工点清单",
        "/tasks/0/owner": QINGYUAN,
        "/tasks/0/due_on": "2027-01-10",
        "/tasks/1/code": "T2",
        "/participants/0/name": "林一鸣",
    }
    assert "/tasks/0/text" in ours.get(f"{page}/minutes").text
    for wrong, at in (
        ({"/tasks/0/owner": ""}, "/tasks/0/owner"),
        ({"/participants/0/name": ""}, "/participants"),
        ({"/minutes": "林一鸣通报情况。"}, "/minutes"),
    ):
        assert wrong_at(ours.send(f"{page}/minutes", minutes | wrong)) == {at}
    assert ours.post(f"{page}/minutes", minutes).headers["location"] == page
    town.settle()

    said = {"/minutes": hidden(theirs.get(page).text, "/minutes")}
    assert wrong_at(theirs.send(f"{page}/object", said)) == {"/reason"}
    theirs.post(f"{page}/object", said | {"/reason": "任务期限有误"})
    town.settle()
    assert "任务期限有误" in ours.get(page).text
    assert "提供木材加工点清单" in ours.get(f"{page}/minutes").text, "what was written stands in the form"
    ours.post(f"{page}/minutes", minutes | {"/tasks/0/due_on": "2027-01-20"})
    town.settle()
    assert theirs.post(f"{page}/confirm", said).status_code == 409, "those are not the minutes that count any more"
    theirs.post(f"{page}/confirm", {"/minutes": hidden(theirs.get(page).text, "/minutes")})
    town.settle()
    assert "已办结" in ours.get(page).text
    assert f'href="{page}"' in ours.get("/cooperation/sn-qy-151/consultation/2027").text
    for place in ("/cooperation", "/cooperation/calendar?month=2027-01"):
        assert f"{page}#tasks" in theirs.get(place).text
    assert "林一鸣" not in both[1].signed_in(Role.OFFICER).get(page).text

    assert wrong_at(theirs.send(f"{page}/tasks/T1", {"/status": "not_possible"})) == {"/note"}
    theirs.post(f"{page}/tasks/T1", {"/status": "done", "/note": "已提供"})
    town.settle()
    assert "已提供" in ours.get(page).text


def test_a_matter_leads_to_a_consultation_about_it(both, town: Town):
    bulletin = letters.tell(both[0], town)
    ours, officer = both[0].signed_in(LIAISON), both[0].signed_in(Role.OFFICER)
    link = f"{HOME}/new?from={bulletin[1:].replace('bulletins', 'bulletin')}"
    assert f'href="{link}"' in ours.get(bulletin).text
    assert HOME not in officer.get(bulletin).text
    form = ours.get(link).text
    assert f'href="{bulletin}"' in form
    about = {name: hidden(form, name) for name in ("/trigger/kind", "/trigger/thread")}
    assert 'value="331126000000" checked' in form, "whoever knows it is invited"
    for wrong, at in (
        ({"/title": ""}, "/title"),
        ({"/duration_minutes@number": "5"}, "/duration_minutes"),
        ({"/times/0@china": ""}, "/times"),
        ({"/chair": "331127000000"}, "/chair"),
        ({"/agreement": "six-county"}, "/agreement"),
    ):
        assert wrong_at(ours.send(HOME, invitation(town, **about, **wrong))) == {at}
    page = call(ours, town, **about, **{"/planned": "false"})
    theirs = both[1].signed_in(LIAISON)
    assert f'href="{bulletin}"' in theirs.get(page).text

    assert wrong_at(ours.send(f"{page}/cancel", {})) == {"/reason"}
    ours.post(f"{page}/cancel", {"/reason": "因扑救山火取消"})
    town.settle()
    assert "因扑救山火取消" in theirs.get(page).text
    assert page in theirs.get(f"{HOME}?state=cancelled").text
    assert ours.get(f"{HOME}/new?from=bulletin/019ab000-0000-7000-8000-000000000001").status_code == 404
