"""What is due at the local API: found by partner and state, shown with its evidence; notices for whom they address."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from starlette.testclient import TestClient

from ecolink.entrypoints.applications import local_app
from ecolink.entrypoints.wiring import Node
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.roles import Role
from tests.exchanges.obligations.covenant import DECEMBER, live_until
from tests.support.agreements import conclude, terms
from tests.support.town import QINGYUAN, SHOUNING, Town

As = Callable[[Role], dict[str, str]]


@pytest.fixture
def backend() -> str:
    """What the API shows is read by services that other tests run on both databases."""
    return "sqlite"


@pytest.fixture
def node(town: Town) -> Node:
    """Shouning, whose December liaison is two days overdue."""
    conclude(town, terms(valid_from="2026-12-01"))
    town.wait(timedelta(days=34))
    live_until(town, date(2027, 1, 4))
    return town.nodes[SHOUNING]


@pytest.fixture
def client(node: Node) -> Iterator[TestClient]:
    with TestClient(local_app(node), base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as client:
        yield client


@pytest.fixture
def of(node: Node) -> As:
    """Return the headers of somebody with one role."""

    def log_in(role: Role) -> dict[str, str]:
        now = node.clock.now()
        with node.database.begin() as session:
            account = node.identity.accounts.add_user(
                session,
                username=role.value,
                name=role.value,
                roles=(role,),
                password_hash="none",
                by=CONSOLE,
                now=now,
                must_change_password=False,
            )
            session.flush()
            token = node.identity.sessions.open(session, account, "10.20.3.4", now).token
        return {"Authorization": f"Bearer {token}"}

    return log_in


def test_what_is_owed_to_a_partner_is_listed_and_shown_with_what_each_side_said(client: TestClient, of: As) -> None:
    headers = of(Role.OFFICER)
    wanted = {"partner": QINGYUAN, "owed": "true", "late": "true", "due_before": "2026-12-31"}
    (line,) = client.get("/api/v1/obligations", params=wanted, headers=headers).json()["items"]
    assert (line["key"], line["state"], line["partners"][0]["name_zh"]) == (DECEMBER, "open", "庆元县公安局")
    assert client.get("/api/v1/obligations", params={"partner": "1" * 12}, headers=headers).json()["items"] == []
    shown = client.get(f"/api/v1/obligations/{DECEMBER}", headers=headers).json()
    assert {(each["author"]["unit_code"], tuple(each["differs"])) for each in shown["lateness"]} == {
        (SHOUNING, ()),
        (QINGYUAN, ()),
    }
    assert client.get("/api/v1/obligations/sn-qy-151/liaison/2020-01", headers=headers).status_code == 404


def test_a_notice_is_seen_by_the_level_it_addresses_and_by_nobody_else(client: TestClient, of: As) -> None:
    deputy, head = of(Role.DEPUTY), of(Role.HEAD)
    (notice,) = client.get("/api/v1/notices", headers=deputy).json()["items"]
    assert (notice["step"], notice["role"], notice["subject"]) == ("escalate-3", "deputy", DECEMBER)
    assert client.get("/api/v1/notices", headers=head).json()["items"] == []
    assert client.post(f"/api/v1/notices/{notice['id']}/seen", headers=head).status_code == 404
    seen = client.post(f"/api/v1/notices/{notice['id']}/seen", headers=deputy).json()
    assert (seen["state"], seen["seen_by"]) == ("seen", "deputy")
    assert client.get("/api/v1/notices", headers=deputy).json()["items"] == []


def test_only_who_leads_a_department_proposes_a_waiver(client: TestClient, of: As) -> None:
    path, reason = f"/api/v1/obligations/{DECEMBER}/waivers", {"reason": "台风期间双方均在值守。"}
    assert client.post(path, json=reason, headers=of(Role.DEPUTY)).status_code == 403
    answer = client.post(path, json=reason, headers=of(Role.HEAD))
    assert (answer.status_code, answer.json()["waivers"][0]["state"]) == (201, "proposed")
    assert answer.json()["state"] == "open"
