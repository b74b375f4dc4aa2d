"""What is due, on pages: the year by partner, one obligation with all that was said of it, and letting it go."""

import re

import pytest

from ecolink.identity.roles import Role
from tests.console.cooperation import DECEMBER, agree
from tests.support.console import Reception
from tests.support.town import Town

pytestmark = pytest.mark.by_turns


@pytest.fixture
def both(town: Town) -> tuple[Reception, Reception]:
    return agree(town)


def test_the_first_page_shows_the_year_with_each_partner_and_what_is_owed_now(both):
    page = both[0].signed_in(Role.LIAISON_OFFICER).get("/cooperation").text

    assert "庆元县公安局" in page
    assert re.search(r'class="c-open" href="/cooperation/sn-qy-151/liaison/2026-12"[^>]*>\s*<span>12月', page)
    assert (
        "/cooperation/sn-qy-151/liaison/2027-01" in both[0].signed_in(Role.AUDITOR).get("/cooperation?year=2027").text
    )


def test_the_list_is_searched_by_whatever_is_filled_in(both):
    visitor = both[0].signed_in(Role.OFFICER)

    found = visitor.get("/cooperation/obligations?partner=331126000000&kind=exchange&owed=&due_after=").text
    assert "/cooperation/sn-qy-151/exchange/2027-Q1" in found
    assert "/cooperation/sn-qy-151/liaison" not in found
    assert visitor.get("/cooperation/obligations?partner=nobody").status_code == 422


def test_the_next_page_of_a_list_keeps_what_was_asked_for(both):
    visitor = both[0].signed_in(Role.OFFICER)

    first = visitor.get("/cooperation/obligations?limit=2&kind=liaison&partner=").text
    following = re.search(r'href="(/cooperation/obligations\?[^"]*cursor=[^"]*)"', first)
    assert following
    second = visitor.get(following[1].replace("&amp;", "&")).text
    assert not set(_keys(first)) & set(_keys(second))
    assert all("/liaison/" in key for key in _keys(second))


def test_two_chiefs_let_an_obligation_go_each_with_a_reason(both, town: Town):
    ours, theirs = (reception.signed_in(Role.CHIEF) for reception in both)

    answer = ours.post(f"/cooperation/{DECEMBER}/waivers", {"/reason": "两地均在扑救山火 <script>alert(1)</script>"})
    assert answer.headers["location"] == f"/cooperation/{DECEMBER}"
    town.settle()
    assert "免除义务提议待我方答复" in theirs.get("/cooperation").text
    page = theirs.get(f"/cooperation/{DECEMBER}").text
    assert "<script>alert(1)" not in page
    path = re.search(r'action="(/cooperation/[^"]*/accept)"', page)
    assert path

    refused = theirs.send(path[1], {"/reason": " "})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/reason")
    theirs.post(path[1], {"/reason": "同意"})
    town.settle()
    assert "各方均已同意" in ours.get(f"/cooperation/{DECEMBER}").text


@pytest.mark.parametrize("role", [Role.OFFICER, Role.LIAISON_OFFICER, Role.DEPUTY, Role.AUDITOR])
def test_who_may_not_let_it_go_is_shown_no_form_and_refused(both, role: Role):
    visitor = both[0].signed_in(role)

    assert "/waivers" not in visitor.get(f"/cooperation/{DECEMBER}").text
    assert visitor.post(f"/cooperation/{DECEMBER}/waivers", {"/reason": "x"}).status_code == 403


def test_the_administrator_reads_no_obligation(both):
    visitor = both[0].signed_in(Role.ADMINISTRATOR)

    assert 'href="/cooperation"' not in visitor.get("/").text
    for path in ("/cooperation", "/cooperation/obligations", f"/cooperation/{DECEMBER}"):
        assert visitor.get(path).status_code == 403


def _keys(page: str) -> list[str]:
    return re.findall(r'<li><a href="/cooperation/(sn-qy-151/[^"]*)"', page)
