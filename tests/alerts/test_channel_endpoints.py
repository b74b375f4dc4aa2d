"""Channels, contact points and dispatches through the local API, as people and their tools call it."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response

from ecolink.identity.roles import Role
from ecolink.web import channels
from tests.alerts.office import SETTINGS, Office, text_of
from tests.support.web import Desk

CHANNELS = "/api/v1/channels"
POINTS = "/api/v1/me/contact-points"
DISPATCHES = "/api/v1/dispatches"

pytestmark = pytest.mark.by_turns


@pytest.fixture
def desk(office: Office) -> Iterator[Desk]:
    rooms = [channels.channels_router(office.post), channels.contacts_router(office.post)]
    rooms.append(channels.dispatches_router(office.post))
    with Desk.open(office.database, rooms, log=office.log, now=office.clock.now()) as opened:
        yield opened


@pytest.fixture
def administrator(desk: Desk) -> dict[str, str]:
    return desk.as_role(Role.ADMINISTRATOR)


def document(kind: str = "ntfy", **changes: Any) -> dict[str, Any]:
    return {"name": kind, "own": False, "settings": SETTINGS[kind], **changes}


def added(desk: Desk, headers: dict[str, str], kind: str = "ntfy", **changes: Any) -> Response:
    answer = desk.client.post(CHANNELS, json=document(kind, **changes), headers=headers)
    assert answer.status_code == 201, answer.text
    return answer


def test_an_administrator_adds_a_channel_and_nobody_ever_sees_its_secret(desk: Desk, administrator: dict[str, str]):
    answer = added(desk, administrator, "dingtalk")
    made = answer.json()

    assert answer.headers["Location"] == f"{CHANNELS}/{made['id']}"
    assert (made["kind"], made["own"], made["secrets_set"]) == ("dingtalk", False, ["sign_secret", "webhook"])
    shown = (
        desk.client.get(CHANNELS, headers=administrator).text
        + desk.client.get(f"{CHANNELS}/{made['id']}", headers=administrator).text
    )
    assert "dingtalk" in shown
    assert "ding-token" not in shown + answer.text
    assert "SECding" not in shown + answer.text


def test_a_change_names_the_version_it_builds_on(desk: Desk, administrator: dict[str, str]):
    answer = added(desk, administrator)
    address = answer.headers["Location"]
    changed = document(own=True)

    assert desk.client.put(address, json=changed, headers=administrator).status_code == 428
    headers = {**administrator, "If-Match": answer.headers["ETag"]}
    assert desk.client.put(address, json=changed, headers=headers).json()["own"] is True
    assert desk.client.put(address, json=changed, headers=headers).status_code == 412
    assert desk.client.delete(address, headers=headers).status_code == 412
    assert desk.client.delete(address, headers={**administrator, "If-Match": '"2"'}).status_code == 204
    assert desk.client.get(address, headers=administrator).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        (document("sms", settings={**SETTINGS["sms"], "success_value": 0}), "/settings/success_value"),
        (document(settings={"kind": "pigeon"}), "/settings/kind"),
        (document(settings={}), "/settings/kind"),
        (document("webhook", settings={**SETTINGS["webhook"], "url": "http://a.example/"}), "/own"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_member(
    desk: Desk, administrator: dict[str, str], wanted: dict[str, Any], pointer: str
):
    answer = desk.client.post(CHANNELS, json=wanted, headers=administrator)
    assert answer.status_code == 422
    told = answer.json()
    assert pointer in {told.get("pointer"), *(error.get("pointer") for error in told.get("errors", []))}
    assert "sms-token" not in answer.text


def test_a_test_is_sent_the_real_way_and_its_result_read(desk: Desk, office: Office, administrator: dict[str, str]):
    address = added(desk, administrator, "sms").headers["Location"]
    posted = desk.client.post(f"{address}/test", json={"address": "13800000000"}, headers=administrator)
    assert (posted.status_code, posted.json()["state"]) == (202, "waiting")
    office.send()

    told = desk.client.get(f"{DISPATCHES}/{posted.json()['id']}", headers=administrator).json()
    assert (told["state"], told["status"], told["kind"]) == ("sent", "test", "test")
    (one,) = told["tries"]
    assert (one["succeeded"], one["channel"]["kind"], one["together"]) == (True, "sms", 1)
    (health,) = desk.client.get(f"{CHANNELS}/health", headers=administrator).json()["items"]
    assert (health["state"], health["waiting"], health["failing_since"]) == ("working", 0, None)


def test_a_dead_channel_shows_since_when_and_how_much_waits(desk: Desk, office: Office, administrator: dict[str, str]):
    office.services.is_dead("ntfy")
    office.tell(office.officer("lin", office.channel("ntfy")))
    office.send()

    (health,) = desk.client.get(f"{CHANNELS}/health", headers=desk.as_role(Role.LIAISON_OFFICER)).json()["items"]
    assert (health["state"], health["waiting"], health["last_error"]) == ("failing", 1, "the service is silent")
    assert (
        health["failing_since"] == health["oldest_waiting_at"] == office.clock.now().isoformat().replace("+00:00", "Z")
    )


def test_an_officer_is_reached_where_they_proved_to_be(desk: Desk, office: Office, administrator: dict[str, str]):
    channel = added(desk, administrator).json()
    mine = desk.as_role(Role.LIAISON_OFFICER)
    (offered,) = desk.client.get("/api/v1/me/channels", headers=mine).json()["items"]
    assert offered == {"id": channel["id"], "kind": "ntfy", "name": "ntfy", "own": False}

    wanted = {"channel_id": channel["id"], "address": "shouning-lin"}
    point = desk.client.post(POINTS, json=wanted, headers=mine).json()
    assert point["confirmed_at"] is None
    office.send()
    code = re.search(r"\d{6}", text_of(office.services.carried[-1]))
    assert code is not None
    confirm = f"{POINTS}/{point['id']}/confirm"
    assert desk.client.post(confirm, json={"code": "wrong"}, headers=mine).json() == {"confirmed": False}
    assert desk.client.post(confirm, json={"code": code[0]}, headers=mine).json() == {"confirmed": True}

    order = desk.client.put(f"{POINTS}/order", json={"order": [point["id"]]}, headers=mine).json()
    assert [(each["address"], each["place"]) for each in order["items"]] == [("shouning-lin", 1)]
    assert desk.client.post(f"{POINTS}/{point['id']}/code", headers=mine).status_code == 409
    assert desk.client.delete(f"{POINTS}/{point['id']}", headers=mine).status_code == 204
    assert desk.client.get(POINTS, headers=mine).json() == {"items": []}


def test_wrong_guesses_are_counted_though_they_change_nothing_else(
    desk: Desk, office: Office, administrator: dict[str, str]
):
    channel = added(desk, administrator).json()
    mine = desk.as_role(Role.LIAISON_OFFICER)
    point = desk.client.post(POINTS, json={"channel_id": channel["id"], "address": "t"}, headers=mine).json()
    office.send()
    code = re.search(r"\d{6}", text_of(office.services.carried[-1]))
    assert code is not None
    for guess in ("a", "b", "c", "d", "e", code[0]):
        told = desk.client.post(f"{POINTS}/{point['id']}/confirm", json={"code": guess}, headers=mine).json()
    assert told == {"confirmed": False}


def test_who_was_told_what_is_listed_without_saying_what_it_is_about(
    desk: Desk, office: Office, administrator: dict[str, str]
):
    lin = office.officer("lin", office.channel("ntfy"))
    office.tell(lin)
    waiting = desk.client.get(DISPATCHES, params={"state": "waiting"}, headers=administrator)
    assert len(waiting.json()["items"]) == 1
    office.send()
    office.clock.advance(timedelta(seconds=1))
    office.tell(lin, alert_id="another")

    everything = desk.client.get(DISPATCHES, headers=administrator)
    assert [each["alert_id"] for each in everything.json()["items"]] == ["another", "alert-1"]
    (one,) = desk.client.get(DISPATCHES, params={"alert_id": "alert-1"}, headers=administrator).json()["items"]
    assert (one["number"], one["name"], one["state"]) == ("E7", "lin", "sent")
    assert "山火" not in everything.text + waiting.text


def test_only_an_administrator_sets_up_channels(desk: Desk):
    for role in (Role.CHIEF, Role.LIAISON_OFFICER, Role.AUDITOR, Role.INTEGRATOR):
        assert desk.client.get(CHANNELS, headers=desk.as_role(role)).status_code == 403
        assert desk.client.post(CHANNELS, content=json.dumps({}), headers=desk.as_role(role)).status_code == 403
