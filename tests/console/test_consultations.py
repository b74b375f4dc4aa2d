"""Consultations on pages: called for a matter, answered, dated, held, minuted, objected to, signed, their tasks done."""

from datetime import timedelta

import pytest

from ecolink.identity.roles import Role
from tests.console import letters
from tests.console.cooperation import SCRIPT, agree, fill, hidden, sent, typed_time, wrong_at
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


def call(visitor: Visitor, town: Town, at: str = f"{HOME}/new", **changes: str | list[str]) -> str:
    """Invite Qingyuan, and return the consultation's page."""
    page = sent(visitor, at, HOME, invitation(town, **changes))
    town.settle()
    return page


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
        ({"/answer": "accepts", "/times@list": []}, "/times"),
        ({"/answer": "proposes", "/note": "另议"}, "/times"),
        ({"/answer": "declines"}, "/note"),
    ):
        assert wrong_at(fill(theirs, page, f"{page}/answer", wrong)) == {at}
    other = typed_time(town.clock.now() + timedelta(days=4))
    for said in (
        {"/answer": "declines", "/note": "全员扑救山火"},
        {"/answer": "proposes", "/times/0@china": other},
        {"/answer": "accepts"},
    ):
        assert sent(theirs, page, f"{page}/answer", said) == page
        town.settle()
    assert '<span class="chip good">' in ours.get(page).text, "the times that suit them"
    set_date = date(town)
    short = set_date | {"/duration_minutes@number": "5"}
    assert wrong_at(fill(ours, page, f"{page}/date", short)) == {"/duration_minutes"}
    assert sent(ours, page, f"{page}/date", set_date) == page
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
    sent(ours, page, f"{page}/date", set_date)
    town.settle()
    town.wait(timedelta(days=3))
    ours, theirs = (reception.signed_in(LIAISON) for reception in both)
    minutes: Typed = {
        "/held_at@china": set_date["/at@china"],
        "/method": "meeting",
        "/minutes": "双方通报盗伐案件情况。",
        "/conclusions": "开展联合巡护。",
        "/tasks/0/text": "提供木材加工点清单",
        "/tasks/0/owner": QINGYUAN,
        "/tasks/0/due_on": "2027-01-10",
        "/participants/0/name": "林一鸣",
    }
    form = f"{page}/minutes"
    for wrong, at in (
        ({"/tasks/0/owner": ""}, "/tasks/0/owner"),
        ({"/participants/0/name": ""}, "/participants"),
        ({"/minutes": "林一鸣通报情况。"}, "/minutes"),
    ):
        assert wrong_at(fill(ours, form, form, minutes | wrong)) == {at}
    assert sent(ours, form, form, minutes) == page
    town.settle()

    read = {"/minutes": hidden(theirs.get(page).text, "/minutes")}
    assert wrong_at(fill(theirs, page, f"{page}/object")) == {"/reason"}
    sent(theirs, page, f"{page}/object", {"/reason": "任务期限有误"})
    town.settle()
    assert "任务期限有误" in ours.get(page).text
    sent(ours, form, form, {"/tasks/0/due_on": "2027-01-20"})
    town.settle()
    assert theirs.send(f"{page}/confirm", read).status_code == 409, "those are not the minutes that count any more"
    assert "提供木材加工点清单" in theirs.get(page).text, "what was written before stands in the new ones"
    sent(theirs, page, f"{page}/confirm")
    town.settle()
    assert "已办结" in ours.get(page).text
    assert f'href="{page}"' in ours.get("/cooperation/sn-qy-151/consultation/2027").text
    for place in ("/cooperation", "/cooperation/calendar?month=2027-01"):
        assert f"{page}#tasks" in theirs.get(place).text
    assert "林一鸣" not in both[1].signed_in(Role.OFFICER).get(page).text

    assert wrong_at(fill(theirs, page, f"{page}/tasks/T1", {"/status": "not_possible"})) == {"/note"}
    sent(theirs, page, f"{page}/tasks/T1", {"/status": "done", "/note": "已提供"})
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
    assert 'value="331126000000" checked' in form, "whoever knows it is invited"
    for wrong, at in (
        ({"/title": ""}, "/title"),
        ({"/duration_minutes@number": "5"}, "/duration_minutes"),
        ({"/times/0@china": ""}, "/times"),
        ({"/chair": "331127000000"}, "/chair"),
        ({"/agreement": "six-county"}, "/agreement"),
    ):
        assert wrong_at(fill(ours, link, HOME, invitation(town, **wrong))) == {at}
    page = call(ours, town, link, **{"/planned": "false"})
    theirs = both[1].signed_in(LIAISON)
    assert f'href="{bulletin}"' in theirs.get(page).text

    assert wrong_at(fill(ours, page, f"{page}/cancel")) == {"/reason"}
    sent(ours, page, f"{page}/cancel", {"/reason": "因扑救山火取消"})
    town.settle()
    assert "因扑救山火取消" in theirs.get(page).text
    assert page in theirs.get(f"{HOME}?state=cancelled").text
    assert ours.get(f"{HOME}/new?from=bulletin/019ab000-0000-7000-8000-000000000001").status_code == 404
