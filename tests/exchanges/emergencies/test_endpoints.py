"""The local API of emergencies and tasks, as an officer's tool meets it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from ecolink.exchanges.emergencies.endpoints import router
from ecolink.identity.roles import Role
from tests.exchanges.emergencies.desks import FIRE, Desk
from tests.support import web
from tests.support.town import QINGYUAN, Town

pytestmark = pytest.mark.by_turns

BASE = "/api/v1/emergencies"
NOBODY = f"{BASE}/019ab000-0000-7000-8000-000000000001"


@pytest.fixture
def office(shouning: Desk, qingyuan: Desk) -> Iterator[web.Desk]:
    node = shouning.node
    with web.Desk.open(node.database, [router(shouning.room)], log=node.access, now=shouning.now) as opened:
        yield opened


@pytest.fixture
def liaison(office: web.Desk) -> dict[str, str]:
    return office.as_role(Role.LIAISON_OFFICER)


def fire(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**FIRE, **changes}.items() if value is not ...}


def test_a_liaison_officer_raises_updates_and_ends_an_emergency(
    town: Town, office: web.Desk, liaison: dict[str, str], qingyuan: Desk
) -> None:
    raised = office.client.post(BASE, json=fire(), headers=liaison)
    assert raised.status_code == 201, raised.text
    told = raised.json()
    assert raised.headers["Location"] == f"{BASE}/{told['id']}"
    assert told["state"] == "open"
    assert told["border"]["report"] == "required"
    assert told["author"]["name_zh"] == "寿宁县公安局"

    address = f"{BASE}/{told['id']}"
    change = {"changes": "扩大", "fire": {"area_ha": 1.5}}
    assert office.client.post(f"{address}/updates", json=change, headers=liaison).status_code == 428
    stale = office.client.post(f"{address}/updates", json=change, headers={**liaison, "If-Match": '"99"'})
    assert stale.status_code == 412
    updated = office.client.post(
        f"{address}/updates", json=change, headers={**liaison, "If-Match": raised.headers["ETag"]}
    )
    assert updated.status_code == 200, updated.text
    assert updated.json()["fire_grade"] == "larger"
    assert updated.headers["ETag"] != raised.headers["ETag"]

    ended = office.client.post(f"{address}/cancel", json={"reason": "over", "explanation": "已扑灭"}, headers=liaison)
    assert ended.json()["state"] == "cancelled"
    again = office.client.post(f"{address}/cancel", json={"reason": "over", "explanation": "x"}, headers=liaison)
    assert again.status_code == 409
    assert again.json()["type"] == "/problems/illegal-move"
    town.settle()
    assert qingyuan.show(told["id"]).state.value == "cancelled"


def test_a_peers_emergency_is_signed_for_and_shown_on_the_board(
    town: Town, office: web.Desk, liaison: dict[str, str], qingyuan: Desk
) -> None:
    alarm = qingyuan.raise_alert(recipients=["350924000000"])
    town.settle()
    signed = office.client.post(
        f"{BASE}/{alarm}/acknowledge", json={"decision": "dispatching", "phone": "0593-0000099"}, headers=liaison
    )
    assert signed.status_code == 200, signed.text
    assert signed.json()["direction"] == "in"
    note = office.client.post(f"{BASE}/{alarm}/notes", json={"text": "请回电"}, headers=liaison)
    assert note.status_code == 200
    board = office.client.get(f"{BASE}/{alarm}/board", headers=liaison).json()
    assert board["bureaus"][0]["signed"]["decision"] == "dispatching"
    assert [entry["move"] for entry in board["history"]] == ["alert", "acknowledged", "note"]


def test_an_officers_emergency_is_approved_by_somebody_else_who_types_the_title(
    office: web.Desk, liaison: dict[str, str]
) -> None:
    raised = office.client.post(BASE, json=fire(confirm=...), headers=office.as_role(Role.OFFICER))
    assert raised.json()["state"] == "awaiting_approval"
    address, tag = f"{BASE}/{raised.json()['id']}", {"If-Match": raised.headers["ETag"]}
    wrong = office.client.post(f"{address}/approve", json={"confirm": "x"}, headers={**liaison, **tag})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "/confirm"
    refused = office.client.post(
        f"{address}/approve", json={"confirm": FIRE["title"]}, headers={**office.as_role(Role.OFFICER), **tag}
    )
    assert refused.status_code == 403
    sent = office.client.post(f"{address}/approve", json={"confirm": FIRE["title"]}, headers={**liaison, **tag})
    assert sent.json()["state"] == "open", sent.text


def test_what_waits_is_dropped_by_its_version(office: web.Desk) -> None:
    officer = office.as_role(Role.OFFICER)
    raised = office.client.post(BASE, json=fire(confirm=...), headers=officer)
    address = f"{BASE}/{raised.json()['id']}/discard"
    assert office.client.post(address, headers=officer).status_code == 428
    dropped = office.client.post(address, headers={**officer, "If-Match": raised.headers["ETag"]})
    assert dropped.json()["state"] == "discarded"


def test_the_list_shows_the_real_thing_unless_a_drill_is_asked_for(office: web.Desk, liaison: dict[str, str]) -> None:
    office.client.post(BASE, json=fire(), headers=liaison)
    drill = office.client.post(BASE, json=fire(status="exercise", confirm=...), headers=liaison)
    assert drill.status_code == 201, drill.text
    real = office.client.get(BASE, headers=liaison).json()["items"]
    assert [item["status"] for item in real] == ["actual"]
    drills = office.client.get(BASE, params={"status": "exercise", "q": "森林"}, headers=liaison).json()["items"]
    assert [item["display_title"] for item in drills] == ["【演练】下党乡森林火情"]
    assert office.client.get(BASE, params={"status": "both"}, headers=liaison).status_code == 422
    assert office.client.get(BASE, params={"q": "没有"}, headers=liaison).json()["items"] == []


def test_the_list_comes_in_pages_in_either_order(office: web.Desk, liaison: dict[str, str]) -> None:
    for number in range(3):
        title = f"火情{number}"
        office.clock.advance(timedelta(seconds=1))
        answer = office.client.post(BASE, json=fire(title=title, confirm=title), headers=liaison)
        assert answer.status_code == 201, answer.text
    for sort, expected in (("-raised_at", ["火情2", "火情1", "火情0"]), ("occurred_at", ["火情0", "火情1", "火情2"])):
        titles, cursor = [], None
        while True:
            params = {"limit": "2", "sort": sort} | ({"cursor": cursor} if cursor else {})
            page = office.client.get(BASE, params=params, headers=liaison).json()
            assert "items" in page, page
            titles += [item["display_title"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert titles == expected


def test_a_call_that_falls_due_is_listed_and_closed_by_a_person(
    town: Town, office: web.Desk, liaison: dict[str, str], shouning: Desk
) -> None:
    town.network.down.add(QINGYUAN)
    office.client.post(BASE, json=fire(), headers=liaison)
    town.wait(timedelta(minutes=2))
    (task,) = office.client.get("/api/v1/tasks", headers=liaison).json()["items"]
    assert task["kind"] == "receipt"
    assert task["bureau"]["duty_phone"] == "0578-0000002"
    assert office.client.get("/api/v1/tasks", params={"status": "test"}, headers=liaison).json()["items"] == []
    address = f"/api/v1/tasks/{task['id']}/done"
    assert office.client.post(address, json={}, headers=office.as_role(Role.OFFICER)).status_code == 403
    done = office.client.post(address, json={"note": "已通知"}, headers=liaison)
    assert done.json()["closed_because"] == "person"
    assert office.client.post(address, json={}, headers=liaison).status_code == 409
    closed = office.client.get("/api/v1/tasks", params={"state": "closed"}, headers=liaison).json()["items"]
    assert [each["note"] for each in closed] == ["已通知"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"status": "real"}, "/status"),
        ({"colour": ...}, "/colour"),
        ({"colour": "purple"}, "/colour"),
        ({"fire": {"area": 0.8}}, "/fire/area"),
        ({"fire": {"wind": {"direction": "SW", "speed": 4}}}, "/fire/wind/speed"),
        ({"extra": 1}, "/extra"),
        (
            {"location": {"text": "x", "geometry": {"type": "Point", "coordinates": [200, 27]}, "datum": "WGS-84"}},
            "/location/geometry",
        ),
        (
            {"location": {"text": "x", "geometry": {"type": "Point", "coordinates": [119, 27]}, "datum": "GCJ-02"}},
            "/location/datum",
        ),
        ({"location": {"text": "x", "geometry": {"type": "Circle"}, "datum": "WGS-84"}}, "/location/geometry"),
        (
            {
                "location": {
                    "text": "x",
                    "geometry": {"type": "Point", "coordinates": [119, 27], "bbox": [1, 0, 0, 0]},
                    "datum": "WGS-84",
                }
            },
            "/location/geometry",
        ),
        ({"confirm": "另一标题"}, "/confirm"),
        ({"recipients": []}, "/recipients"),
        ({"recipients": ["12"]}, "/recipients/0"),
        ({"attachments": [{"digest": "0" * 64}]}, "/attachments"),
        ({"governance": {"purpose": "x", "classification": "机密"}}, "/governance/classification"),
        ({"occurred_at": "2026-11-23T08:50:00"}, "/occurred_at"),
        ({"title": "a\u0000b"}, "/title"),
    ],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_wrong_member_is_named_and_nothing_is_kept(
    office: web.Desk, liaison: dict[str, str], changes: dict[str, Any], pointer: str
) -> None:
    answer = office.client.post(BASE, json=fire(**changes), headers=liaison)
    assert answer.status_code in (400, 422), answer.text
    if answer.status_code == 422:
        assert answer.json()["errors"][0]["pointer"].startswith(pointer), answer.text
    assert office.client.get(BASE, headers=liaison).json()["items"] == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_unknown_emergency_is_404_for_every_move(office: web.Desk, liaison: dict[str, str]) -> None:
    tag = {**liaison, "If-Match": '"1"'}
    assert office.client.get(NOBODY, headers=liaison).status_code == 404
    assert office.client.get(f"{NOBODY}/board", headers=liaison).status_code == 404
    for path, body in (
        ("approve", {"confirm": "x"}),
        ("discard", None),
        ("updates", {"changes": "x"}),
        ("cancel", {"reason": "over", "explanation": "x"}),
        ("acknowledge", {"decision": "noted"}),
        ("notes", {"text": "x"}),
    ):
        assert office.client.post(f"{NOBODY}/{path}", json=body, headers=tag).status_code == 404, path
    assert office.client.post("/api/v1/tasks/nothing/done", json={}, headers=liaison).status_code == 404


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_repeated_call_with_the_same_key_raises_one_emergency(office: web.Desk, liaison: dict[str, str]) -> None:
    keyed = {**liaison, "Idempotency-Key": "6d2b8c1e-raise-1"}
    one, two = (office.client.post(BASE, json=fire(), headers=keyed) for _ in range(2))
    assert one.json() == two.json()
    assert len(office.client.get(BASE, headers=liaison).json()["items"]) == 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_auditor_reads_and_changes_nothing(office: web.Desk, liaison: dict[str, str]) -> None:
    raised = office.client.post(BASE, json=fire(), headers=liaison).json()
    auditor = office.as_role(Role.AUDITOR)
    assert office.client.get(f"{BASE}/{raised['id']}", headers=auditor).status_code == 200
    assert office.client.post(BASE, json=fire(), headers=auditor).status_code == 403
    assert office.client.get(BASE).status_code == 401
