"""The two applications of a node, for whoever serves them.

What other bureaus call stands from the start. What our own people and programs call, the API and the console, is
imported and put together when the first of them comes: a node that nobody looks at does without.
"""

from fastapi import FastAPI

from ecolink.console.map.ground import Ground
from ecolink.entrypoints.readiness import readiness
from ecolink.entrypoints.reception import Reception
from ecolink.entrypoints.terms import ground
from ecolink.entrypoints.wiring import Node
from ecolink.federation.endpoints import router as federation_router
from ecolink.kit.buckets import Buckets
from ecolink.surface.door import Door
from ecolink.web.app import build_doorstep, build_federation
from ecolink.web.gauges import Gauges
from ecolink.web.health import Readiness
from ecolink.web.metrics import Scrape


def federation_app(node: Node) -> FastAPI:
    """Return the application other bureaus' nodes call."""
    routers = [federation_router(node.gate, node.clock)]
    return build_federation(_door(node), routers, readiness=_readiness(node))


def reception(node: Node) -> Reception:
    """Return the application of the bureau's own people and programs, to be put together when they come.

    Raises:
        SettingError: it could not be, for a file that the settings name.

    """
    door, ready, scrape, earth = _door(node), _readiness(node), _scrape(node), _ground(node)
    doorstep = build_doorstep(door, readiness=ready, scrape=scrape)
    return Reception(doorstep, lambda: _local_app(node, door, ready, scrape, earth))


def local_app(node: Node) -> FastAPI:
    """Return the application of the bureau's own people and programs: the API, and the console beside it."""
    return _local_app(node, _door(node), _readiness(node), _scrape(node), _ground(node))


def _local_app(node: Node, door: Door, ready: Readiness, scrape: Scrape, earth: Ground) -> FastAPI:
    from ecolink.entrypoints.inside import build_inside  # noqa: PLC0415 - with the first who comes in

    return build_inside(node, door, ready, scrape, earth)


def _ground(node: Node) -> Ground:
    return ground(node.settings, node.rooms.emergencies.register.border)


def _scrape(node: Node) -> Scrape:
    token = node.settings.metrics_token
    return Scrape(
        Gauges(node.database, node.clock, node.settings.data_dir),
        token.get_secret_value() if token else None,
        behind_proxy=node.settings.behind_proxy,
    )


def _door(node: Node) -> Door:
    calls = Buckets(node.settings.requests_per_second, node.settings.requests_burst)
    return Door(node.database, node.clock, node.identity.sessions.authenticate, calls)


def _readiness(node: Node) -> Readiness:
    return readiness(node.database, node.signer, node.pulse, node.settings.data_dir)
