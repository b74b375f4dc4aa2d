"""The two applications of a node, put together from what wiring hands over.

They share a process or not, as the operator likes; they never share an address: the local API is for the
bureau's own people and programs, the federation API faces other bureaus.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from fastapi import APIRouter, FastAPI

from ecolink import __version__
from ecolink.identity.service import Identity
from ecolink.surface.door import Door
from ecolink.surface.failures import add_failures
from ecolink.surface.route import add_routes
from ecolink.surface.threshold import Threshold
from ecolink.web import accounts, docs, health, metrics, oauth, profile, second_factor
from ecolink.web.health import Readiness
from ecolink.web.metrics import Scrape
from ecolink.web.openapi_document import FEDERATION, LOCAL, Title, describe

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def build_local(
    door: Door,
    identity: Identity,
    rooms: Sequence[APIRouter],
    *,
    readiness: Readiness | None = None,
    scrape: Scrape | None = None,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Return the local API: identity's endpoints and those of `rooms`, under /api/v1; `/metrics` where there is any."""
    app = _build(door, LOCAL, readiness, lifespan)
    if scrape is not None:
        add_routes(app, [metrics.router(scrape)])
    own = [
        oauth.router(identity),
        profile.router(identity),
        second_factor.router(identity),
        accounts.users_router(identity),
        accounts.clients_router(identity),
        accounts.sessions_router(identity),
    ]
    add_routes(app, [*own, *rooms], prefix="/api/v1")
    add_routes(app, [docs.router()])
    return app


def build_federation(
    door: Door,
    routers: Sequence[APIRouter],
    *,
    readiness: Readiness | None = None,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Return the federation API; its routers bring their own full paths. It never tells metrics."""
    app = _build(door, FEDERATION, readiness, lifespan)
    for router in routers:
        app.include_router(router)
    return app


def _build(door: Door, title: Title, readiness: Readiness | None, lifespan: Lifespan | None) -> FastAPI:
    # No address of the framework's own: its pages load scripts from elsewhere, and ours needs no slash redirects.
    app = FastAPI(
        title=title.title,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.door = door
    add_failures(app)
    app.add_middleware(Threshold)
    describe(app, title)
    add_routes(app, [health.router(readiness or Readiness())])
    return app
