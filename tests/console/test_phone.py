"""A one-time link on an officer's phone: what it shows, what it takes to sign, and what is left of it."""

from datetime import timedelta

import pytest

from ecolink.alerts import links
from ecolink.identity.models import AccountKind
from tests.alerts.watchroom import Watchroom
from tests.support.console import PASSWORD, Reception, Visitor
from tests.support.town import QINGYUAN, SHOUNING, Town

PIN = "804613"

pytestmark = pytest.mark.by_turns


@pytest.fixture
def qingyuan(town: Town) -> Watchroom:
    room = Watchroom.staffed(town.nodes[QINGYUAN])
    with room.node.database.begin() as session:
        room.node.alerts.pins.set(session, room.node.identity.passwords.hash(PIN), by=room.people["lin"], now=room.now)
    return room


def link_of(town: Town, room: Watchroom, **changes: object) -> str:
    """Let Shouning raise an emergency, and return what the message to the officer on duty would lead to."""
    Watchroom(town.nodes[SHOUNING]).raise_emergency(**changes)
    town.wait(timedelta())
    with room.node.database.begin() as session:
        path = links.make(session, room.alerts()[-1].id, room.people["lin"].id, room.now)
    assert path is not None
    return path


def stranger(room: Watchroom) -> Visitor:
    return Reception(room.node).visitor()


def test_an_officer_signs_on_the_phone_with_the_pin_and_sees_no_content(town: Town, qingyuan: Watchroom) -> None:
    path, phone = link_of(town, qingyuan), stranger(qingyuan)
    page = phone.get(path).text
    assert qingyuan.alert().number in page
    assert "紧急" in page
    assert "下党" not in page
    assert "/pin" in phone.send(path, {"/decision": "dispatching"}).text
    assert phone.send(path, {"/decision": "dispatching", "/pin": "111222"}).status_code == 422
    signed = phone.post(path, {"/decision": "dispatching", "/pin": PIN})
    assert (signed.status_code, signed.headers["location"]) == (303, "/a")
    assert "已签收" in phone.get("/a").text
    assert (qingyuan.alert().acknowledged_name, qingyuan.alert().decision) == ("Lin", "dispatching")
    gone = phone.get(path)
    assert (gone.status_code, "链接已失效" in gone.text) == (404, True)


def test_a_drill_says_so_and_is_not_urgent(town: Town, qingyuan: Watchroom) -> None:
    page = stranger(qingyuan).get(link_of(town, qingyuan, status="exercise")).text
    assert "演练，非实情" in page
    assert "紧急" not in page


def test_whoever_is_logged_in_as_the_links_person_needs_no_pin(town: Town, qingyuan: Watchroom) -> None:
    with qingyuan.node.database.begin() as session:
        account = qingyuan.node.identity.accounts.named(session, AccountKind.USER, "lin")
        account.credential = qingyuan.node.identity.passwords.hash(PASSWORD)
    phone = stranger(qingyuan)
    assert phone.post("/sign-in", {"/username": "lin", "/password": PASSWORD}).status_code == 303
    path = link_of(town, qingyuan)
    assert "/pin" not in phone.get(path).text
    assert phone.post(path, {"/decision": "noted"}).headers["location"] == "/a"
    assert qingyuan.alert().acknowledged_name == "Lin"


def test_a_link_to_what_somebody_else_signed_for_says_so(town: Town, qingyuan: Watchroom) -> None:
    path = link_of(town, qingyuan)
    qingyuan.acknowledge(qingyuan.alert(), "wu", decision="noted")
    assert "该事项已有人签收" in stranger(qingyuan).get(path).text


def test_a_link_that_never_was_is_a_page_for_people(qingyuan: Watchroom) -> None:
    assert "链接已失效" in stranger(qingyuan).get(f"{links.PATH}{'x' * 43}").text
