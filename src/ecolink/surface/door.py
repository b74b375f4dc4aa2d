"""What stands at the door of an application: its database, its clock, who checks credentials, who calls how often."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Request
from sqlalchemy.orm import Session

from ecolink.identity.principal import Principal
from ecolink.kit.buckets import Buckets
from ecolink.kit.clock import Clock
from ecolink.storage.engine import Database

Authenticate = Callable[[Session, str, datetime], Principal]
"""Return the principal of an access token, or raise `UnauthenticatedError`."""


@dataclass(frozen=True, slots=True)
class Door:
    """Kept in `app.state.door`; every endpoint of the application comes through it."""

    database: Database
    clock: Clock
    authenticate: Authenticate
    calls: Buckets
    told: Buckets = field(default_factory=lambda: Buckets(per_second=1 / 60, burst=1))
    """Refusals the log may tell of: each kind once a minute for each caller."""


def door_of(request: Request) -> Door:
    """Return the door `request` came through."""
    door: Door = request.app.state.door
    return door


def moment_of(request: Request) -> datetime:
    """Return when `request` came in: the clock is asked once a request, here."""
    moment: datetime | None = getattr(request.state, "now", None)
    if moment is None:
        moment = request.state.now = door_of(request).clock.now()
    return moment
