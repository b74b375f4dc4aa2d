"""Agreements on pages: a file is checked line by line, proposed, signed, declined, taken back, amended, ended."""

import re
from importlib.resources import files

import pytest

from ecolink.identity.roles import Role
from tests.console.cooperation import SCRIPT, agree, fill, sent, wrong_at
from tests.support.console import Reception, Visitor
from tests.support.town import QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns
HOME = "/cooperation/agreements"
NEW = f"{HOME}/new"
ONE = f"{HOME}/sn-qy-151"
READY = files("ecolink").joinpath("data/agreements/sn-qy-151.toml").read_text("utf-8")


@pytest.fixture
def both(town: Town) -> tuple[Reception, Reception]:
    return Reception(town.nodes[SHOUNING]), Reception(town.nodes[QINGYUAN])


def proposal(visitor: Visitor) -> str:
    """Return the page of what was proposed last."""
    found = re.search(rf'href="({ONE}/proposals/[0-9a-f]{{64}})"', visitor.get(ONE).text)
    assert found
    return found[1]


def test_every_fault_of_a_file_is_told_on_its_line(both):
    visitor = both[0].signed_in(Role.LIAISON_OFFICER)
    begun = visitor.get(f"{HOME}/new?begin=sn-qy-151").text
    assert "sn-qy-151" in begun
    assert "提议并签署" not in begun, "that is the chief's to do"

    wrong = READY.replace("BYMONTHDAY=-1", "BYMONTHDAY=31").replace("valid_until", "valid_till<b>")
    found = visitor.send(f"{HOME}/check", {"/text": wrong}).text
    assert "尚不能提议" in found
    assert "valid_till<b>" not in found
    several = visitor.send(f"{HOME}/check", {"/text": READY.replace("BYMONTHDAY=-1", "BYMONTHDAY=31")}).text
    assert len(re.findall(r"第 \d+ 行", several)) > 1
    good = visitor.send(f"{HOME}/check", {"/text": READY}).text
    assert "可以提议" in good
    assert "每月至少 1 次" in good


def test_what_one_chief_proposes_another_declines_and_signs_after_all(both, town: Town):
    ours, theirs = (reception.signed_in(Role.CHIEF) for reception in both)

    for wrong in ("code = 1", ""):
        assert wrong_at(fill(ours, NEW, HOME, {"/text": wrong})) == {"/text"}
    assert sent(ours, f"{NEW}?begin=sn-qy-151", HOME) == ONE
    town.settle()
    page = proposal(theirs)
    assert "待我方办理" in theirs.get(HOME).text
    assert page in theirs.get("/cooperation").text
    assert wrong_at(fill(theirs, page, f"{page}/decline")) == {"/reason"}
    sent(theirs, page, f"{page}/decline", {"/reason": f"须先报市局 {SCRIPT}"})
    town.settle()
    shown = ours.get(page).text
    assert "须先报市局" in shown
    assert SCRIPT not in shown
    assert sent(theirs, page, f"{page}/sign") == ONE, "whoever declined may sign later"
    town.settle()
    assert "已签齐，未生效" in ours.get(ONE).text
    assert f"{page}/sign" not in theirs.get(page).text


def test_what_was_proposed_by_mistake_is_taken_back(both, town: Town):
    ours, theirs = (reception.signed_in(Role.CHIEF) for reception in both)
    sent(ours, NEW, HOME, {"/text": READY})
    page = proposal(ours)
    assert wrong_at(fill(ours, page, f"{page}/withdraw")) == {"/reason"}
    sent(ours, page, f"{page}/withdraw", {"/reason": "另行商定"})
    town.settle()
    assert "另行商定" in theirs.get(page).text
    assert f"{page}/sign" not in theirs.get(page).text


def test_an_agreement_in_force_is_amended_ended_and_given_a_calendar(town: Town):
    ours, theirs = agree(town)
    chief, other = ours.signed_in(Role.CHIEF), theirs.signed_in(Role.CHIEF)

    assert chief.get(f"{NEW}?amend=nothing").status_code == 404
    assert sent(chief, f"{NEW}?amend=sn-qy-151", HOME) == ONE, "what it begins with could be proposed as it is"
    end = f"{ONE}/endings"
    assert wrong_at(fill(chief, ONE, end, {"/last_day": "2020-01-01", "/reason": "x"})) == {"/last_day"}
    assert wrong_at(fill(chief, ONE, end)) == {"/last_day", "/reason"}
    sent(chief, ONE, end, {"/last_day": "2027-06-30", "/reason": "另订新协议"})
    notice = {"/year@number": "2027", "/source": "通知", "/table": "date,day\n2027-02-08,off\n2027-01-30,work\n"}
    assert wrong_at(fill(chief, ONE, f"{ONE}/calendars", notice | {"/table": "nonsense"})) == {"/table"}
    sent(chief, ONE, f"{ONE}/calendars", notice)
    town.settle()
    page = other.get(ONE).text
    assert "终止协议" in page
    assert "工作日历" in page
    assert "条款（第 2 版）" in page
    assert page.count("待我方办理") == 3


@pytest.mark.parametrize("role", [Role.OFFICER, Role.LIAISON_OFFICER, Role.HEAD, Role.AUDITOR])
def test_only_the_chief_binds_the_bureau(both, town: Town, role: Role):
    both[0].signed_in(Role.CHIEF).post(HOME, {"/text": READY})
    town.settle()
    visitor = both[1].signed_in(role)
    page = proposal(visitor)

    assert f"{page}/" not in visitor.get(page).text
    for path in (HOME, f"{page}/sign", f"{page}/decline", f"{page}/withdraw", f"{ONE}/endings", f"{ONE}/calendars"):
        assert visitor.post(path, {"/text": READY, "/reason": "x"}).status_code == 403
