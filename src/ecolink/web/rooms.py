"""The services whose endpoints make up the local API: one list for wiring and for the export."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from ecolink.exchanges.alliances import endpoints as alliances
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.identity.service import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the local API serves; wiring fills it."""

    identity: Identity
    alliances: AllianceService

    def routers(self) -> Sequence[APIRouter]:
        """Return the routers of the exchange rooms, each to stand under /api/v1."""
        return (alliances.router(self.alliances),)
