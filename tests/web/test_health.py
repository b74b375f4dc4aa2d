"""A supervisor learns whether the process lives, a load balancer whether it can work."""

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from ecolink.kit.buckets import Buckets
from ecolink.surface.door import Door
from ecolink.web.app import build_federation
from tests.support.web import Desk


def test_a_node_that_works_says_so_to_anybody(desk: Desk):
    for address in ("/livez", "/readyz"):
        answer = desk.client.get(address)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_node_without_its_database_lives_but_is_not_ready(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    def gone(*_: object):
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr("sqlalchemy.orm.Session.execute", gone)

    assert desk.client.get("/livez").status_code == 200
    answer = desk.client.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert answer.headers["Retry-After"]


def test_the_federation_side_has_the_same_signs_and_none_of_the_local_api(desk: Desk):
    door = Door(desk.database, desk.clock, desk.identity.sessions.authenticate, Buckets(10, 10))
    with TestClient(build_federation(door, [])) as client:
        assert client.get("/readyz").status_code == 200
        for address in ("/api/v1/me", "/api/v1/oauth/token", "/api/docs", "/api/openapi.json"):
            answer = client.get(address)
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
