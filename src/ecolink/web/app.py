"""The two applications of a node, put together from what wiring hands over.

They share a process or not, as the operator likes; they never share an address: the local API is for the
bureau's own people and programs (`local_api`), the federation API faces other bureaus.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from fastapi import APIRouter, FastAPI

from ecolink import __version__
from ecolink.surface.door import Door
from ecolink.surface.failures import add_failures
from ecolink.surface.route import add_routes
from ecolink.surface.threshold import Threshold
from ecolink.web import health, metrics
from ecolink.web.health import Readiness
from ecolink.web.metrics import Scrape
from ecolink.web.openapi_document import FEDERATION, LOCAL, Title, describe

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def build_doorstep(door: Door, *, readiness: Readiness, scrape: Scrape) -> FastAPI:
    """Return what of the local API only says how the node is: it stands there before the rest is put together."""
    app = begin(door, LOCAL, readiness)
    add_routes(app, [metrics.router(scrape)])
    return app


def build_federation(
    door: Door,
    routers: Sequence[APIRouter],
    *,
    readiness: Readiness | None = None,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Return the federation API; its routers bring their own full paths. It never tells metrics."""
    app = begin(door, FEDERATION, readiness, lifespan)
    for router in routers:
        app.include_router(router)
    return app


def begin(door: Door, title: Title, readiness: Readiness | None = None, lifespan: Lifespan | None = None) -> FastAPI:
    """Return an application that answers its health and nothing else yet."""
    # No address of the framework's own: its pages load scripts from elsewhere, and ours needs no slash redirects.
    app = FastAPI(
        title=title.title,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        # A node tells nobody what it is asked, whatever its environment says.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.door = door
    add_failures(app)
    app.add_middleware(Threshold)
    describe(app, title)
    add_routes(app, [health.router(readiness or Readiness())])
    return app
