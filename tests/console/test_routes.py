"""Every page of the console, and all that pages send, as every role: read from the built application, like the calls."""

import re
import shutil
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from ecolink.console.app import add_console
from ecolink.console.authorization import OPEN_TO_EVERYBODY, app_with_pages, contracts, pages_of
from ecolink.console.console import Console, Home
from ecolink.console.live import Shown
from ecolink.console.recognition import SAFE_METHODS
from ecolink.console.route import PageRoute
from ecolink.identity.roles import Role
from ecolink.storage.engine import Database, connect
from ecolink.web.authorization import Entry
from ecolink.web.openapi import Nothing, empty_rooms
from tests.support.console import Reception, Visitor
from tests.support.town import SHOUNING
from tests.support.web import PASSWORD, Desk

PAGES = pages_of(app_with_pages())
GUARDED = [page for page in PAGES if page.permissions]


class Still(Nothing):
    """Nothing is going on."""

    @property
    def marks(self) -> Mapping[str, str]:
        return {}

    def shown_to(self, _: object) -> Shown:
        return Shown("", {}, {})


@pytest.fixture(scope="module")
def whole(sqlite_template, tmp_path_factory) -> Iterator[Desk]:
    """Return all pages over services that find nothing; who is let in shows before they are asked."""
    path = tmp_path_factory.mktemp("pages") / "node.db"
    shutil.copyfile(sqlite_template, path)
    database = Database(connect(f"sqlite:///{path}"))
    nothing = cast("Any", Nothing())
    with Desk.open(database) as desk, capture_logs():
        home = Home(SHOUNING, "寿宁县公安局", "Shouning")
        around = {"live": cast("Any", Still()), "ground": nothing, "upkeep": nothing}
        add_console(desk.app, Console(home=home, identity=desk.identity, rooms=empty_rooms(), **around))
        yield desk
    database.dispose()


def at_the_console(desk: Desk, role: Role) -> Visitor:
    desk.person(role.value, role)
    visitor = Visitor(TestClient(desk.app, client=("10.20.3.4", 50000), raise_server_exceptions=False))
    assert visitor.post("/sign-in", {"/username": role.value, "/password": PASSWORD}).status_code == 303
    visitor.get("/")
    assert visitor.csrf
    return visitor


def let_in(visitor: Visitor) -> set[Entry]:
    """Return the pages that are not answered with 'none of your roles': what comes after is the room's affair."""
    admitted = set()
    for page in GUARDED:
        address = re.sub(r"\{[^}]+\}", "019a0f5e-7c00-7abc-8def-0123456789ab", page.path)
        safe = page.method in SAFE_METHODS
        answer = visitor.get(address, **{"HX-Request": "true"}) if safe else visitor.send(address)
        assert "sign-in" not in answer.headers.get("HX-Redirect", ""), page
        refused = answer.status_code == 403
        assert not refused or page.method == "HEAD" or answer.json()["type"] == "/problems/forbidden", page
        if not refused:
            admitted.add(page)
    return admitted


@pytest.mark.parametrize("role", Role)
def test_a_role_is_let_in_where_the_table_says_so_and_nowhere_else_whatever_the_pages_offer(whole: Desk, role: Role):
    assert let_in(at_the_console(whole, role)) == {page for page in GUARDED if page.admits(role)}


def test_a_stranger_is_asked_who_they_are(whole: Desk):
    stranger = Visitor(TestClient(whole.app, client=("10.20.3.5", 50000)))
    for page in GUARDED:
        address = re.sub(r"\{[^}]+\}", "1", page.path)
        answer = stranger.get(address) if page.method in SAFE_METHODS else stranger.post(address)
        assert answer.headers["location"].startswith("/sign-in?to="), page


def test_every_page_asks_for_exactly_one_permission_or_is_on_the_public_list():
    wrong = [page for page in GUARDED if len(page.permissions) != 1]

    assert not wrong
    assert {(page.method, page.path) for page in PAGES if not page.permissions} == OPEN_TO_EVERYBODY


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_pages_of_the_table_are_those_a_node_serves(reception: Reception):
    assert pages_of(reception.app) == PAGES


def test_the_committed_tables_are_the_ones_the_code_enforces():
    for path, wanted in contracts().items():
        assert path.read_text(encoding="utf-8") == wanted, "run python -m ecolink.console.authorization"


def test_every_page_is_guarded_against_other_sites():
    addresses = {page.path for page in PAGES}
    for context in iter_route_contexts(app_with_pages().routes):
        route = context.original_route
        if context.path in addresses:
            assert isinstance(route, PageRoute), context.path
            assert "_refuse_foreign" in {getattr(inner.call, "__name__", "") for inner in route.dependant.dependencies}


def test_a_new_page_without_a_permission_is_seen():
    pages = APIRouter(route_class=PageRoute)

    @pages.get("/forgotten")
    def forget() -> int:
        return 1

    app = app_with_pages()
    app.include_router(pages)

    assert Entry("/forgotten", "GET", ()) in pages_of(app)
