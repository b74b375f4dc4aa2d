"""Alerts, the rota and the phone through the local API, as people and their tools call it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from ecolink.alerts import links
from ecolink.alerts.models import AlertLink
from ecolink.identity.roles import Role
from ecolink.web import alerts, duty
from tests.alerts.watchroom import MINUTE, Watchroom
from tests.support.town import QINGYUAN, SHOUNING, Town
from tests.support.web import PASSWORD, Desk

ALERTS = "/api/v1/alerts"
DUTY = "/api/v1/duty"
PIN = "804613"

pytestmark = pytest.mark.by_turns


@pytest.fixture
def shouning(town: Town) -> Watchroom:
    return Watchroom(town.nodes[SHOUNING])


@pytest.fixture
def qingyuan(town: Town) -> Watchroom:
    return Watchroom(town.nodes[QINGYUAN])


@pytest.fixture
def desk(qingyuan: Watchroom) -> Iterator[Desk]:
    node = qingyuan.node
    rooms = [alerts.router(node.alerts, node.identity), duty.router(node.alerts)]
    with Desk.open(node.database, rooms, log=node.access, now=qingyuan.now) as opened:
        yield opened


@pytest.fixture
def liaison(desk: Desk) -> dict[str, str]:
    return desk.as_role(Role.LIAISON_OFFICER)


def told(town: Town, shouning: Watchroom, desk: Desk, **changes: object) -> None:
    """Let Shouning raise an emergency, and Qingyuan's people hear of it."""
    shouning.raise_emergency(**changes)
    town.wait(timedelta())
    desk.clock.moment = town.clock.now()


def test_an_officer_finds_the_alert_opens_it_and_signs_for_the_emergency(
    town: Town, shouning: Watchroom, desk: Desk, liaison: dict[str, str]
) -> None:
    told(town, shouning, desk)
    (line,) = desk.client.get(ALERTS, params={"state": "open"}, headers=liaison).json()["items"]
    assert (line["urgency"], line["kind"], line["count"]) == ("urgent", "emergency", 1)
    assert desk.client.get(f"{ALERTS}/counts", headers=liaison).json() == {
        "urgent": 1,
        "normal": 0,
        "exercises": 0,
        "tests": 0,
    }
    address = f"{ALERTS}/{line['id']}"
    shown = desk.client.get(address, headers=liaison).json()
    assert [step["kind"] for step in shown["steps"]] == ["new"]
    assert shown["tellings"][0]["person"]["name"] == "Liaison_Officer"
    assert desk.client.get(address, headers=liaison).json()["tellings"][0]["read_at"] is not None

    undecided = desk.client.post(f"{address}/acknowledge", json={}, headers=liaison)
    assert (undecided.status_code, undecided.json()["errors"][0]["pointer"]) == (422, "/decision")
    signed = desk.client.post(f"{address}/acknowledge", json={"decision": "dispatching"}, headers=liaison)
    assert (signed.json()["state"], signed.json()["acknowledged_by"]) == ("acknowledged", "Liaison_Officer")
    again = desk.client.post(f"{address}/acknowledge", json={"decision": "noted"}, headers=liaison)
    assert again.status_code == 409
    auditor = desk.as_role(Role.AUDITOR)
    assert desk.client.post(f"{address}/acknowledge", json={"decision": "noted"}, headers=auditor).status_code == 403
    administrator = desk.as_role(Role.ADMINISTRATOR)
    assert desk.client.get(address, headers=administrator).status_code == 404


def test_drills_are_listed_and_counted_apart_and_say_what_they_are(
    town: Town, shouning: Watchroom, desk: Desk, liaison: dict[str, str]
) -> None:
    told(town, shouning, desk, status="exercise")
    assert desk.client.get(ALERTS, headers=liaison).json()["items"] == []
    (drill,) = desk.client.get(ALERTS, params={"drills": True}, headers=liaison).json()["items"]
    assert drill["title_zh"].startswith("【演练】")
    assert drill["title_en"].startswith("[EXERCISE] ")
    assert desk.client.get(f"{ALERTS}/counts", headers=liaison).json()["exercises"] == 1


def test_a_phone_signs_with_a_one_time_link_and_the_pin_and_the_link_is_spent(
    town: Town, shouning: Watchroom, qingyuan: Watchroom, desk: Desk, liaison: dict[str, str]
) -> None:
    entry = {"current_password": PASSWORD, "pin": "123456"}
    assert desk.client.put("/api/v1/me/pin", json=entry, headers=liaison).status_code == 422
    assert desk.client.put("/api/v1/me/pin", json={**entry, "pin": PIN}, headers=liaison).status_code == 204
    told(town, shouning, desk)
    address = _link(qingyuan, desk)
    opened = desk.client.get(address)
    assert opened.status_code == 200
    assert set(opened.json()) == {"number", "kind", "urgency", "status", "state", "expires_at"}

    with capture_logs() as told_of:
        wrong = desk.client.post(f"{address}/acknowledge", json={"pin": "111222", "decision": "noted"})
    assert [(event["event"], event["why"]) for event in told_of] == [("login refused", "PIN")]
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/pin")
    signed = desk.client.post(f"{address}/acknowledge", json={"pin": PIN, "decision": "dispatching"})
    assert (signed.status_code, signed.json()["state"]) == (200, "acknowledged"), signed.text
    assert qingyuan.alert().acknowledged_name == "Liaison_Officer"
    assert desk.client.get(address).status_code == 404


def test_a_link_ends_after_half_an_hour_and_after_five_wrong_pins(
    town: Town, shouning: Watchroom, qingyuan: Watchroom, desk: Desk, liaison: dict[str, str]
) -> None:
    assert liaison
    told(town, shouning, desk)
    address = _link(qingyuan, desk)
    for _ in range(links.WRONG_PINS):
        answer = desk.client.post(f"{address}/acknowledge", json={"pin": "000000", "decision": "noted"})
        assert answer.status_code == 422
    assert desk.client.get(address).status_code == 404
    other = _link(qingyuan, desk)
    assert desk.client.get(other).status_code == 200
    desk.clock.advance(links.GOOD_FOR)
    assert desk.client.get(other).status_code == 404
    assert desk.client.get("/api/v1/alert-links/" + "x" * 43).status_code == 404


def test_the_database_alone_shows_no_link(
    town: Town, shouning: Watchroom, qingyuan: Watchroom, desk: Desk, liaison: dict[str, str]
) -> None:
    assert liaison
    told(town, shouning, desk)
    secret = _link(qingyuan, desk).rpartition("/")[2]
    with qingyuan.node.database.read() as session:
        assert all(secret not in str(vars(row)) for row in session.query(AlertLink))


def test_who_keeps_the_rota_writes_a_week_down_once_and_gaps_are_shown(
    desk: Desk, qingyuan: Watchroom, liaison: dict[str, str]
) -> None:
    head = desk.as_role(Role.HEAD)
    people = {each["name"]: each["id"] for each in desk.client.get(f"{DUTY}/people", headers=liaison).json()}
    assert desk.client.get(DUTY, headers=liaison).json()["gaps"] != []
    lines = [
        {"account_id": people["Liaison_Officer"], "weekday": day, "begins": "08:00:00", "ends": "08:00:00"}
        for day in range(1, 8)
    ]
    week = {"first_day": "2026-11-23", "last_day": "2026-12-06", "lines": lines}
    assert desk.client.post(f"{DUTY}/shifts/weekly", json=week, headers=liaison).status_code == 403
    made = desk.client.post(f"{DUTY}/shifts/weekly", json=week, headers=head)
    assert (made.status_code, len(made.json())) == (201, 14), made.text
    assert desk.client.post(f"{DUTY}/shifts/weekly", json=week, headers=head).json() == []
    shown = desk.client.get(DUTY, headers=liaison).json()
    assert [each["person"]["name"] for each in shown["on_duty"]] == ["Liaison_Officer"]
    assert [gap["starts_at"] for gap in shown["gaps"]] == ["2026-12-07T00:00:00Z"]

    shift = desk.client.get(f"{DUTY}/shifts", headers=liaison).json()["items"][3]
    address = f"{DUTY}/shifts/{shift['id']}"
    change = {"account_id": people["Head"], "starts_at": shift["starts_at"], "ends_at": shift["ends_at"]}
    assert desk.client.put(address, json=change, headers=head).status_code == 428
    changed = desk.client.put(address, json=change, headers={**head, "If-Match": '"1"'})
    assert changed.json()["person"]["name"] == "Head"
    assert desk.client.delete(address, headers=head).status_code == 204
    assert len(desk.client.get(DUTY, headers=liaison).json()["gaps"]) == 2


def test_whoever_is_on_duty_hands_over_with_a_note_and_nobody_else_may(
    desk: Desk, qingyuan: Watchroom, liaison: dict[str, str]
) -> None:
    head = desk.as_role(Role.HEAD)
    reviewer = desk.as_role(Role.INTAKE_REVIEWER)
    people = {each["name"]: each["id"] for each in desk.client.get(f"{DUTY}/people", headers=liaison).json()}
    begins, ends = qingyuan.now.isoformat(), (qingyuan.now + timedelta(days=1)).isoformat()
    shift = {"account_id": people["Liaison_Officer"], "starts_at": begins, "ends_at": ends}
    assert desk.client.post(f"{DUTY}/shifts", json=shift, headers=head).status_code == 201
    desk.clock.advance(10 * MINUTE)
    to = {"account_id": people["Intake_Reviewer"], "note": "巡护车钥匙在值班室。"}
    assert desk.client.post(f"{DUTY}/handovers", json=to, headers=reviewer).status_code == 403
    handed = desk.client.post(f"{DUTY}/handovers", json=to, headers=liaison)
    assert handed.status_code == 201, handed.text
    assert (handed.json()["from_name"], handed.json()["to_name"]) == ("Liaison_Officer", "Intake_Reviewer")
    shown = desk.client.get(DUTY, headers=liaison).json()
    assert [(each["person"]["name"], each["ends_at"]) for each in shown["on_duty"]] == [
        ("Intake_Reviewer", (qingyuan.now + timedelta(days=1)).isoformat().replace("+00:00", "Z"))
    ]
    assert shown["last_handover"]["note"] == "巡护车钥匙在值班室。"
    assert desk.client.post(f"{DUTY}/handovers", json=to, headers=head).status_code == 409


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"ends_at": "2026-11-23T08:00:00+08:00"}, "/ends_at"),
        ({"ends_at": "9999-12-31T00:00:00Z"}, "/ends_at"),
        ({"starts_at": "9999-12-30T00:00:00Z", "ends_at": "9999-12-31T00:00:00Z"}, "/ends_at"),
        ({"account_id": "nobody"}, "/account_id"),
    ],
)
def test_a_shift_that_cannot_be_is_refused_at_its_member(
    desk: Desk, liaison: dict[str, str], changes: dict[str, str], pointer: str
) -> None:
    people = desk.client.get(f"{DUTY}/people", headers=liaison).json()
    shift = {"account_id": people[0]["id"], "starts_at": "2026-11-24T08:00:00+08:00", "ends_at": "2026-11-25T08:00:00Z"}
    refused = desk.client.post(f"{DUTY}/shifts", json={**shift, **changes}, headers=desk.as_role(Role.CHIEF))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), refused.text


def test_a_person_says_when_they_sleep_and_cannot_shut_out_what_is_urgent(desk: Desk, liaison: dict[str, str]) -> None:
    usual = desk.client.get("/api/v1/me/alerts", headers=liaison).json()
    assert (usual["language"], usual["quiet_from"], usual["has_pin"]) == ("zh", "22:00:00", False)
    said = {"language": "en", "quiet_from": "23:00:00", "quiet_until": "06:00:00"}
    shown = desk.client.put("/api/v1/me/alerts", json=said, headers=liaison).json()
    assert (shown["language"], shown["quiet_until"]) == ("en", "06:00:00")
    for bad, pointer in (
        ({"rules": [{"by": []}]}, "/rules/0/by"),
        ({"rules": [{"urgency": "normal", "by": ["somebody-elses"]}]}, "/rules/0/by"),
        ({"quiet_until": None}, "/quiet_until"),
    ):
        refused = desk.client.put("/api/v1/me/alerts", json={**said, **bad}, headers=liaison)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), refused.text
    silent = {**said, "rules": [{"kinds": ["notice"], "urgency": "normal", "by": []}]}
    assert desk.client.put("/api/v1/me/alerts", json=silent, headers=liaison).json()["rules"][0]["kinds"] == ["notice"]


def _link(room: Watchroom, desk: Desk) -> str:
    """Make the link that a message would carry to the liaison officer."""
    alert = room.alert()
    with room.node.database.begin() as session:
        (telling,) = room.node.alerts.ledger.tellings(session, alert.id)
        path = links.make(session, alert.id, telling.account_id, desk.clock.now())
    assert path is not None
    return "/api/v1/alert-links/" + path.removeprefix(links.PATH)
