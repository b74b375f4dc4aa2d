"""No page is open to more than it says, and none changes anything unguarded."""

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from ecolink.console.recognition import SAFE_METHODS
from ecolink.console.route import PageRoute
from ecolink.entrypoints.applications import local_app
from ecolink.surface.auth import requirements_of
from tests.support.town import SHOUNING, Town

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


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_page_asks_for_one_permission_and_every_change_is_guarded(town: Town):
    pages = 0
    for context in iter_route_contexts(local_app(town.nodes[SHOUNING]).routes):
        path, route = context.path or "", context.original_route
        if path.startswith(("/api", "/static", "/livez", "/readyz", "/metrics")) or not isinstance(route, APIRoute):
            continue
        pages += 1
        assert isinstance(route, PageRoute), path
        for method in context.methods or ():
            demands = requirements_of(route.dependant)
            assert len(demands) == (0 if (method, path) in OPEN_TO_EVERYBODY else 1), (method, path)
            if method not in SAFE_METHODS:
                assert "_refuse_foreign" in [
                    getattr(inner.call, "__name__", "") for inner in route.dependant.dependencies
                ], path
    assert pages > len(OPEN_TO_EVERYBODY)
