"""`/api/v1/liaison-contacts` as a client meets it."""

from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Response

from ecolink.exchanges.liaison.endpoints import router
from ecolink.identity.roles import Role
from tests.exchanges.liaison.officers import Officer, contact
from tests.support.town import QINGYUAN, SHOUNING, Town
from tests.support.web import Desk


class Api:
    """One bureau's people at its local API."""

    def __init__(self, officer: Officer, desk: Desk) -> None:
        self.officer, self.desk = officer, desk

    def call(self, method: str, path: str, role: Role = Role.LIAISON_OFFICER, **options: Any) -> Response:
        self.desk.clock.moment = self.officer.now
        return self.desk.client.request(
            method, f"/api/v1/liaison-contacts{path}", headers=self.desk.as_role(role), **options
        )

    def get(self, path: str, role: Role = Role.LIAISON_OFFICER, **params: Any) -> Any:
        answer = self.call("GET", path, role, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any], role: Role = Role.LIAISON_OFFICER) -> Response:
        return self.call("POST", path, role, json=body)


def open_api(officer: Officer) -> Iterator[Api]:
    node = officer.node
    with Desk.open(node.database, [router(officer.room)], log=node.access, now=officer.now) as desk:
        yield Api(officer, desk)


@pytest.fixture
def here(shouning: Officer) -> Iterator[Api]:
    yield from open_api(shouning)


@pytest.fixture
def there(qingyuan: Officer) -> Iterator[Api]:
    yield from open_api(qingyuan)


def entry(api: Api, **changes: Any) -> dict[str, Any]:
    return {"partners": [QINGYUAN], **contact(api.officer.now, **changes)}


def test_a_month_goes_from_the_open_form_to_the_confirmed_record(december: Town, here: Api, there: Api) -> None:
    (form,) = here.get("/forms")["items"]
    assert (form["obligation"], form["due_on"], form["overdue"]) == ("sn-qy-151/liaison/2026-12", "2026-12-31", False)
    assert (form["partners"], form["to_confirm"]) == ([QINGYUAN], [])
    written = entry(here, agreement=form["agreement"], open_matters=[])
    recorded = here.post("", written)
    assert (recorded.status_code, recorded.json()["state"]) == (201, "awaiting"), recorded.text
    held = recorded.json()["id"]
    assert recorded.headers["Location"] == f"/api/v1/liaison-contacts/{held}"
    december.settle()

    (line,) = there.get("", to_confirm=True, partner=SHOUNING)["items"]
    assert (line["id"], line["may"], there.get("/forms")["items"][0]["to_confirm"]) == (
        held,
        ["confirm", "object"],
        [held],
    )
    objected = there.post(f"/{held}/object", {"record": line["record"], "reason": "结论有误"})
    assert objected.json()["state"] == "objected"
    december.settle()
    corrected = here.post(
        f"/{held}/correct",
        {"record": line["record"], **contact(here.officer.now, conclusions="线索由庆元反馈。")},
    )
    assert (corrected.status_code, corrected.json()["edition"]) == (200, 2), corrected.text
    december.settle()

    stale = there.post(f"/{held}/confirm", {"record": line["record"]})
    assert (stale.status_code, stale.json()["errors"][0]["pointer"]) == (409, "/record"), "not the record that stands"
    signed = there.post(f"/{held}/confirm", {"record": corrected.json()["record"]})
    assert (signed.status_code, signed.json()["state"]) == (200, "confirmed"), signed.text
    december.settle()
    assert here.get("/forms")["items"] == there.get("", to_confirm=True)["items"] == []
    shown = here.get(f"/{held}")
    assert [each["edition"] for each in shown["history"]] == [1, 2]
    assert shown["meets"] == ["sn-qy-151/liaison/2026-12"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_names_are_masked_for_readers_and_only_those_who_handle_contacts_write(december: Town, here: Api) -> None:
    held = here.post("", entry(here)).json()["id"]
    assert [each["name"] for each in here.get(f"/{held}", Role.AUDITOR)["participants"]] == ["林某", "周某"]
    assert here.get(f"/{held}", Role.AUDITOR)["recorded_by"] != here.get(f"/{held}")["recorded_by"]
    for role in (Role.OFFICER, Role.AUDITOR, Role.INTEGRATOR):
        assert here.post("", entry(here), role).status_code == 403
    assert here.call("GET", "", Role.ADMINISTRATOR).status_code == 403
    assert here.post("", entry(here), Role.DEPUTY).status_code == 201


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_cannot_be_is_refused_with_the_member_at_fault(december: Town, here: Api) -> None:
    for changes, status, pointer in (
        ({"topics": []}, 422, "/topics"),
        ({"conclusions": None}, 422, "/conclusions"),
        ({"nothing_to_report": True}, 422, "/nothing_to_report"),
        ({"partners": []}, 422, "/partners"),
        ({"participants": []}, 422, "/participants"),
        ({"method": "letter"}, 422, "/method"),
        ({"makes_up": "sn-qy-151/liaison/2026-12"}, 422, "/makes_up"),
        ({"partners": [SHOUNING]}, 422, "/partners"),
        ({"surprise": 1}, 422, "/surprise"),
    ):
        answer = here.post("", {**entry(here), **changes})
        assert (answer.status_code, answer.json()["errors"][0].get("pointer", "")) == (status, pointer), answer.text
    nobodys = "/019ab000-0000-7000-8000-000000000000"
    assert here.call("GET", nobodys).status_code == 404
    assert here.post(f"{nobodys}/confirm", {"record": "0" * 64}).status_code == 404


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_lists_are_narrowed_by_partner_state_and_time_and_come_in_pages(december: Town, here: Api, there: Api) -> None:
    first, second = (here.post("", entry(here)).json()["id"] for _ in range(2))
    reason = {"record": here.get(f"/{first}")["record"], "reason": "重复记录"}
    assert here.post(f"/{first}/withdraw", reason).json()["history"][0]["withdrawn_because"] == "重复记录"
    assert [each["id"] for each in here.get("", state="awaiting")["items"]] == [second]
    assert len(here.get("", partner=QINGYUAN)["items"]) == 2
    assert here.get("", partner="331127000000")["items"] == []
    assert here.get("", held_before="2026-12-01T00:00:00+08:00")["items"] == []
    page = here.get("", limit=1)
    assert len(here.get("", limit=1, cursor=page["next"])["items"]) == 1
    assert here.get("/form", partner=QINGYUAN)["obligation"] is None
