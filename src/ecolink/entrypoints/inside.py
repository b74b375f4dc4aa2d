"""What is behind the doorstep of the local address: the API, and the console beside it."""

from fastapi import FastAPI

from ecolink.console.app import add_console
from ecolink.console.console import Console, Home
from ecolink.console.live import Live
from ecolink.console.map.ground import Ground
from ecolink.console.sights import Sights
from ecolink.entrypoints.upkeep import upkeep_of
from ecolink.entrypoints.wiring import Node
from ecolink.surface.door import Door
from ecolink.web.health import Readiness
from ecolink.web.local_api import build_local
from ecolink.web.metrics import Scrape
from ecolink.web.routers import routers_of


def build_inside(node: Node, door: Door, readiness: Readiness, scrape: Scrape, ground: Ground) -> FastAPI:
    """Return the whole local application of `node`."""
    app = build_local(door, node.identity, routers_of(node.rooms), readiness=readiness, scrape=scrape)
    add_console(app, _console_of(node, ground))
    return app


def _console_of(node: Node, ground: Ground) -> Console:
    settings = node.settings
    return Console(
        home=Home(settings.unit_code, settings.name_zh, settings.name_en),
        identity=node.identity,
        rooms=node.rooms,
        live=Live(node.database, node.clock, Sights(node.rooms).look),
        ground=ground,
        upkeep=upkeep_of(node),
    )
