"""Agreements over the local API."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from ecolink.cadence.terms_file import write
from ecolink.exchanges.agreements.endpoints import router
from ecolink.identity.roles import Role
from ecolink.protocol.kinds.agreements import CalendarV1
from tests.support.agreements import CODE, Chief, terms
from tests.support.town import QINGYUAN, SHOUNING, Town
from tests.support.web import Desk

pytestmark = pytest.mark.by_turns

AGREEMENTS = "/api/v1/agreements"


@pytest.fixture
def desk(town: Town) -> Iterator[Desk]:
    """The local API of Shouning's node."""
    node = town.nodes[SHOUNING]
    with Desk.open(
        node.database, [router(node.rooms.cooperation.agreements)], log=node.access, now=node.clock.now()
    ) as desk:
        yield desk


def test_an_agreement_is_checked_proposed_and_shown_with_every_partys_word(town: Town, desk: Desk) -> None:
    text = "# 寿宁—庆元\n" + write(terms())
    checked = desk.client.post(f"{AGREEMENTS}/check", json={"text": text}, headers=desk.as_role(Role.LIAISON_OFFICER))
    assert (checked.status_code, checked.json()["ok"], checked.json()["digest"]) == (200, True, terms().digest())

    chief = desk.as_role(Role.CHIEF)
    made = desk.client.post(AGREEMENTS, json={"text": text}, headers=chief)
    assert made.status_code == 201, made.text
    assert (made.headers["Location"], made.json()["state"]) == (f"{AGREEMENTS}/{CODE}", "proposed")
    town.settle()
    Chief(town.nodes[QINGYUAN]).sign(terms().digest())
    town.settle()

    shown = desk.client.get(made.headers["Location"], headers=desk.as_role(Role.OFFICER)).json()
    assert (shown["state"], shown["version"], shown["awaits_us"], shown["settled_years"]) == ("agreed", 1, False, [])
    (proposal,) = shown["proposals"]
    assert [party["signed_at"] is not None for party in proposal["parties"]] == [True, True]
    full = desk.client.get(f"{AGREEMENTS}/{CODE}/proposals/{proposal['digest']}", headers=chief).json()
    assert full["text"] == text
    desk.clock.advance(timedelta(days=1))
    head = desk.as_role(Role.HEAD)
    shown = desk.client.get(made.headers["Location"], headers=head).json()
    assert (shown["state"], shown["settled_years"], shown["proposals"][0]["state"]) == ("in_force", [2026], "in_force")
    (line,) = desk.client.get(AGREEMENTS, headers=head).json()["items"]
    assert (line["code"], line["state"], line["parties"]) == (CODE, "in_force", [QINGYUAN, SHOUNING])


def test_a_file_with_a_mistake_is_refused_with_the_line_and_the_mend(town: Town, desk: Desk) -> None:
    del town
    text = write(terms()).replace("BYMONTHDAY=-1", "BYMONTHDAY=30")
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "BYMONTHDAY" in each)
    chief = desk.as_role(Role.CHIEF)
    checked = desk.client.post(f"{AGREEMENTS}/check", json={"text": text}, headers=chief).json()
    errors = [each["line"] for each in checked["findings"] if each["severity"] == "error"]
    assert (checked["ok"], checked["terms"], errors) == (False, None, [line])

    refused = desk.client.post(AGREEMENTS, json={"text": text}, headers={**chief, "Accept-Language": "en"})
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith(f"Line {line}: ")
    assert desk.client.get(AGREEMENTS, headers=chief).json()["items"] == []


def test_what_was_proposed_to_us_is_signed_or_declined_by_the_chief_alone(town: Town, desk: Desk) -> None:
    digest = Chief(town.nodes[QINGYUAN]).propose(terms())
    town.settle()
    where = f"{AGREEMENTS}/{CODE}/proposals/{digest}"
    for role in (Role.LIAISON_OFFICER, Role.HEAD, Role.APPROVER):
        assert desk.client.post(f"{where}/sign", headers=desk.as_role(role)).status_code == 403

    chief = desk.as_role(Role.CHIEF)
    assert desk.client.get(f"{AGREEMENTS}/{CODE}", headers=chief).json()["awaits_us"]
    declined = desk.client.post(f"{where}/decline", json={"reason": "期限过短"}, headers=chief).json()
    assert (declined["awaits_us"], declined["proposals"][0]["state"]) == (False, "declined")
    assert desk.client.post(f"{where}/withdraw", json={"reason": "x"}, headers=chief).status_code == 409
    assert desk.client.post(f"{where}/sign", headers=chief).json()["state"] == "agreed"
    assert desk.client.post(f"{where}/sign", headers=chief).status_code == 409
    assert desk.client.post(f"{AGREEMENTS}/{CODE}/proposals/{'0' * 64}/sign", headers=chief).status_code == 404


def test_an_ending_and_a_calendar_are_proposed_of_what_is_agreed(town: Town, desk: Desk) -> None:
    chief, there = desk.as_role(Role.CHIEF), Chief(town.nodes[QINGYUAN])
    ending = {"last_day": "2026-12-31", "reason": "机构调整"}
    assert desk.client.post(f"{AGREEMENTS}/{CODE}/endings", json=ending, headers=chief).status_code == 404
    digest = there.propose(terms())
    town.settle()
    assert desk.client.post(f"{AGREEMENTS}/{CODE}/endings", json=ending, headers=chief).status_code == 409
    desk.client.post(f"{AGREEMENTS}/{CODE}/proposals/{digest}/sign", headers=chief)

    wanted = {"year": 2027, "source": "虚构的通知", "table": "date,day\n2027-01-01,off\n2027-01-03,work\n"}
    made = desk.client.post(f"{AGREEMENTS}/{CODE}/calendars", json=wanted, headers=chief)
    assert made.status_code == 201, made.text
    wrong = desk.client.post(f"{AGREEMENTS}/{CODE}/calendars", json={**wanted, "table": "date\n1"}, headers=chief)
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/table")
    unpublished = desk.client.post(f"{AGREEMENTS}/{CODE}/calendars", json={**wanted, "table": None}, headers=chief)
    assert (unpublished.status_code, unpublished.json()["errors"][0]["pointer"]) == (422, "/year")
    made = desk.client.post(f"{AGREEMENTS}/{CODE}/endings", json=ending, headers=chief)
    assert made.status_code == 201, made.text
    town.settle()
    proposed = {proposal["kind"]: proposal["digest"] for proposal in made.json()["proposals"]}
    there.sign(proposed["calendar"])
    there.sign(proposed["ending"])
    town.settle()

    shown = desk.client.get(f"{AGREEMENTS}/{CODE}", headers=chief).json()
    assert {each["kind"] for each in shown["proposals"]} == {"terms", "calendar", "ending"}
    assert shown["last_day"] == "2026-12-31"
    calendar = CalendarV1.model_validate(
        desk.client.get(f"{AGREEMENTS}/{CODE}/proposals/{proposed['calendar']}", headers=chief).json()["document"]
    )
    assert [day.day for day in calendar.days] == ["off", "work"]
