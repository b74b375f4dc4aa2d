"""Bulletins at the console: written, approved by another person, opened, answered, corrected, recalled."""

import re
from html import unescape

import pytest

from ecolink.identity.roles import Role
from tests.console.letters import TYPED, tell, version_of
from tests.support.console import BROWSER, Reception, Visitor
from tests.support.town import QINGYUAN, Town

pytestmark = pytest.mark.by_turns

NUMBER = "350924199001010018"


@pytest.fixture
def qingyuan(town: Town) -> Reception:
    return Reception(town.nodes[QINGYUAN])


def place_of(visitor: Visitor, path: str) -> str:
    """Return the address of the only bulletin in a list."""
    found = re.findall(r'<li><a href="(/bulletins/[^"]+)"', visitor.get(path).text)
    assert len(found) == 1, found
    return str(found[0])


def test_a_bulletin_is_written_approved_by_another_person_and_answered(
    reception: Reception, qingyuan: Reception, town: Town
):
    address = tell(reception, town)
    reader = qingyuan.signed_in(Role.LIAISON_OFFICER)
    there = place_of(reader, "/bulletins?unread=true")
    page = reader.get(there).text
    assert "春兰" in page
    assert "检查茶苗包裹" in page
    answer: dict[str, str | list[str]] = {
        "/used_for": "清查辖区快递网点12家",
        "/usefulness@number": "5",
        "/outcomes@list": ["seizure"],
    }
    assert reader.send(f"{there}/feedback", answer).status_code == 200
    town.settle()

    board = reception.signed_in(Role.APPROVER).get(address).text
    assert "清查辖区快递网点12家" in board
    assert "有用程度 5/5" in board
    assert "没有符合条件" in reader.get("/bulletins?unread=true").text


def test_an_area_and_files_go_with_a_bulletin_and_stay_in_the_form_of_its_draft(
    reception: Reception, qingyuan: Reception, town: Town
):
    officer = reception.signed_in(Role.OFFICER)
    brought = officer.client.post(
        "/attachments?name=包裹.jpg", content=b"a parcel", headers={**BROWSER, "X-CSRF-Token": officer.csrf}
    ).json()
    corners = "119.19, 27.41\n119.28, 27.41\n119.28, 27.48"
    more = {
        "/area/geometry@corners": corners,
        "/area/datum": "CGCS2000",
        "/attachments/0/digest": brought["digest"],
        "/species/0/name_latin": "",
    }
    address = officer.send("/bulletins", TYPED | more).headers["hx-redirect"]
    form = unescape(officer.get(f"{address}/edit").text)
    assert corners in form
    assert brought["digest"] in form
    assert "包裹.jpg" in officer.get(address).text

    tell(reception, town, **more)
    reader = qingyuan.signed_in(Role.LIAISON_OFFICER)
    page = unescape(reader.get(place_of(reader, "/bulletins")).text)
    assert "包裹.jpg" in page
    assert '"coordinates":[[[119.19,27.41]' in page
    without = TYPED | {"/area/geometry@corners": "", "/area/datum": "CGCS2000"}
    assert officer.send("/bulletins", without).status_code == 200, "a datum alone is no area"


def test_what_is_wrong_with_a_bulletin_is_told_at_its_field_and_nothing_is_kept(reception: Reception):
    officer = reception.signed_in(Role.OFFICER)
    wrong = TYPED | {"/title": "", "/period/end": "2026-09-01", "/species/0/name_zh": ""}

    refused = officer.send("/bulletins", wrong)
    assert refused.status_code == 422
    assert {fault["pointer"] for fault in refused.json()["errors"]} == {"/title", "/period", "/species/0/name_zh"}
    assert "没有符合条件" in officer.get("/bulletins").text


def test_whoever_wrote_it_cannot_approve_it_and_an_officer_is_not_offered_to(reception: Reception):
    both = reception.signed_in(Role.OFFICER, Role.APPROVER)
    address = both.send("/bulletins", TYPED).headers["hx-redirect"]
    both.send(f"{address}/submit", version_of(both, address))

    refused = both.send(f"{address}/approve", version_of(both, address))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/second-person-required")
    officer = reception.signed_in(Role.OFFICER)
    assert "审批并发布" not in officer.get(address).text
    assert officer.send(f"{address}/approve", {"version": "2"}).status_code == 403


def test_a_correction_starts_from_what_it_says_and_a_recall_hides_it_everywhere(
    reception: Reception, qingyuan: Reception, town: Town
):
    address = tell(reception, town)
    officer, chief = reception.signed_in(Role.OFFICER), reception.signed_in(Role.APPROVER)
    form = unescape(officer.get(f"{address}/edit").text)
    assert 'value="Cymbidium goeringii"' in form
    corrected = TYPED | {
        "/species/0/name_zh": "蕙兰",
        "/reason": "物种名称有误",
        **version_of(officer, f"{address}/edit"),
    }
    del corrected["/recipients@list"], corrected["/governance/purpose"]
    del corrected["/governance/handling/code"], corrected["/governance/handling/onward"]
    assert officer.send(f"{address}/correction", corrected).status_code == 200
    officer.send(f"{address}/submit", version_of(officer, address))
    assert chief.send(f"{address}/approve", version_of(chief, address)).status_code == 200
    town.settle()
    reader = qingyuan.signed_in(Role.LIAISON_OFFICER)
    there = place_of(reader, "/bulletins")
    assert "蕙兰" in reader.get(there).text

    why: dict[str, str | list[str]] = {"/reason_code": "wrong", "/reason": "经核查不属实"}
    assert chief.send(f"{address}/recall", why).status_code == 200
    town.settle()
    hidden = reader.get(there).text
    assert "经核查不属实" in hidden
    assert "蕙兰" not in hidden
    assert "执行更正或撤回" in chief.get(address).text


def test_persons_stay_masked_until_somebody_gives_a_reason(reception: Reception):
    officer = reception.signed_in(Role.OFFICER)
    typed = TYPED | {
        "/kind": "person_or_item",
        "/sanitised@yes": "",
        "/case_number": "闽寿林立〔2026〕7号",
        "/persons/0/name": "林大山",
        "/persons/0/identity_number": NUMBER,
    }
    kept = officer.send("/bulletins", typed)
    assert kept.status_code == 200, kept.text
    address = kept.headers["hx-redirect"]
    shown = officer.get(address).text

    assert NUMBER not in shown
    assert NUMBER not in officer.get(f"{address}/edit").text


def test_other_bureaus_are_told_something_else_on_the_same_matter(reception: Reception, town: Town):
    first = tell(reception, town)
    officer = reception.signed_in(Role.OFFICER)
    thread = first.rsplit("/", 1)[1]
    form = unescape(officer.get(f"/bulletins/new?related={thread}").text)
    assert f'name="/related_to@list" value="{thread}"' in form
    second = officer.send("/bulletins", TYPED | {"/title": "补充情况", "/related_to@list": [thread]})
    address = second.headers["hx-redirect"]

    assert f'<a href="{first}">野生兰花混作茶苗邮寄出省</a>' in officer.get(address).text
    assert f'value="{thread}"' in officer.get(f"{address}/edit").text, "an edit does not lose it"


def test_a_bulletin_prints_as_a_letter_with_persons_masked_unless_somebody_says_why(
    reception: Reception, qingyuan: Reception, town: Town
):
    named = {
        "/kind": "person_or_item",
        "/sanitised@yes": "",
        "/case_number": "闽寿林立〔2026〕7号",
        "/persons/0/name": "林大山",
        "/persons/0/identity_number": NUMBER,
        "/number": "寿公情通〔2026〕7号",
    }
    officer = reception.signed_in(Role.OFFICER)
    draft = officer.send("/bulletins", TYPED | named).headers["hx-redirect"]
    assert "本件为草稿" in officer.get(f"{draft}/letter").text
    told = tell(reception, town, **named)
    reader = qingyuan.signed_in(Role.LIAISON_OFFICER)
    there = place_of(reader, "/bulletins")
    letter = reader.get(f"{there}/letter").text
    for said in (
        "寿宁县公安局关于野生兰花混作茶苗邮寄出省的情报通报",
        "寿公情通〔2026〕7号",
        "庆元县公安局：",
        "检查茶苗包裹",
        "特此通报",
        "林某",
        "已作遮盖",
    ):
        assert said in letter, said
    assert NUMBER not in letter
    assert reader.get(f"{there}/letter?format=pdf").content.startswith(b"%PDF")

    reader.get(there)
    assert reader.send(f"{there}/letter", {"/reason": ""}).status_code == 422
    assert reader.post(f"{there}/letter", {"/reason": "核对身份"}).content.startswith(b"%PDF")
    chief = reception.signed_in(Role.APPROVER)
    chief.send(f"{told}/recall", {"/reason_code": "wrong", "/reason": "经核查不属实"})
    assert chief.get(f"{told}/letter").status_code == 409


EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_no_text_of_a_bulletin_acts_on_a_page(reception: Reception, qingyuan: Reception, town: Town):
    texts = ("/title", "/body", "/suggested_actions@lines", "/species/0/name_zh", "/governance/purpose", "/number")
    address = tell(reception, town, **dict.fromkeys(texts, EVIL))
    reader = qingyuan.signed_in(Role.LIAISON_OFFICER)
    there = place_of(reader, "/bulletins")
    pages = [reception.signed_in(Role.OFFICER).get(path).text for path in ("/bulletins", address, f"{address}/edit")]
    pages += [reader.get(path).text for path in ("/bulletins", there, "/")]

    assert sum("alert(1)" in page for page in pages) >= 4
    assert not any("<script>alert" in page or "<img src=x" in page for page in pages)


def test_search_finds_chinese_words_and_says_when_there_is_nothing(reception: Reception, town: Town):
    tell(reception, town)
    officer = reception.signed_in(Role.OFFICER)

    assert place_of(officer, "/bulletins?q=茶苗")
    assert "没有符合条件" in officer.get("/bulletins?q=穿山甲").text


def test_an_auditor_reads_but_is_offered_nothing_to_do(reception: Reception, town: Town):
    address = tell(reception, town)
    page = reception.signed_in(Role.AUDITOR).get(address)

    assert page.status_code == 200
    assert 'action="/bulletins' not in page.text
