"""The local API: what the bureau's own people and programs call."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from ecolink.identity.service import Identity
from ecolink.surface.door import Door
from ecolink.surface.route import add_routes
from ecolink.web import accounts, docs, metrics, oauth, profile, second_factor
from ecolink.web.app import Lifespan, begin
from ecolink.web.health import Readiness
from ecolink.web.metrics import Scrape
from ecolink.web.openapi_document import LOCAL


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
    app = begin(door, LOCAL, readiness, lifespan)
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
