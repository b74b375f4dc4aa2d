"""Case leads at the console: who sees what, who may do what, and that nothing typed becomes part of a page."""

import re

import pytest

from ecolink.identity.roles import Role
from tests.exchanges.leads.bureaux import PERSON, Border, request
from tests.support.console import Reception, Visitor
from tests.support.forms import fields
from tests.support.town import QINGYUAN, Town

pytestmark = pytest.mark.by_turns

REQUEST = request().model_dump(mode="json", exclude_none=True)
OFFICER, APPROVER, AUDITOR, INTAKE = Role.OFFICER, Role.APPROVER, Role.AUDITOR, Role.INTAKE_REVIEWER


@pytest.fixture
def border(town: Town) -> Border:
    return Border(town)


@pytest.fixture
def asked(town: Town) -> Reception:
    """Qingyuan's console."""
    return Reception(town.nodes[QINGYUAN])


def created(visitor: Visitor, **changes: object) -> str:
    answer = visitor.send("/leads/new", fields({**REQUEST, **changes}))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def went_to(answer) -> str:
    assert answer.status_code == 200, answer.text
    return answer.headers["HX-Redirect"]


def test_a_request_is_written_approved_and_sent_by_two_people(reception: Reception, town: Town):
    officer, approver = reception.signed_in(OFFICER), reception.signed_in(APPROVER)
    assert "拟写协查函" in officer.get("/leads/new").text
    lead_id = created(officer)
    assert went_to(officer.send(f"/leads/{lead_id}/submit")) == f"/leads/{lead_id}"

    page = approver.get(f"/leads/{lead_id}").text
    assert "以下即为将要签名发出的全部内容" in page
    assert "林某" in page
    assert PERSON["identity_number"] not in page
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    assert went_to(approver.send(f"/leads/{lead_id}/send", {"version": version})) == f"/leads/{lead_id}"
    town.settle()

    assert "已送达" in officer.get(f"/leads/{lead_id}").text
    other = Reception(town.nodes[QINGYUAN]).signed_in(INTAKE)
    assert "寿宁县公安局请我局协查" in other.get(f"/leads/{lead_id}").text
