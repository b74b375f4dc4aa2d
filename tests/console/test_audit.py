"""The auditor at the console: a case, its signed timeline, the proof, and the file to take along."""

import pytest

from ecolink.audit.access_models import AccessRow
from ecolink.identity.roles import Role
from ecolink.protocol import evidence
from ecolink.protocol.evidence import Trust
from tests.console.letters import tell
from tests.support.console import Reception
from tests.support.town import Town

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


def test_nobody_else_reads_the_log(reception: Reception):
    for path in ("/audit", "/audit/verify", "/audit/matters/x"):
        assert reception.signed_in(Role.OFFICER).get(path).status_code == 403, path
    assert 'href="/audit"' not in reception.signed_in(Role.OFFICER).get("/").text


def test_a_matter_that_is_none_and_dates_that_are_none_harm_nothing(reception: Reception):
    auditor = reception.signed_in(Role.AUDITOR)

    assert auditor.get("/audit/matters/019ab000-0000-7000-8000-000000000001").status_code == 404
    assert auditor.get("/audit?since=yesterday&action=nothing&until=2026-13-99").status_code == 200
