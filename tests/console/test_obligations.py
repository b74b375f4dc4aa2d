"""What is due, on pages: the year by partner, one obligation with all that was said of it, and letting it go."""

import re
from datetime import timedelta

import pytest

from ecolink.cadence.calendars import calendar_of, read_table
from ecolink.identity.roles import Role
from tests.console.cooperation import DECEMBER, DRILL, SCRIPT, agree, fill, sent, wrong_at
from tests.support.agreements import Chief, conclude, terms
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

    page = f"/cooperation/{DECEMBER}"
    assert wrong_at(fill(ours, page, f"{page}/waivers")) == {"/reason"}
    assert sent(ours, page, f"{page}/waivers", {"/reason": f"两地均在扑救山火 {SCRIPT}"}) == page
    town.settle()
    assert "免除义务提议待我方答复" in theirs.get("/cooperation").text
    assert SCRIPT not in theirs.get(page).text
    waiver = re.search(r'action="(/cooperation/[^"]*)/accept"', theirs.get(page).text)
    assert waiver
    assert wrong_at(fill(theirs, page, f"{waiver[1]}/decline", {"/reason": " "})) == {"/reason"}
    sent(theirs, page, f"{waiver[1]}/decline", {"/reason": "尚有时间"})
    town.settle()
    assert "尚有时间" in ours.get(page).text
    sent(theirs, page, f"{waiver[1]}/accept", {"/reason": "同意"})
    town.settle()
    assert "各方均已同意" in ours.get(page).text

    page = page.replace("2026-12", "2027-01")
    sent(ours, page, f"{page}/waivers", {"/reason": "误提"})
    waiver = re.search(r'action="(/cooperation/[^"]*)/withdraw"', ours.get(page).text)
    assert waiver
    sent(ours, page, f"{waiver[1]}/withdraw", {"/reason": "不必免除"})
    town.settle()
    assert "不必免除" in theirs.get(page).text


@pytest.mark.parametrize("role", [Role.OFFICER, Role.LIAISON_OFFICER, Role.DEPUTY, Role.AUDITOR])
def test_who_may_not_let_it_go_is_shown_no_form_and_refused(both, role: Role):
    visitor = both[0].signed_in(role)

    assert "/waivers" not in visitor.get(f"/cooperation/{DECEMBER}").text
    assert visitor.post(f"/cooperation/{DECEMBER}/waivers", {"/reason": "x"}).status_code == 403


def test_each_duty_is_shown_with_what_meets_it_and_whoever_may_not_do_it_is_shown_nothing(both):
    handler, auditor = both[0].signed_in(Role.LIAISON_OFFICER), both[0].signed_in(Role.AUDITOR)
    for duty, way in (
        ("liaison/2026-12", "/cooperation/contacts/new?obligation=sn-qy-151/liaison/2026-12"),
        ("exchange/2027-Q1", "/cooperation/exchanges"),
        ("consultation/2027", "/cooperation/consultations/new?agreement=sn-qy-151"),
        ("drill/2026-12", "/emergencies/new?status=exercise"),
    ):
        leads = re.compile(f'(href|action)="{re.escape(way)}"' + r"[^>]*(>|novalidate>)")
        met_by = [
            visitor.get(f"/cooperation/sn-qy-151/{duty}").text.partition('id="met"')[2]
            for visitor in (handler, auditor)
        ]
        assert [bool(leads.search(page)) for page in met_by] == [True, False], duty


def test_a_month_shows_what_is_due_on_the_working_days_that_were_signed(both, town: Town):
    conclude(town, terms(code="sn-qy-2", duties=[DRILL]))
    visitor, chiefs = both[0].signed_in(Role.OFFICER), [Chief(reception.node) for reception in both]
    table = read_table("date,day\n2027-01-01,off\n2027-01-09,work\n")
    notice = chiefs[0].add_calendar(calendar_of(2027, table, "放假通知（虚构）"))
    town.settle()
    chiefs[1].sign(notice)
    town.settle()
    december = visitor.get("/cooperation/calendar").text
    assert "2026年12月" in december
    assert re.search(r'aria-current="date">\s*<p class="day"><time datetime="2026-12-04">', december)
    kind, due = _day(december, "2026-12-31")
    assert kind == "worked"
    assert f'href="/cooperation/{DECEMBER}"' in due
    assert "待办" in due
    assert _day(december, "2026-12-05")[0] == "weekend"
    assert 'rel="next" href="?month=2027-01"' in december
    assert "尚未经各方签署" in december

    january = visitor.get("/cooperation/calendar?month=2027-01&agreement=sn-qy-151").text
    assert _day(january, "2027-01-01")[0] == "holiday"
    assert _day(january, "2027-01-09")[0] == "made_up"
    assert "尚未经各方签署" not in january
    under_both = visitor.get("/cooperation/calendar?month=2027-01").text
    assert _day(under_both, "2027-01-01")[0] == "differs"
    assert "尚未经各方签署" in under_both
    assert "sn-qy-2/drill/2027-01" in under_both
    assert "sn-qy-2/drill/2027-01" not in january
    assert "本月没有到期事项" in visitor.get("/cooperation/calendar?month=2026-10").text
    for wrong in ("month=2026-13", "month=1800-01", "agreement=-"):
        assert visitor.get(f"/cooperation/calendar?{wrong}").status_code == 422


def test_a_calendar_address_is_shown_once_and_dies_when_it_is_revoked(both):
    visitor = both[0].signed_in(Role.OFFICER)
    place = "/cooperation/calendar"
    assert wrong_at(fill(visitor, place, f"{place}/addresses")) == {"/label"}
    answer = fill(visitor, place, f"{place}/addresses", {"/label": f"手机 {SCRIPT}"})
    address = re.search(r'id="address">http://testserver(/api/v1/feeds/[\w-]{43}\.ics)<', answer.text)
    assert address
    assert SCRIPT not in answer.text
    assert "BEGIN:VCALENDAR" in visitor.client.get(address[1]).text
    listed = visitor.get("/cooperation/calendar").text
    assert address[1] not in listed
    revoke = re.search(r'action="(/cooperation/calendar/addresses/[^"]*/revoke)"', listed)
    assert revoke
    assert both[0].signed_in(Role.AUDITOR).post(revoke[1]).status_code == 404, "somebody else's"
    sent(visitor, place, revoke[1])
    assert visitor.client.get(address[1]).status_code == 404


def test_a_reminder_is_marked_as_seen_and_what_was_missed_stands_in_the_report(both, town: Town):
    town.wait(timedelta(days=26))
    officer, auditor = both[0].signed_in(Role.LIAISON_OFFICER), both[0].signed_in(Role.AUDITOR)
    assert "须于2026-12-31前完成" in officer.get("/cooperation").text
    notice = re.search(r'action="(/cooperation/notices/[^"]*/seen)"', officer.get("/cooperation/notices").text)
    assert notice
    assert auditor.post(notice[1]).status_code == 403
    sent(officer, "/cooperation/notices", notice[1])
    assert notice[1] not in officer.get("/cooperation/notices").text
    assert "已阅" in officer.get("/cooperation/notices?state=seen").text

    town.wait(timedelta(days=14))
    auditor = both[0].signed_in(Role.AUDITOR)
    report = auditor.get("/cooperation/report?year=2026&partner=331126000000").text
    line = re.search(r"<th scope=\"row\">庆元县公安局</th><td[^>]*>月联系</td>(.*?)</tr>", report, re.DOTALL)
    assert line
    assert 'data-label="未完成">1<' in line[1]
    for form, begins in (("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("pdf", b"%PDF"), ("html", b"<!doctype html>")):
        filed = auditor.get(f"/cooperation/report?year=2026&partner=&format={form}").content
        assert filed[: len(begins)].lower() == begins.lower(), form
    assert auditor.get("/cooperation/report?year=1").status_code == 422


def test_the_administrator_reads_no_obligation(both):
    visitor = both[0].signed_in(Role.ADMINISTRATOR)

    assert 'href="/cooperation"' not in visitor.get("/").text
    for path in ("/cooperation", "/cooperation/obligations", "/cooperation/calendar", f"/cooperation/{DECEMBER}"):
        assert visitor.get(path).status_code == 403


def _day(page: str, day: str) -> tuple[str, str]:
    """Return the kind of a day on a month's page, and what stands on it."""
    within = rf'<td class="([a-z_]+)[^>]*>\s*<p class="day"><time datetime="{day}">(.*?)</td>'
    found = re.search(within, page, re.DOTALL)
    assert found, day
    return found[1], found[2]


def _keys(page: str) -> list[str]:
    return re.findall(r'<li><a href="/cooperation/(sn-qy-151/[^"]*)"', page)
