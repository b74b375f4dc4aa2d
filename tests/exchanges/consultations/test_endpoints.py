"""Consultations over the local API, between two real rooms."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from icalendar import Calendar

from ecolink.exchanges.consultations.endpoints import router
from ecolink.exchanges.consultations.schemas import INVITATION
from ecolink.identity.roles import Role
from tests.exchanges.consultations.officers import Officer
from tests.support.town import QINGYUAN, SHOUNING, Town
from tests.support.web import Desk

pytestmark = pytest.mark.by_turns

CALLED = {**INVITATION, "partners": [QINGYUAN], "agreement": None}


@pytest.fixture
def desk(town: Town) -> Iterator[Desk]:
    node = town.nodes[SHOUNING]
    with Desk.open(
        node.database, [router(node.rooms.cooperation.consultations)], log=node.access, now=town.clock.now()
    ) as desk:
        yield desk


def test_an_officer_calls_sets_the_date_signs_the_minutes_and_puts_it_into_the_calendar(desk: Desk, town: Town) -> None:
    officer, qingyuan = desk.as_role(Role.LIAISON_OFFICER), Officer(town.nodes[QINGYUAN])
    made = desk.client.post("/api/v1/consultations", json=CALLED, headers=officer)
    assert (made.status_code, made.json()["state"]) == (201, "proposed"), made.text
    where = made.headers["Location"]
    assert desk.client.get(f"{where}/invitation.ics", headers=officer).status_code == 409
    date = {key: CALLED[key] for key in ("duration_minutes", "where", "agenda")} | {"at": CALLED["times"][0]}
    assert desk.client.post(f"{where}/date", json=date, headers=officer).json()["state"] == "set"
    (event,) = Calendar.from_ical(desk.client.get(f"{where}/invitation.ics", headers=officer).content).walk("VEVENT")
    assert str(event["ORGANIZER"].params["CN"]) == "寿宁县公安局"

    town.settle()
    town.wait(timedelta(days=20))
    qingyuan.write_minutes(made.json()["id"])
    town.settle()
    waiting = desk.client.get("/api/v1/consultations", params={"awaits_us": True}, headers=officer).json()["items"]
    assert [each["may"] for each in waiting] == [["confirmed", "objected", "task_updated"]]
    digest = desk.client.get(where, headers=officer).json()["minutes"]["digest"]
    other = desk.client.post(f"{where}/confirm", json={"minutes": "0" * 64}, headers=officer)
    assert other.status_code == 409
    signed = desk.client.post(f"{where}/confirm", json={"minutes": digest}, headers=officer)
    assert signed.json()["state"] == "concluded", signed.text


def test_an_auditor_reads_with_names_masked_and_changes_nothing(desk: Desk, town: Town) -> None:
    shouning = Officer(town.nodes[SHOUNING])
    called = shouning.call(QINGYUAN)
    shouning.write_minutes(called)
    auditor = desk.as_role(Role.AUDITOR)
    shown = desk.client.get(f"/api/v1/consultations/{called}", headers=auditor).json()
    assert shown["minutes"]["participants"] == ["林某 联络员", "周某"]
    assert desk.client.post("/api/v1/consultations", json=CALLED, headers=auditor).status_code == 403
    stranger = "/api/v1/consultations/019ab000-0000-7000-8000-00000000000f"
    assert desk.client.get(stranger, headers=auditor).status_code == 404


def test_what_is_wrong_is_told_where_it_stands(desk: Desk) -> None:
    officer = desk.as_role(Role.LIAISON_OFFICER)
    wrong = {**CALLED, "times": [], "chairman": "x"}
    problem = desk.client.post("/api/v1/consultations", json=wrong, headers=officer).json()
    assert problem["status"] == 422
    assert {error["pointer"] for error in problem["errors"]} == {"/times", "/chairman"}
    one = "/api/v1/consultations/019ab000-0000-7000-8000-00000000000f"
    for path, said, at in (
        ("answer", {"answer": "declines"}, "/note"),
        ("answer", {"answer": "accepts"}, "/times"),
        ("tasks/T1", {"status": "not_possible"}, "/note"),
    ):
        problem = desk.client.post(f"{one}/{path}", json=said, headers=officer).json()
        assert (problem["status"], [error["pointer"] for error in problem["errors"]]) == (422, [at])
