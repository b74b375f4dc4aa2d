"""The long lists: filtered as their own forms ask, searched in Chinese, sorted, and read on page by page."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest

from ecolink.identity.roles import Role
from tests.console.letters import TYPED
from tests.console.test_emergencies import FIRE
from tests.support.console import Reception, Visitor

pytestmark = pytest.mark.by_turns


def asked_by_form(page: str) -> str:
    """Return the query that the page's own filter sends when nobody chose anything."""
    form = page[page.index('class="filter"') :]
    form = form[: form.index("</form>")]
    asked = dict.fromkeys(re.findall(r'<input id="[^"]*" name="([a-z_]+)"', form), "")
    for name, options in re.findall(r'<select id="[^"]*" name="([a-z_]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        asked[name] = chosen[1] if chosen else ""
    assert {"q", "kind", "state", "sort"} <= set(asked)
    return urlencode(asked)


def next_page(page: str) -> str:
    found = re.search(r'<p class="more"><a class="button" href="([^"]+)"', page)
    assert found is not None
    return unescape(found[1])


def read_through(visitor: Visitor, path: str, title: str) -> list[str]:
    """Return what two pages of two show in turn."""
    first = visitor.get(f"{path}&limit=2").text
    second = visitor.get(next_page(first) + "&limit=2")
    assert second.status_code == 200
    return [word for page in (first, second.text) for word in re.findall(rf"{title}\d", page)]


def test_bulletins_are_filtered_searched_sorted_and_read_page_by_page(reception: Reception):
    officer = reception.signed_in(Role.OFFICER)
    for number in range(3):
        more = {"/title": f"兰花外流{number}", "/valid_until@china": f"2027-0{number + 1}-28T00:00"}
        assert officer.send("/bulletins", TYPED | more).status_code == 200
    officer.send("/bulletins", TYPED | {"/title": "盗伐动态", "/kind": "trend", "/charges@lines": "345(1)"})
    assert "兰花外流" in officer.get("/bulletins?" + asked_by_form(officer.get("/bulletins").text)).text

    found = read_through(officer, "/bulletins?q=兰花外流&kind=&charge=344&sort=valid_until", "兰花外流")
    assert found == ["兰花外流0", "兰花外流1", "兰花外流2"]
    assert "盗伐动态" in officer.get("/bulletins?charge=345(1)").text
    assert "兰花外流" not in officer.get("/bulletins?charge=345(1)").text


def test_emergencies_are_filtered_searched_sorted_and_read_page_by_page(reception: Reception):
    liaison = reception.signed_in(Role.LIAISON_OFFICER)
    for number in range(3):
        more = {"/title": f"演练火情{number}", "/status": "exercise", "/occurred_at@china": f"2026-11-2{number}T08:00"}
        assert liaison.send("/emergencies", FIRE | more).status_code == 200
    page = liaison.get("/emergencies?status=exercise")
    assert liaison.get("/emergencies?status=exercise&" + asked_by_form(page.text)).text.count("演练火情") >= 3

    path = "/emergencies?status=exercise&q=演练火情&state=open&kind=&direction=out&sort=occurred_at"
    assert read_through(liaison, path, "演练火情") == ["演练火情0", "演练火情1", "演练火情2"]
    assert "演练火情" not in liaison.get("/emergencies?status=exercise&state=cancelled").text
