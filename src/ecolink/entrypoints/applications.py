"""The two applications of a node, for whoever serves them."""

from fastapi import FastAPI

from ecolink.console.app import add_console
from ecolink.console.console import Console, Home
from ecolink.console.live import Live
from ecolink.console.sights import Sights
from ecolink.entrypoints.readiness import readiness
from ecolink.entrypoints.terms import ground
from ecolink.entrypoints.upkeep import upkeep_of
from ecolink.entrypoints.wiring import Node
from ecolink.federation.endpoints import router as federation_router
from ecolink.kit.buckets import Buckets
from ecolink.surface.door import Door
from ecolink.web.app import build_federation, build_local
from ecolink.web.gauges import Gauges
from ecolink.web.health import Readiness
from ecolink.web.metrics import Scrape
from ecolink.web.routers import routers_of


def federation_app(node: Node) -> FastAPI:
    """Return the application other bureaus' nodes call."""
    routers = [federation_router(node.gate, node.clock)]
    return build_federation(_door(node), routers, readiness=_readiness(node))


def local_app(node: Node) -> FastAPI:
    """Return the application of the bureau's own people and programs: the API, and the console beside it."""
    token = node.settings.metrics_token
    scrape = Scrape(
        Gauges(node.database, node.clock, node.settings.data_dir),
        token.get_secret_value() if token else None,
        behind_proxy=node.settings.behind_proxy,
    )
    routers = routers_of(node.rooms)
    app = build_local(_door(node), node.identity, routers, readiness=_readiness(node), scrape=scrape)
    add_console(app, console_of(node))
    return app


def console_of(node: Node) -> Console:
    """Return what the console's pages work with."""
    settings = node.settings
    return Console(
        home=Home(settings.unit_code, settings.name_zh, settings.name_en),
        identity=node.identity,
        rooms=node.rooms,
        live=Live(node.database, node.clock, Sights(node.rooms).look),
        ground=ground(settings, node.rooms.emergencies.register.border),
        upkeep=upkeep_of(node),
    )


def _door(node: Node) -> Door:
    calls = Buckets(node.settings.requests_per_second, node.settings.requests_burst)
    return Door(node.database, node.clock, node.identity.sessions.authenticate, calls)


def _readiness(node: Node) -> Readiness:
    return readiness(node.database, node.signer, node.pulse, node.settings.data_dir)
