"""Contacts on pages: recorded by one bureau, confirmed or objected to by the other, corrected, taken back, made up."""

import re
from datetime import timedelta
from html import unescape

import pytest

from ecolink.identity.roles import Role
from tests.console import letters
from tests.console.cooperation import DECEMBER, SCRIPT, agree, fill, hidden, sent, typed_time, wrong_at
from tests.support.console import Reception, Visitor
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns
HOME = "/cooperation/contacts"
FORM = f"{HOME}/new?obligation={DECEMBER}"
LIAISON = Role.LIAISON_OFFICER


@pytest.fixture
def both(town: Town) -> tuple[Reception, Reception]:
    return agree(town)


def contact(town: Town, **changes: str) -> dict[str, str | list[str]]:
    """Return what an officer of Shouning types after a call an hour ago."""
    return {
        "/held_at@china": typed_time(town.clock.now() - timedelta(hours=1)),
        "/method": "call",
        "/topics@lines": f"杉木盗伐案线索反馈\r\n{SCRIPT}",
        "/conclusions": "三日内反馈。",
        "/participants/0/unit_code": SHOUNING,
        "/participants/0/name": "林一鸣",
        "/participants/0/post": "联络员",
        "/participants/1/unit_code": QINGYUAN,
        "/participants/1/name": "周青",
        "/participants/5/name": "",
        **changes,
    }


def record(visitor: Visitor, town: Town, at: str = FORM, **changes: str) -> str:
    """Record a contact, tell the other bureau, and return its page."""
    page = sent(visitor, at, HOME, contact(town, **changes))
    town.settle()
    return page


def test_what_one_records_the_other_confirms_and_the_month_is_met(both, town: Town):
    ours, theirs = (reception.signed_in(LIAISON) for reception in both)
    letters.tell(both[0], town)
    assert f'href="{FORM}"' in unescape(ours.get(HOME).text)
    form = ours.get(FORM).text
    assert hidden(form, "/agreement") == "sn-qy-151"
    begun = re.search(r"<textarea[^>]*name=\"/topics@lines\"[^>]*>([^<]*)<", form)
    assert begun
    assert "情报通报未读（1件），由庆元县公安局办理" in begun[1].split("\n"), "it is filled in with what is open"

    page = record(ours, town)
    assert "办理中" in ours.get(f"/cooperation/{DECEMBER}").text
    met_by = [visitor.get(f"/cooperation/{DECEMBER}").text.partition('id="met"')[2] for visitor in (ours, theirs)]
    assert ["确认对方的联系记录" in shown for shown in met_by] == [False, True]
    assert "确认对方的联系记录" in theirs.get("/cooperation").text
    assert f'href="{page}"' in theirs.get("/").text, "it is among what Today says is our turn"
    assert page in theirs.get(f"{HOME}?to_confirm=true").text
    shown = theirs.get(page).text
    assert SCRIPT not in shown
    assert "林一鸣" in shown
    assert "情报通报未读" in shown, "what was open then stays in the record"
    assert sent(theirs, page, f"{page}/confirm") == page
    town.settle()
    for visitor in (ours, theirs):
        assert "各方已确认" in visitor.get(page).text
        duty = visitor.get(f"/cooperation/{DECEMBER}").text
        assert re.search(r'class="chip good">.{0,200}已履行', duty, re.DOTALL)
        assert page in duty


def test_an_objection_leads_to_a_correction_that_is_confirmed_and_what_is_not_signed_is_taken_back(both, town: Town):
    ours, theirs = (reception.signed_in(LIAISON) for reception in both)
    page = record(ours, town, **{"/topics@lines": "", "/conclusions": "", "/nothing_to_report@yes": "yes"})
    read = {"/record": hidden(theirs.get(page).text, "/record")}
    assert wrong_at(fill(theirs, page, f"{page}/object", {"/reason": " "})) == {"/reason"}
    sent(theirs, page, f"{page}/object", {"/reason": f"时间有误 {SCRIPT}"})
    town.settle()
    assert "时间有误" in ours.get(page).text
    assert SCRIPT not in ours.get(page).text

    form = f"{page}/correct"
    assert wrong_at(fill(ours, form, form, contact(town))) == {"/nothing_to_report"}, "what was ticked still is"
    changed = contact(town, **{"/nothing_to_report@yes": ""})
    assert wrong_at(fill(ours, form, form, changed | {"/conclusions": ""})) == {"/conclusions"}
    assert sent(ours, form, form, changed) == page
    town.settle()
    assert theirs.send(f"{page}/confirm", read).status_code == 409, "that is not what stands any more"
    sent(theirs, page, f"{page}/confirm")
    town.settle()
    assert "各方已确认" in ours.get(page).text

    other = record(ours, town, f"{HOME}/new?partner={QINGYUAN}", **{"/method": "video"})
    assert wrong_at(fill(ours, other, f"{other}/withdraw")) == {"/reason"}
    sent(ours, other, f"{other}/withdraw", {"/reason": "重复记录"})
    town.settle()
    assert "重复记录" in theirs.get(other).text
    assert other in theirs.get(f"{HOME}?state=withdrawn").text
    assert other not in theirs.get(f"{HOME}?state=confirmed").text


def test_whatever_is_wrong_with_a_record_is_told_at_its_field(both, town: Town):
    visitor, form = both[0].signed_in(Role.DEPUTY), f"{HOME}/new?partner={QINGYUAN}"
    for wrong, at in (
        ({"/held_at@china": "2027-01-30T10:00"}, {"/held_at"}),
        ({"/held_at@china": "", "/conclusions": "x" * 5001}, {"/held_at", "/conclusions"}),
        ({"/participants/1/name": ""}, {"/participants/1/name"}),
        ({"/topics@lines": ""}, {"/topics"}),
        ({"/conclusions": ""}, {"/conclusions"}),
        ({"/nothing_to_report@yes": "yes"}, {"/nothing_to_report"}),
        ({"/conclusions": "与林一鸣商定。"}, {"/conclusions"}),
    ):
        assert wrong_at(fill(visitor, form, HOME, contact(town, **wrong))) == at


def test_a_missed_month_is_made_up_for_and_stays_late(both, town: Town):
    town.wait(timedelta(days=33))
    ours, theirs = (reception.signed_in(LIAISON) for reception in both)
    duty = ours.get(f"/cooperation/{DECEMBER}").text
    assert "补办" in duty
    assert "补办" in ours.get(FORM).text
    page = record(ours, town)
    sent(theirs, page, f"{page}/confirm")
    town.settle()
    assert "逾期补办" in ours.get(f"/cooperation/{DECEMBER}").text
    assert ours.get(FORM).status_code == 404, "its form is closed"


@pytest.mark.parametrize("role", [Role.OFFICER, Role.AUDITOR, Role.APPROVER])
def test_who_handles_no_contacts_sees_masked_names_and_no_form(both, town: Town, role: Role):
    page, visitor = record(both[0].signed_in(LIAISON), town), both[1].signed_in(role)

    shown = visitor.get(page).text
    assert "林一鸣" not in shown
    assert "/confirm" not in shown
    assert "/new" not in visitor.get(HOME).text
    for path in (HOME, f"{page}/confirm", f"{page}/object", f"{page}/correct", f"{page}/withdraw"):
        assert visitor.post(path, contact(town)).status_code == 403
    assert visitor.get(f"{HOME}/new?partner={SHOUNING}").status_code == 403
