"""No page is open to more than it says, and none changes anything unguarded."""

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from ecolink.console.recognition import SAFE_METHODS
from ecolink.console.route import PageRoute
from ecolink.identity.roles import GRANTS, Role
from ecolink.surface.auth import requirements_of
from tests.support.console import Reception

OPEN_TO_EVERYBODY = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("POST", "/sign-out"),
    ("GET", "/sign-in/bureau"),
    ("GET", "/sign-in/bureau/return"),
    ("GET", "/sign-in/bureau/leave"),
    ("POST", "/language"),
    ("POST", "/theme"),
    ("GET", "/a"),
    ("GET", "/a/{secret}"),
    ("POST", "/a/{secret}"),
}


def pages_of(reception: Reception) -> Iterator[tuple[str, str, APIRoute]]:
    """Yield method, path and route of every page and of everything pages send."""
    for context in iter_route_contexts(reception.app.routes):
        path, route = context.path or "", context.original_route
        if not path.startswith(("/api", "/static", "/livez", "/readyz", "/metrics")) and isinstance(route, APIRoute):
            for method in context.methods or ():
                yield method, path, route


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_whoever_lacks_a_pages_permission_is_refused_by_the_node_whatever_the_page_offers(reception: Reception):
    for role in Role:
        visitor = reception.signed_in(role)
        for method, path, route in pages_of(reception):
            demands = requirements_of(route.dependant)
            if demands and demands[0].permission not in GRANTS[role]:
                address = re.sub(r"\{[^}]*\}", "1", path)
                answer = visitor.get(address) if method in SAFE_METHODS else visitor.send(address)
                assert answer.status_code == 403, (role, method, path, answer.status_code)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_page_asks_for_one_permission_and_every_change_is_guarded(reception: Reception):
    pages = 0
    for method, path, route in pages_of(reception):
        pages += 1
        assert isinstance(route, PageRoute), path
        demands = requirements_of(route.dependant)
        assert len(demands) == (0 if (method, path) in OPEN_TO_EVERYBODY else 1), (method, path)
        if method not in SAFE_METHODS:
            guards = [getattr(inner.call, "__name__", "") for inner in route.dependant.dependencies]
            assert "_refuse_foreign" in guards, path
    assert pages > len(OPEN_TO_EVERYBODY)
