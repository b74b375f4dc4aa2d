"""One caller cannot take the node from all others: too many calls are answered 429, and when to go on is said."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from ecolink.entrypoints import applications
from ecolink.identity.roles import Role
from ecolink.kit.buckets import Buckets
from ecolink.storage.engine import Database
from ecolink.web.openapi_document import operations
from tests.support.apis import LOCAL
from tests.support.town import SHOUNING, Town
from tests.support.web import Desk

pytestmark = pytest.mark.by_turns

BURST = 6


@pytest.fixture
def busy(database: Database) -> Iterator[Desk]:
    """Return a desk that allows little: two calls a second, six at once."""
    with Desk.open(database, calls=Buckets(per_second=2, burst=BURST)) as desk:
        yield desk


def statuses(desk: Desk, headers: dict[str, str] | None = None, calls: int = BURST + 1) -> list[int]:
    return [desk.client.get("/api/v1/me", headers=headers).status_code for _ in range(calls)]


def test_who_calls_too_often_is_told_when_to_go_on_and_then_may(busy: Desk):
    officer = busy.as_role(Role.OFFICER)

    assert statuses(busy, officer) == [200] * BURST + [429]
    refused = busy.client.get("/api/v1/me", headers=officer)
    assert refused.json()["type"] == "/problems/rate-limited"
    assert refused.json()["detail_zh"].startswith("调用过于频繁")
    assert refused.headers["Retry-After"] == "1"

    busy.clock.advance(timedelta(seconds=1))
    assert statuses(busy, officer, calls=3) == [200, 200, 429]


def test_a_refused_call_does_nothing(busy: Desk):
    administrator = busy.as_role(Role.ADMINISTRATOR)
    statuses(busy, administrator)
    new = {"username": "chen.bo", "name": "陈波", "roles": ["officer"]}

    assert busy.client.post("/api/v1/users", json=new, headers=administrator).status_code == 429
    busy.clock.advance(timedelta(minutes=1))
    assert len(busy.client.get("/api/v1/users", headers=administrator).json()["items"]) == 1


def test_one_runaway_program_does_not_stop_the_people(busy: Desk):
    runaway, person = busy.as_role(Role.INTEGRATOR), busy.as_role(Role.OFFICER)

    assert 429 in statuses(busy, runaway)
    assert statuses(busy, person, calls=2) == [200, 200]


def test_a_person_is_counted_once_however_many_logins_they_have(busy: Desk):
    first = busy.as_role(Role.OFFICER)
    second = {"Authorization": f"Bearer {busy.log_in('officer').json()['access_token']}"}

    assert statuses(busy, first, calls=3) + statuses(busy, second, calls=4) == [200] * BURST + [429]


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic bGluOnh4"}], ids=str
)
def test_strangers_are_counted_by_their_address_and_do_not_stop_who_is_known(busy: Desk, headers: dict[str, str]):
    officer = busy.as_role(Role.OFFICER)
    busy.clock.advance(timedelta(minutes=1))

    assert statuses(busy, headers) == [401] * BURST + [429]
    assert statuses(busy, officer, calls=1) == [200]
    with TestClient(busy.app, client=("10.20.3.5", 50000)) as elsewhere:
        assert elsewhere.get("/api/v1/me", headers=headers).status_code == 401


def test_logging_in_is_counted_before_a_password_is_looked_at(busy: Desk):
    form = {"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"}
    answers = [busy.client.post("/api/v1/oauth/token", data=form) for _ in range(BURST + 1)]

    assert answers[-1].json()["type"] == "/problems/rate-limited"
    assert answers[-1].headers["Retry-After"] == "1"


def test_a_node_counts_as_its_settings_say(town: Town):
    node = town.nodes[SHOUNING]
    object.__setattr__(node, "settings", node.settings.model_copy(update={"requests_burst": 3}))
    with TestClient(applications.local_app(node)) as client:
        assert [client.get("/livez").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_every_operation_says_that_it_may_be_refused_for_its_pace():
    document = LOCAL.openapi()
    told = document["components"]["responses"]["RateLimited"]

    assert "/problems/rate-limited" in told["description"]
    assert "Retry-After" in told["headers"]
    for method, path, operation in operations(document):
        assert operation["responses"]["429"] == {"$ref": "#/components/responses/RateLimited"}, (method, path)


def test_refusals_are_told_in_the_log_once_a_minute_for_each_caller(busy: Desk):
    officer = busy.as_role(Role.OFFICER)
    with capture_logs() as said:
        for _ in range(3):
            busy.client.get("/api/v1/users", headers=officer)
            busy.client.get("/api/v1/me", headers={"Authorization": "Bearer nothing"})
        statuses(busy, officer)
        busy.clock.advance(timedelta(minutes=1))
        busy.client.get("/api/v1/users", headers=officer)

    told = [(event["event"], event["caller"].partition(":")[0], event.get("permission")) for event in said]
    assert told == [
        ("call.forbidden", "user", "user:manage"),
        ("call.unauthenticated", "address", None),
        ("call.rate_limited", "user", None),
        ("call.forbidden", "user", "user:manage"),
    ]
