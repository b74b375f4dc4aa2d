"""Quarterly packages on pages: drawn up, written, approved by a second person, read, fed back, corrected, signed off."""

import re
from datetime import timedelta

import pytest

from ecolink.identity.roles import Role
from tests.console import letters
from tests.console.cooperation import SCRIPT, WINTER, agree, fill, hidden, sent, wrong_at
from tests.support.console import Reception, Visitor
from tests.support.town import Town

pytestmark = pytest.mark.by_turns
HOME = "/cooperation/exchanges"


@pytest.fixture
def both(town: Town) -> tuple[Reception, Reception]:
    """Both consoles in the first days of 2027, with a bulletin told in that quarter."""
    receptions = agree(town)
    town.wait(timedelta(days=33))
    letters.tell(receptions[0], town)
    return receptions


def write(officer: Visitor, **texts: str) -> str:
    """Write into the package that the node drew up, and return the page of its exchange."""
    found = re.search(f'href="({HOME}/[-0-9a-f]{{36}})"', officer.get(f"/cooperation/{WINTER}").text)
    assert found
    assert sent(officer, f"{found[1]}/draft", f"{found[1]}/draft", texts) == f"{found[1]}/draft"
    return found[1]


def approve(head: Visitor, page: str, town: Town) -> None:
    assert sent(head, f"{page}/draft", f"{page}/draft/approve") == page
    town.settle()


def feed_back(reader: Visitor, page: str) -> str:
    """Read the other side's package and say what it was good for; return its digest."""
    package = hidden(reader.get(page).text.partition(f'action="{page}/read"')[2], "/package")
    sent(reader, page, f"{page}/read", {"/package": package})
    said = {"/package": package, "/usefulness@number": "5", "/remarks": f"已用于清查 {SCRIPT}"}
    assert wrong_at(fill(reader, page, f"{page}/feedback", said | {"/usefulness@number": "9"})) == {"/usefulness"}
    sent(reader, page, f"{page}/feedback", said)
    return package


def test_packages_are_written_approved_by_a_second_person_read_fed_back_and_signed_off(both, town: Town):
    (officer, head), (other, their_head) = [
        (each.signed_in(Role.LIAISON_OFFICER), each.signed_in(Role.HEAD)) for each in both
    ]
    page = write(officer, **{"/highlights": f"本季度侦办3起 {SCRIPT}", "/number": "寿公协〔2027〕1号"})
    write_here = f"{page}/draft"
    sent(officer, write_here, f"{page}/draft/renew")
    draft = officer.get(write_here).text
    assert SCRIPT not in draft
    assert "野生兰花混作茶苗邮寄出省" in draft, "the figures and lists are taken anew"
    assert "本季度侦办3起" in draft, "and what was written stays"
    named = {"/highlights": "嫌疑人身份证号350924199001011237"}
    assert wrong_at(fill(officer, write_here, write_here, named)) == {"/highlights"}
    nil = {"/highlights": "", "/nothing_to_report@yes": "yes"}
    assert wrong_at(fill(officer, write_here, write_here, nil)) == {"/nothing_to_report"}
    stale = officer.send(write_here, {"version": "1", "/highlights": "x"})
    assert stale.status_code == 412, "somebody wrote since"
    assert officer.get(f"{page}/draft/document").headers["content-type"].startswith("text/html")
    assert officer.post(f"{page}/draft/approve", {"version": "1"}).status_code == 403
    approve(head, page, town)
    assert write(other, **{"/highlights": "本季度平稳"}) == page
    approve(their_head, page, town)

    packages = [feed_back(reader, page) for reader in (officer, other)]
    town.settle()
    assert SCRIPT not in officer.get(page).text
    assert wrong_at(fill(officer, page, f"{page}/correct")) == {"/correction"}
    sent(officer, page, f"{page}/correct", {"/correction": "误填"})
    sent(officer, write_here, f"{page}/draft/discard")
    assert officer.get(write_here).status_code == 404, "the correction is dropped"
    sent(officer, page, f"{page}/correct", {"/correction": "更正：补报1起"})
    approve(head, page, town)
    assert "更正：补报1起" in other.get(page).text
    corrected = feed_back(other, page)
    assert corrected not in packages
    town.settle()

    for signatory in (head, their_head):
        assert signatory.post(f"{page}/sign-off", {"/digest": "0" * 64}).status_code == 409, "not what stands"
        assert sent(signatory, page, f"{page}/sign-off") == page
        town.settle()
    for visitor in (officer, other):
        assert "各方已确认" in visitor.get(page).text
        assert page in visitor.get(f"{HOME}?period=2027-Q1&state=signed_off").text
        assert "已履行" in visitor.get(f"/cooperation/{WINTER}").text
    document = f"{page}/packages/{corrected}/document"
    assert "寿公协〔2027〕1号" in officer.get(document).text
    assert officer.get(f"{document}?format=pdf").content.startswith(b"%PDF")
    assert officer.get(f"{page}/packages/{'0' * 64}/document").status_code == 404


def test_who_may_only_read_is_shown_packages_and_no_form(both, town: Town):
    page = write(both[0].signed_in(Role.LIAISON_OFFICER), **{"/highlights": "本季度侦办3起"})
    approve(both[0].signed_in(Role.HEAD), page, town)

    for role in (Role.OFFICER, Role.AUDITOR):
        visitor = both[1].signed_in(role)
        shown = visitor.get(page).text
        assert "本季度侦办3起" in shown
        assert f'action="{page}' not in shown
        for path in (
            HOME,
            *(f"{page}/{word}" for word in ("draft", "draft/renew", "draft/approve", "read", "sign-off")),
        ):
            assert visitor.post(path, {"/obligation": WINTER, "version": "1"}).status_code == 403
    officer = both[1].signed_in(Role.LIAISON_OFFICER)
    for word in ("draft/approve", "sign-off"):
        assert officer.post(f"{page}/{word}", {"/digest": "0" * 64, "version": "1"}).status_code == 403
