"""Every call of the local API, as every role: read from the built application, so a new route cannot be forgotten."""

import re
from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from structlog.testing import capture_logs

from ecolink.identity.accounts import CONSOLE
from ecolink.identity.roles import Permission, Role
from ecolink.storage.engine import Database
from ecolink.surface.unit import SessionDep, TransactionalRoute
from ecolink.web.authorization import API, OUTSIDE, PUBLIC, Entry, entries_of
from ecolink.web.openapi import empty_rooms, local_app
from ecolink.web.routers import routers_of
from tests.support.web import Desk

ENTRIES = entries_of(local_app())
GUARDED = [entry for entry in ENTRIES if not entry.is_public]


@pytest.fixture(scope="module")
def whole(sqlite_template, tmp_path_factory) -> Iterator[Desk]:
    """Return the whole local API over services that find nothing; who is let in shows before they are asked."""
    import shutil

    from ecolink.storage.engine import connect

    path = tmp_path_factory.mktemp("matrix") / "node.db"
    shutil.copyfile(sqlite_template, path)
    database = Database(connect(f"sqlite:///{path}"))
    # Who is let in may then fail for want of a service: that is not what is looked at, and not worth a log.
    with Desk.open(database, routers_of(empty_rooms())) as desk, capture_logs():
        yield desk
    database.dispose()


def call(desk: Desk, entry: Entry, headers: dict[str, str]):
    address = re.sub(r"\{[^}]+\}", "019a0f5e-7c00-7abc-8def-0123456789ab", entry.path)
    return desk.client.request(entry.method, address, headers=headers)


def let_in(desk: Desk, headers: dict[str, str]) -> set[Entry]:
    """Return the calls that are not answered with 'none of your roles': what comes after is the room's affair."""
    admitted = set()
    for entry in GUARDED:
        answer = call(desk, entry, headers)
        assert answer.status_code != 401
        refused = answer.status_code == 403 and (not answer.content or answer.json()["type"] == "/problems/forbidden")
        if not refused:
            admitted.add(entry)
    return admitted


def test_every_call_asks_for_exactly_one_permission_or_is_on_the_public_list():
    wrong = [entry for entry in ENTRIES if len(entry.permissions) != (0 if entry.is_public else 1)]

    assert not wrong
    assert {(entry.method, entry.path) for entry in ENTRIES if entry.is_public} == set(PUBLIC)


def test_nothing_else_stands_beside_the_api_than_the_page_says():
    beside = {context.path for context in iter_route_contexts(local_app().routes)}

    assert {path for path in beside if path and not path.startswith(API)} == set(OUTSIDE)


def test_a_new_call_without_a_permission_is_seen():
    api = APIRouter(route_class=TransactionalRoute)

    @api.get("/forgotten")
    def forget(session: SessionDep) -> int:
        return 1

    app = local_app()
    app.include_router(api, prefix=API)

    assert Entry("/api/v1/forgotten", "GET", ()) in entries_of(app)


def test_every_permission_is_asked_for_somewhere():
    """A permission nobody asks for is a promise in the table that the code does not keep."""
    asked = {permission for entry in ENTRIES for permission in entry.permissions}
    of_the_console = {Permission.NODE_UPKEEP}  # tests/console/test_administration.py

    assert set(Permission) == asked | of_the_console
    assert not asked & of_the_console


def test_a_stranger_is_asked_who_they_are(whole: Desk):
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic bGluOnh4"}):
        answers = {entry: call(whole, entry, headers) for entry in GUARDED}
        assert {answer.status_code for answer in answers.values()} == {401}


@pytest.mark.parametrize("role", Role)
def test_a_role_is_let_in_where_the_table_says_so_and_nowhere_else(whole: Desk, role: Role):
    headers = whole.as_role(role)

    assert let_in(whole, headers) == {entry for entry in GUARDED if entry.admits(role)}


def test_a_program_is_let_in_by_its_roles_like_a_person(whole: Desk):
    assert let_in(whole, _program(whole)) == {entry for entry in GUARDED if entry.admits(Role.INTEGRATOR)}


def _program(desk: Desk) -> dict[str, str]:
    if "a program" not in desk._tokens:
        with desk.database.begin() as session:
            _, secret = desk.identity.accounts.add_client(
                session,
                client_id="case-system",
                name="办案系统",
                roles=[Role.INTEGRATOR],
                by=CONSOLE,
                now=desk.clock.now(),
            )
        form = {"grant_type": "client_credentials", "client_id": "case-system", "client_secret": secret}
        desk._tokens["a program"] = desk.client.post("/api/v1/oauth/token", data=form).json()["access_token"]
    return {"Authorization": f"Bearer {desk._tokens['a program']}"}
