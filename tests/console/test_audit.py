"""The auditor at the console: a case, its signed timeline, the proof, and the file to take along."""

from pathlib import Path

import pytest

from ecolink.audit.access_models import AccessRow
from ecolink.console.audit.words import STATEMENTS, STEPS
from ecolink.identity.roles import Role
from ecolink.protocol import evidence
from ecolink.protocol.evidence import Trust
from ecolink.protocol.kinds import KINDS
from tests.console.letters import tell
from tests.support.console import Reception
from tests.support.town import QINGYUAN, Town

pytestmark = pytest.mark.by_turns

CASE = "闽寿林立〔2026〕7号"
NAMING: dict[str, str | list[str]] = {
    "/kind": "person_or_item",
    "/sanitised@yes": "",
    "/case_number": CASE,
    "/persons/0/name": "林大山",
}


def matter(reception: Reception, town: Town) -> str:
    """Have a bulletin about the case told; return the address of its matter."""
    tell(reception, town, **NAMING)
    page = reception.signed_in(Role.AUDITOR).get("/audit").text
    assert "审计" in page
    found = reception.signed_in(Role.AUDITOR).get(f"/audit?case_number={CASE}").text
    return "/audit/matters/" + found.split('href="/audit/matters/')[1].split('"')[0]


def test_an_auditor_finds_a_case_sees_who_said_what_and_that_it_is_verified(reception: Reception, town: Town):
    page = reception.signed_in(Role.AUDITOR).get(matter(reception, town)).text

    assert "验证通过" in page
    assert "庆元县公安局: 回执" in page
    assert "林大山" not in page


def test_every_step_that_bureaus_sign_has_its_word():
    said = [kind.type.split(".")[:2] for kind in KINDS.values()]

    assert {subject for subject, _ in said} <= STATEMENTS.keys()
    assert {step for _, step in said} <= STEPS.keys()


def test_the_exported_evidence_verifies_elsewhere_and_its_export_is_recorded(reception: Reception, town: Town):
    address = matter(reception, town)
    auditor = reception.signed_in(Role.AUDITOR)

    assert auditor.send(f"{address}/evidence", {"/reason": ""}).status_code == 422
    file = auditor.post(f"{address}/evidence", {"/reason": "移送检察机关", "personal_data": "1"})
    assert file.headers["content-disposition"].endswith('.evidence"')
    assert "林大山" not in file.content.decode(), "an auditor may not take personal data along"
    cards = [node.card(town.clock.now()) for node in town.nodes.values()]
    assert evidence.verify(file.content, Trust.given(cards)).ok
    assert "移送检察机关" in auditor.get("/audit?action=export").text


def test_every_look_at_personal_data_stands_there_with_its_reason(reception: Reception, town: Town):
    address = tell(reception, town, **NAMING)
    officer = reception.signed_in(Role.OFFICER)
    shown = officer.send(f"{address}/reveal", {"/reason": "核对嫌疑人身份"})

    assert "林大山" in shown.text
    page = reception.signed_in(Role.AUDITOR).get("/audit?action=reveal").text
    assert "核对嫌疑人身份" in page


def test_a_changed_entry_is_named(reception: Reception, town: Town):
    tell(reception, town)
    auditor = reception.signed_in(Role.AUDITOR)
    assert "记录完好" in auditor.get("/audit/verify").text

    with reception.node.database.begin() as session:
        session.get_one(AccessRow, 2).reason = "changed later"
    assert "第 2 条" in auditor.get("/audit/verify").text


def test_a_chief_has_personal_data_erased_here_and_there_after_reading_what_goes_and_what_stays(
    reception: Reception, town: Town
):
    bulletin = tell(reception, town, **NAMING)
    chief = reception.signed_in(Role.CHIEF)
    address = chief.get(bulletin).text.split('href="/audit/matters/')[1].split('"')[0]
    here = f"/audit/matters/{address}/erasure"
    assert f'href="{here}"' in chief.get(f"/audit/matters/{address}").text

    page = chief.get(here).text
    for told in (
        "将删除的内容",
        "1 条签名报文",
        "庆元县公安局。",
        "涉及全部内容",
        "保留的内容",
        "无法恢复",
        "尚未办结",
    ):
        assert told in page, told
    title = page.split('for="f-confirm">请再次输入：')[1].split(" <")[0]
    order = {"/reason": "person-asked", "/note": "本人书面申请", "/confirm": title}
    for wrong, pointer in (
        ({"/reason": ""}, "/reason"),
        ({"/note": ""}, "/note"),
        ({"/note": "350924199001010018"}, "/note"),
        ({"/confirm": "是"}, "/confirm"),
    ):
        refused = chief.send(here, order | wrong)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert "林大山" in reception.signed_in(Role.OFFICER).send(f"{bulletin}/reveal", {"/reason": "核对身份"}).text

    assert chief.post(here, order).headers["location"] == here
    page = chief.get(here).text
    assert "尚未答复" in page
    assert "没有可删除的内容" in page
    assert "/confirm" not in page
    town.settle()
    assert "已删除 1 条" in chief.get(here).text
    assert "林大山" not in reception.signed_in(Role.OFFICER).send(f"{bulletin}/reveal", {"/reason": "核对身份"}).text
    assert "个人信息已删除" in chief.get(f"/audit/matters/{address}").text
    assert "本人书面申请" in reception.signed_in(Role.AUDITOR).get("/audit?action=erase").text


def test_what_another_bureau_opened_is_erased_here_and_only_our_own_words_there(reception: Reception, town: Town):
    thread = Path(tell(reception, town, **NAMING)).name
    there = Reception(town.nodes[QINGYUAN])
    page = there.signed_in(Role.CHIEF).get(f"/audit/matters/{thread}/erasure").text

    assert "未曾发给其他单位" in page
    assert "尚未办结" in page


def test_erasing_is_hidden_from_and_refused_to_everybody_but_the_chief(reception: Reception, town: Town):
    here = f"{matter(reception, town)}/erasure"
    for role in (Role.AUDITOR, Role.HEAD, Role.OFFICER, Role.ADMINISTRATOR):
        visitor = reception.signed_in(role)
        assert visitor.get(here).status_code == 403, role
        assert visitor.post(here, {"/reason": "other", "/note": "x", "/confirm": "x"}).status_code == 403, role
    assert "/erasure" not in reception.signed_in(Role.AUDITOR).get(here.removesuffix("/erasure")).text
    none = "/audit/matters/019ab000-0000-7000-8000-000000000001/erasure"
    assert reception.signed_in(Role.CHIEF).get(none).status_code == 404


def test_nobody_else_reads_the_log(reception: Reception):
    for path in ("/audit", "/audit/verify", "/audit/matters/x"):
        assert reception.signed_in(Role.OFFICER).get(path).status_code == 403, path
    assert 'href="/audit"' not in reception.signed_in(Role.OFFICER).get("/").text


def test_a_matter_that_is_none_and_dates_that_are_none_harm_nothing(reception: Reception):
    auditor = reception.signed_in(Role.AUDITOR)

    assert auditor.get("/audit/matters/019ab000-0000-7000-8000-000000000001").status_code == 404
    assert auditor.get("/audit?since=yesterday&action=nothing&until=2026-13-99").status_code == 200
