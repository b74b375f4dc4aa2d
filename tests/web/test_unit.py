"""An endpoint's work stands whole or not at all, and its answer leaves after the commit."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from ecolink.identity.roles import Role
from ecolink.storage.engine import Database
from ecolink.surface.kept_answers import KeptAnswer, forget_expired
from ecolink.surface.unit import SessionDep, TransactionalRoute, UrgentRoute
from tests.support.web import Desk
from tests.web import parcels

KEY = {"Idempotency-Key": "6b1f6f0e-2f4e-4f43-9d5c-27fd1a0f3f10"}


@pytest.fixture
def yard(database: Database) -> Iterator[Desk]:
    parcels.lay_out(database)
    with Desk.open(database, [parcels.router()]) as desk:
        yield desk


@pytest.fixture
def officer(yard: Desk) -> dict[str, str]:
    return yard.as_role(Role.OFFICER)


def test_what_an_endpoint_does_is_committed_before_its_answer_leaves(yard: Desk, officer):
    seen: list[list[str]] = []

    inner = yard.app.middleware_stack

    async def watch(scope, receive, send):
        async def watched(message):
            if message["type"] == "http.response.start":
                seen.append(parcels.names(yard.database))
            await send(message)

        await inner(scope, receive, watched)

    yard.app.middleware_stack = watch
    answer = yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer)

    assert answer.status_code == 201
    assert seen == [["fir 1"]]


@pytest.mark.parametrize(
    ("path", "status"), [("/and-fail", 409), ("/and-crash", 500), ("/wrongly", 500)], ids=["error", "crash", "answer"]
)
def test_an_endpoint_that_fails_leaves_nothing_behind(yard: Desk, officer, path, status):
    answer = yard.client.post(f"/api/v1/parcels{path}", json={"name": "fir 1"}, headers=officer | KEY)

    assert answer.status_code == status
    assert parcels.names(yard.database) == []
    with yard.database.read() as session:
        assert session.scalars(select(KeptAnswer)).all() == []


def test_a_commit_that_fails_is_told_and_leaves_nothing_behind(yard: Desk, officer):
    nowhere = {"name": "fir 1", "yard": "a yard that is not there"}

    answer = yard.client.post("/api/v1/parcels", json=nowhere, headers=officer | KEY)

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/conflict"
    assert parcels.names(yard.database) == []


def test_a_database_that_cannot_commit_is_503_and_the_same_call_works_when_it_can_again(yard: Desk, officer):
    def fail(_session):
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    event.listen(Session, "before_commit", fail)
    try:
        refused = yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer | KEY)
    finally:
        event.remove(Session, "before_commit", fail)
    then = parcels.names(yard.database)
    repeated = yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer | KEY)

    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert then == []
    assert repeated.status_code == 201
    assert "Idempotency-Replayed" not in repeated.headers


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # where one writes at a time
def test_what_an_urgent_endpoint_writes_goes_before_what_has_waited_longer(database: Database):
    order: list[str] = []
    turns, moment = database._turns, threading.Event()
    assert turns is not None
    yard = [_writing("/usual", TransactionalRoute, order), _writing("/urgent", UrgentRoute, order)]
    with Desk.open(database, yard) as desk, ThreadPoolExecutor(2) as threads, database.begin():
        threads.submit(desk.client.post, "/api/v1/usual")
        while not turns._others:
            moment.wait(0.001)
        threads.submit(desk.client.post, "/api/v1/urgent")
        while not turns._urgent:
            moment.wait(0.001)
    assert order == ["/urgent", "/usual"]


def _writing(path: str, kind: type[TransactionalRoute], order: list[str]) -> APIRouter:
    routes = APIRouter(route_class=kind)

    @routes.post(path, status_code=204)
    def write(session: SessionDep) -> None:
        order.append(path)

    return routes


def test_a_get_keeps_nothing_it_writes_unless_it_says_it_records(yard: Desk, officer):
    yard.client.get("/api/v1/parcels/count-and-drop", headers=officer)
    assert parcels.names(yard.database) == []

    yard.client.get("/api/v1/parcels/signed", headers=officer)
    assert parcels.names(yard.database) == ["officer"]


def test_the_same_key_and_body_get_the_first_answer_again(yard: Desk, officer):
    first, second = (
        yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer | KEY) for _ in range(2)
    )

    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["ETag"] == first.headers["ETag"]
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["X-Request-ID"] != first.headers["X-Request-ID"]
    assert parcels.names(yard.database) == ["fir 1"]


def test_the_same_key_with_another_body_is_refused_and_the_first_answer_stays(yard: Desk, officer):
    first = yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer | KEY)
    other = yard.client.post("/api/v1/parcels", json={"name": "fir 2"}, headers=officer | KEY)
    again = yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer | KEY)

    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert again.content == first.content
    assert parcels.names(yard.database) == ["fir 1"]


def test_another_persons_same_key_is_another_key(yard: Desk, officer):
    chief = yard.as_role(Role.CHIEF)
    yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer | KEY)
    answer = yard.client.post("/api/v1/parcels", json={"name": "fir 2"}, headers=chief | KEY)

    assert answer.status_code == 201
    assert parcels.names(yard.database) == ["fir 1", "fir 2"]


def test_a_refused_call_does_not_use_its_key_up(yard: Desk, officer):
    yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer)
    twice = yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer | KEY)
    with yard.database.begin() as session:
        session.execute(text("DELETE FROM parcels"))
    then = yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer | KEY)

    assert (twice.status_code, then.status_code) == (409, 201)


def test_eight_calls_at_once_with_one_key_do_the_work_once(yard: Desk, officer):
    def call(_):
        return yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer | KEY)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, range(8)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 7


def test_writers_at_once_all_get_through(yard: Desk, officer):
    def call(number):
        return yard.client.post("/api/v1/parcels", json={"name": f"fir {number}"}, headers=officer).status_code

    with ThreadPoolExecutor(24) as pool:
        assert set(pool.map(call, range(96))) == {201}
    assert len(parcels.names(yard.database)) == 96


def test_an_answer_is_kept_for_a_day_and_cannot_be_read_without_the_key(yard: Desk, officer):
    yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer | KEY)

    with yard.database.begin() as session:
        kept = session.scalars(select(KeptAnswer)).one()
        assert b"fir" not in kept.answer
        assert KEY["Idempotency-Key"] not in f"{kept.slot} {kept.fingerprint}"
        assert forget_expired(session, yard.clock.now() + timedelta(hours=23, minutes=59)) == 0
        assert forget_expired(session, yard.clock.now() + timedelta(hours=24)) == 1


def test_an_expired_key_may_be_used_for_something_else(yard: Desk, officer):
    yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=officer | KEY)
    yard.clock.advance(timedelta(hours=24))
    token = yard.log_in("officer").json()["access_token"]
    answer = yard.client.post(
        "/api/v1/parcels", json={"name": "fir 2"}, headers={"Authorization": f"Bearer {token}"} | KEY
    )

    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


@pytest.mark.parametrize("key", ["short", "x" * 129, "with a space", "ключ-ключ"])
def test_a_key_that_cannot_be_one_is_refused_by_name(yard: Desk, officer, key):
    headers = officer | {"Idempotency-Key": key.encode()}
    answer = yard.client.post("/api/v1/parcels", json={"name": "fir 1"}, headers=headers)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"


def test_who_is_not_let_in_does_not_get_their_body_read(yard: Desk):
    auditor = yard.as_role(Role.AUDITOR)
    broken = {"content": b"{", "headers": {"Content-Type": "application/json"}}

    stranger = yard.client.post("/api/v1/parcels", **broken)
    forbidden = yard.client.post(
        "/api/v1/parcels", content=b"{", headers=auditor | {"Content-Type": "application/json"}
    )

    assert (stranger.status_code, forbidden.status_code) == (401, 403)
    assert stranger.headers["WWW-Authenticate"] == "Bearer"


def test_a_change_names_its_version(yard: Desk, officer):
    def change(**headers):
        return yard.client.put("/api/v1/parcels/fir", headers=officer | headers)

    assert change().status_code == 428
    assert change(**{"If-Match": "*"}).status_code == 428
    assert change(**{"If-Match": '"2"'}).status_code == 412
    assert change(**{"If-Match": "nonsense"}).status_code == 412
    assert change(**{"If-Match": 'W/"3"'}).status_code == 412
    assert change(**{"If-Match": '"99999999999999999999"'}).status_code == 412
    assert change(**{"If-Match": '"3"'}).status_code == 200


def test_only_a_plain_function_may_hold_a_session():
    api = APIRouter(route_class=TransactionalRoute)

    @api.get("/async")
    async def look(session: SessionDep) -> int:
        return 1

    with pytest.raises(TypeError, match="plain function"):
        assert api.routes[0].dependant


def test_a_dependency_may_not_hold_the_session():
    def look(session: SessionDep) -> int:
        return 1

    api = APIRouter(route_class=TransactionalRoute)

    @api.get("/nested")
    def endpoint(session: SessionDep, looked: Annotated[int, Depends(look)]) -> int:
        return 1

    with pytest.raises(TypeError, match="only an endpoint"):
        assert api.routes[0].dependant
