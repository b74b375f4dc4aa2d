"""The local API of the quarterly exchange, as an officer's tool meets it."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from pypdf import PdfReader

from ecolink.exchanges.quarterly.endpoints import router
from ecolink.identity.roles import Role
from tests.exchanges.quarterly.desks import QUARTER, Desk
from tests.support import web
from tests.support.town import QINGYUAN, Town

BASE = "/api/v1/exchanges"
WRITTEN = {
    "number": "寿公协〔2026〕4号",
    "highlights": "本季度侦办盗伐林木案件2起。",
    "outlook": "建议元旦前联合巡护。",
}

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def office(shouning: Desk, qingyuan: Desk) -> Iterator[web.Desk]:
    shouning.open_due()
    node = shouning.node
    with web.Desk.open(node.database, [router(shouning.room)], log=node.access, now=shouning.now) as opened:
        yield opened


def test_officers_take_an_exchange_from_the_list_to_the_signature(town: Town, office: web.Desk, qingyuan: Desk) -> None:
    liaison, head, auditor = (office.as_role(role) for role in (Role.LIAISON_OFFICER, Role.HEAD, Role.AUDITOR))
    call = office.client
    items = call.get(BASE, headers=auditor, params={"state": "open"}).json()["items"]
    assert [(item["obligation"], item["ours"], item["overdue"]) for item in items] == [
        (QUARTER, "draft", False),
        ("sn-qy-151/exchange/2026-Q3", "draft", True),
    ]
    address = f"{BASE}/{items[0]['id']}"
    draft = call.get(f"{address}/draft", headers=liaison)
    assert call.put(f"{address}/draft", json=WRITTEN, headers=liaison).status_code == 428
    edited = call.put(f"{address}/draft", json=WRITTEN, headers={**liaison, "If-Match": draft.headers["ETag"]})
    assert edited.json()["content"]["highlights"] == WRITTEN["highlights"]
    stale = {**head, "If-Match": draft.headers["ETag"]}
    assert call.post(f"{address}/draft/approve", headers=stale).status_code == 412
    tag = {"If-Match": edited.headers["ETag"]}
    assert call.post(f"{address}/draft/approve", headers={**liaison, **tag}).status_code == 403
    sent = call.post(f"{address}/draft/approve", headers={**head, **tag})
    assert (sent.status_code, sent.json()["state"], sent.json()["ours"]) == (200, "partial", "sent")
    assert call.get(f"{address}/draft", headers=liaison).status_code == 404

    theirs = qingyuan.submit()
    town.settle()
    assert call.get(address, headers=liaison).json()["may"] == ["correct", "read"]
    read = call.post(f"{address}/read", json={"package": theirs}, headers=liaison)
    assert read.json()["may"] == ["correct", "feedback"]
    said = {"package": theirs, "usefulness": 5, "remarks": "及时、准确"}
    ready = call.post(f"{address}/feedback", json=said, headers=liaison).json()
    assert ready["may"] == ["correct", "feedback", "sign_off"]
    signature = {"digest": ready["sign_off"]["digest"]}
    assert call.post(f"{address}/sign-off", json=signature, headers=liaison).status_code == 403
    signed = call.post(f"{address}/sign-off", json=signature, headers=head).json()
    assert signed["sign_off"]["missing"] == [QINGYUAN]
    assert call.post(f"{address}/sign-off", json=signature, headers=head).status_code == 409


def test_a_package_and_a_draft_are_printed_as_page_and_as_pdf(office: web.Desk, shouning: Desk) -> None:
    auditor = office.as_role(Role.AUDITOR)
    address = f"{BASE}/{shouning.exchange_id()}"
    drafted = office.client.get(f"{address}/draft/document", headers=auditor)
    assert "本件为草稿，尚未审批发出。" in drafted.text
    shouning.edit(**WRITTEN)
    package = shouning.approve()

    page = office.client.get(f"{address}/packages/{package}/document", headers=auditor)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in page.headers["content-security-policy"]
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    assert "寿公协〔2026〕4号" in page.text
    pdf = office.client.get(f"{address}/packages/{package}/document", params={"format": "pdf"}, headers=auditor)
    assert pdf.headers["content-type"] == "application/pdf"
    assert "本季度侦办盗伐林木案件2起。" in PdfReader(BytesIO(pdf.content)).pages[0].extract_text()
    assert office.client.get(f"{address}/packages/{'0' * 64}/document", headers=auditor).status_code == 404


def test_what_is_no_exchange_of_ours_is_not_drawn_up(office: web.Desk) -> None:
    liaison = office.as_role(Role.LIAISON_OFFICER)
    for key in (
        "sn-qy-151/exchange/2027-Q1",
        "sn-qy-151/liaison/2026-Q4",
        "other/exchange/2026-Q4",
        "sn-qy-151/exchange/0000",
    ):
        refused = office.client.post(BASE, json={"obligation": key}, headers=liaison)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/obligation")
    begun = office.client.post(BASE, json={"obligation": QUARTER}, headers=liaison)
    assert (begun.status_code, begun.json()["may"]) == (201, ["edit", "approve"])
