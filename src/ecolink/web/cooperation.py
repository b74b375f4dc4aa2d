"""The rooms in which bureaus keep what their agreements promise: the local API's part about co-operation."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from ecolink.exchanges.agreements.service import AgreementService


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooperation:
    """What the local API serves of co-operation; wiring fills it."""

    agreements: AgreementService

    def routers(self) -> Sequence[APIRouter]:
        """Return the routers of these rooms, each to stand under /api/v1."""
        return ()
