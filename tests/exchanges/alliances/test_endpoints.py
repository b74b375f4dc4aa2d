"""Alliances over the local API."""

from collections.abc import Iterator

import pytest

from ecolink.exchanges.alliances.endpoints import router
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.federation.peers import PeerState
from ecolink.identity.roles import Role
from tests.exchanges.alliances.neighbours import (
    JINGNING,
    QINGYUAN,
    SHOUNING,
    SONGXI,
    add_peer,
    peers_of_shouning,
)
from tests.support.web import Desk, access_log

pytestmark = pytest.mark.by_turns

ALLIANCES = "/api/v1/alliances"
WANTED = {"name_zh": "边界联盟", "name_en": "Border alliance", "members": [QINGYUAN, JINGNING]}


@pytest.fixture
def desk(database) -> Iterator[Desk]:
    with database.begin() as session:
        add_peer(session, QINGYUAN)
        add_peer(session, JINGNING)
        add_peer(session, SONGXI, PeerState.PENDING)
    log = access_log(database)
    with Desk.open(database, [router(AllianceService(SHOUNING, peers_of_shouning(), log))], log=log) as desk:
        yield desk


def test_a_chief_founds_changes_and_dissolves_an_alliance(desk):
    chief = desk.as_role(Role.CHIEF)
    made = desk.client.post(ALLIANCES, json=WANTED, headers=chief)
    assert made.status_code == 201
    where = made.headers["Location"]
    assert [member["unit_code"] for member in made.json()["members"]] == sorted([SHOUNING, QINGYUAN, JINGNING])
    assert [member["is_us"] for member in made.json()["members"]].count(True) == 1

    fewer = {**WANTED, "members": [QINGYUAN], "reason": "景宁退出"}
    changed = desk.client.put(where, json=fewer, headers={**chief, "If-Match": made.headers["ETag"]})
    assert (changed.status_code, changed.json()["roster_version"]) == (200, 2)
    rosters = desk.client.get(f"{where}/rosters", headers=chief).json()["items"]
    assert [roster["reason"] for roster in rosters] == ["景宁退出", None]

    gone = desk.client.delete(where, headers={**chief, "If-Match": changed.headers["ETag"]})
    assert gone.json()["state"] == "dissolved"
    assert desk.client.get(ALLIANCES, headers=chief).json()["items"] == []
    assert len(desk.client.get(ALLIANCES, params={"dissolved": True}, headers=chief).json()["items"]) == 1


def test_a_change_names_the_version_it_builds_on(desk):
    chief = desk.as_role(Role.CHIEF)
    made = desk.client.post(ALLIANCES, json=WANTED, headers=chief)
    where = made.headers["Location"]
    assert desk.client.put(where, json=WANTED, headers=chief).status_code == 428
    assert desk.client.put(where, json=WANTED, headers={**chief, "If-Match": '"7"'}).status_code == 412


def test_a_member_that_is_no_active_peer_is_pointed_at(desk):
    chief = desk.as_role(Role.CHIEF)
    wrong = desk.client.post(ALLIANCES, json={**WANTED, "members": [QINGYUAN, SONGXI]}, headers=chief)
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "/members/1"
    unknown = desk.client.post(ALLIANCES, json={**WANTED, "membres": []}, headers=chief)
    assert unknown.json()["errors"][0]["pointer"] == "/membres"


def test_an_officer_sees_alliances_and_changes_none(desk):
    officer = desk.as_role(Role.OFFICER)
    assert desk.client.get(ALLIANCES, headers=officer).status_code == 200
    assert desk.client.post(ALLIANCES, json=WANTED, headers=officer).status_code == 403
    assert desk.client.get(f"{ALLIANCES}/nowhere", headers=officer).status_code == 404
