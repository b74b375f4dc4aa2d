"""A supervisor learns whether the process lives, a load balancer whether it can work."""

from datetime import timedelta

import pytest
from psycopg.errors import DiskFull
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from ecolink.entrypoints.applications import federation_app, local_app
from ecolink.errors import UnavailableError
from ecolink.kit.buckets import Buckets
from ecolink.storage.heartbeats import STALE_AFTER
from ecolink.storage.outages import FULL_FOR_S
from ecolink.surface.door import Door
from ecolink.web.app import build_federation
from ecolink.web.health import FRESH
from tests.support.town import SHOUNING, Town
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
    assert [reason["detail_en"] for reason in answer.json()["errors"]] == ["The database cannot be written."]
    assert answer.headers["Retry-After"]


def test_the_federation_side_has_the_same_signs_and_none_of_the_local_api(desk: Desk):
    door = Door(desk.database, desk.clock, desk.identity.sessions.authenticate, Buckets(10, 10))
    with TestClient(build_federation(door, [])) as client:
        assert client.get("/readyz").status_code == 200
        for address in ("/api/v1/me", "/api/v1/oauth/token", "/api/docs", "/api/openapi.json", "/metrics"):
            answer = client.get(address)
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def reasons(town: Town, *, local: bool = True) -> list[str]:
    """Return why Shouning's node says that it cannot work; nothing when it can."""
    node = town.nodes[SHOUNING]
    town.clock.advance(FRESH)
    with TestClient(local_app(node) if local else federation_app(node)) as client:
        answer = client.get("/readyz", headers={"Accept-Language": "en"})
    return [] if answer.status_code == 200 else [reason["detail_en"] for reason in answer.json()["errors"]]


def test_a_node_that_may_only_read_its_database_is_not_ready(town: Town):
    node = town.nodes[SHOUNING]
    assert reasons(town) == []
    node.database.dispose()

    setting = "PRAGMA query_only={}" if node.database.is_sqlite else "SET default_transaction_read_only TO {}"
    switch = "ON"

    @event.listens_for(node.database.engine, "connect")
    def read_only(connection, _record):
        connection.cursor().execute(setting.format(switch))
        if not node.database.is_sqlite:
            connection.commit()

    assert reasons(town) == reasons(town, local=False) == ["The database cannot be written."]
    switch = "OFF"
    node.database.dispose()
    assert reasons(town) == []


def test_a_node_whose_database_has_room_for_little_things_only_is_not_ready_and_says_once_that_it_is_over(
    town: Town, monkeypatch: pytest.MonkeyPatch
):
    node, monotonic = town.nodes[SHOUNING], [1000.0]
    monkeypatch.setattr("ecolink.storage.outages.monotonic", lambda: monotonic[0])
    with capture_logs() as said:
        for _ in range(2):
            with pytest.raises(UnavailableError), node.database.begin():
                raise OperationalError("INSERT", {}, DiskFull("could not extend file"))
            monotonic[0] += FULL_FOR_S - 1
            assert reasons(town) == reasons(town, local=False) == ["The database cannot be written."]
        monotonic[0] += 1
        assert reasons(town) == []
    assert [event["event"] for event in said if event["event"].startswith("database.")] == [
        "database.unavailable",
        "database.available",
    ]


def test_a_node_on_another_schema_or_without_a_key_says_both(town: Town, monkeypatch: pytest.MonkeyPatch):
    node = town.nodes[SHOUNING]
    monkeypatch.setattr("ecolink.storage.schema.versions", lambda _: ("20990101_from_the_future", "20261122_first"))
    node.signer._key = None
    assert reasons(town) == ["The database's schema is not this version's.", "The signing key is not loaded."]


def test_a_process_whose_worker_hangs_is_not_ready_and_one_without_a_worker_is(town: Town):
    node = town.nodes[SHOUNING]
    assert reasons(town) == []
    node.pulse.beat(town.clock.now())
    town.clock.advance(STALE_AFTER - FRESH)
    assert reasons(town) == []
    town.clock.advance(timedelta(seconds=1))
    assert reasons(town) == ["The worker gives no sign of life."]
    node.pulse.beat(town.clock.now())
    assert reasons(town) == []


def test_whoever_asks_without_end_costs_the_database_nothing(town: Town):
    node = town.nodes[SHOUNING]
    statements = []
    event.listen(node.database.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    with TestClient(federation_app(node)) as client:
        client.get("/readyz")
        once = len(statements)
        assert {client.get("/readyz").status_code for _ in range(5)} == {200}
    assert len(statements) == once
