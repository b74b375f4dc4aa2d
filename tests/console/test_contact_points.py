"""How people are told, as they and their administrator see and change it at the console."""

import re

import pytest
from sqlalchemy import select

from ecolink.alerts import preferences
from ecolink.alerts.models import AlertKind
from ecolink.alerts.register import Wanted
from ecolink.alerts.rules import Urgency
from ecolink.audit.access_models import AccessRow
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.models import AccountKind
from ecolink.identity.roles import Role
from tests.alerts.office import SETTINGS, Services, text_of
from tests.support.console import Reception, Visitor

pytestmark = pytest.mark.by_turns

HERE = "/me/alerts"


@pytest.fixture
def officer(lone: Reception) -> Visitor:
    """Return an officer of a bureau that has two channels."""
    for kind in ("ntfy", "sms"):
        wanted = Wanted(name=kind, own=False, enabled=True, settings=SETTINGS[kind])
        with lone.node.database.begin() as session:
            lone.node.post_office.channels.add(session, wanted, by=CONSOLE, now=lone.node.clock.now())
    return lone.signed_in(Role.LIAISON_OFFICER)


def channel(page: str, name: str) -> str:
    """Return the id of a channel as a page offers it."""
    found = re.search(rf'<option value="([^"]+)"[^>]*>{name} ·', page)
    assert found, page
    return found[1]


def points(page: str) -> list[str]:
    """Return the ids of the contact points on a page, in their order."""
    return list(dict.fromkeys(re.findall(r"/points/([0-9a-f-]{36})/remove", page)))


def account(lone: Reception, username: str) -> str:
    with lone.node.database.read() as session:
        return lone.node.identity.accounts.named(session, AccountKind.USER, username).id


def code_sent(lone: Reception, services: Services) -> str:
    lone.send()
    found = re.search(r"\b(\d{6})\b", text_of(services.carried[-1]))
    assert found
    return found[1]


def reached(lone: Reception, services: Services, by: Visitor, name: str, address: str, where: str = HERE) -> str:
    """Add a contact point and confirm it by the code that came there; return its id."""
    before = points(by.get(where).text)
    added = by.post(f"{where}/points", {"/channel_id": channel(by.get(where).text, name), "/address": address})
    assert added.headers["location"] == where
    (new,) = [point for point in points(by.get(where).text) if point not in before]
    confirmed = by.post(f"{where}/points/{new}/confirm", {"/code": code_sent(lone, services)})
    assert confirmed.headers["location"] == where
    return new


def test_an_officer_is_reached_where_a_code_came_in_the_order_they_want(
    lone: Reception, services: Services, officer: Visitor
):
    assert "仅工作台" in officer.get("/me").text
    new = {"/channel_id": channel(officer.get(HERE).text, "ntfy"), "/address": "no topic!"}
    assert officer.send(f"{HERE}/points", new).json()["errors"][0]["pointer"] == "/address"
    officer.post(f"{HERE}/points", new | {"/address": "jingning-lin"})
    (first,) = points(officer.get(HERE).text)
    assert "未确认" in officer.get(HERE).text
    code = code_sent(lone, services)
    wrong = officer.send(f"{HERE}/points/{first}/confirm", {"/code": "000000" if code != "000000" else "111111"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/code")
    assert officer.post(f"{HERE}/points/{first}/code").headers["location"] == HERE
    officer.post(f"{HERE}/points/{first}/remove")
    assert points(officer.get(HERE).text) == []

    topic = reached(lone, services, officer, "ntfy", "jingning-lin-2")
    number = reached(lone, services, officer, "sms", "13800000000")
    assert points(officer.get(HERE).text) == [topic, number]
    officer.post(f"{HERE}/points/{number}/earlier")
    assert points(officer.get(HERE).text) == [number, topic]
    assert "13800000000" in officer.get("/me").text


def test_five_wrong_codes_and_the_right_one_is_wrong(lone: Reception, services: Services, officer: Visitor):
    officer.post(f"{HERE}/points", {"/channel_id": channel(officer.get(HERE).text, "ntfy"), "/address": "jingning"})
    (point,) = points(officer.get(HERE).text)
    code = code_sent(lone, services)
    guesses = ["000000" if code != "000000" else "111111"] * 5 + [code]
    assert {officer.send(f"{HERE}/points/{point}/confirm", {"/code": each}).status_code for each in guesses} == {422}


def test_an_officer_settles_hours_and_channels_and_nothing_keeps_an_emergency_away(
    lone: Reception, services: Services, officer: Visitor
):
    assert "紧急通报不受免打扰限制" in officer.get(HERE).text
    number = reached(lone, services, officer, "sms", "13800000000")
    topic = reached(lone, services, officer, "ntfy", "jingning-lin")
    wanted: dict[str, str | list[str]] = {
        "/language": "en",
        "/quiet_from": "21:30",
        "/quiet_until": "06:00",
        "/rules/0/urgency": "urgent",
        "/rules/0/by@list": [topic, number],
        "/rules/1/kinds@list": ["notice", "channel"],
        "/rules/1/urgency": "normal",
    }
    assert officer.post(HERE, wanted).headers["location"] == HERE
    who = account(lone, "liaison_officer")
    with lone.node.database.read() as session:
        held = preferences.of(session, {who: [Role.LIAISON_OFFICER]})[who]
    assert (held.language, str(held.quiet and held.quiet.begins)) == ("en", "21:30:00")
    assert held.route(AlertKind.EMERGENCY, Urgency.URGENT, [number, topic]) == [topic, number]
    assert held.route(AlertKind.NOTICE, Urgency.NORMAL, [number, topic]) == []
    page = officer.get(HERE).text
    assert page.index(f'name="/rules/0/by@list" value="{topic}" checked') < page.index(f'value="{number}" checked')

    silent = {"/language": "zh", "/rules/0/kinds@list": "emergency"}
    assert officer.send(HERE, silent).json()["errors"][0]["pointer"] == "/rules/0/by"
    assert officer.send(HERE, {"/language": "zh", "/quiet_from": "22:00"}).status_code == 422


def test_an_administrator_enters_addresses_for_others_and_the_log_says_so(
    lone: Reception, services: Services, officer: Visitor
):
    admin, person = lone.signed_in(Role.ADMINISTRATOR), account(lone, "liaison_officer")
    where = f"/administration/people/{person}"
    point = reached(lone, services, admin, "sms", "13800000000", where)
    assert points(officer.get(HERE).text) == [point]
    assert "13800000000" in officer.get("/me").text
    assert officer.post(f"{where}/points", {"/address": "13900000000"}).status_code == 403

    other = lone.signed_in(Role.OFFICER)
    for move in ("remove", "code", "earlier", "confirm"):
        assert other.send(f"{HERE}/points/{point}/{move}", {"/code": "000000"}).status_code == 404
    admin.post(f"{where}/points/{point}/remove")
    with lone.node.database.read() as session:
        entries = session.scalars(select(AccessRow).where(AccessRow.object_type == "contact").order_by(AccessRow.n))
        told = [entry.details["what"] for entry in entries]
    assert told == ["contact-add", "contact-confirm", "contact-remove"]
