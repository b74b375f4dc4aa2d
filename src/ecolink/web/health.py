"""Whether the process lives, and whether it can work: for supervisors and load balancers."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ecolink.errors import UnavailableError
from ecolink.storage.engine import Database
from ecolink.storage.heartbeats import prove_writable
from ecolink.surface.problems import MEDIA_TYPE, PROBLEMS, Problem, problem
from ecolink.surface.unit import DatabaseDep, NowDep, TransactionalRoute

FRESH = timedelta(seconds=2)
"""How long a verdict is told again: whoever asks without end costs the database nothing."""

RETRY_AFTER_S = 5


class Fault(NamedTuple):
    """Why the node cannot work, for anybody's eyes: no secret, no address, no name."""

    detail_en: str
    detail_zh: str


Check = Callable[[Session, datetime], Fault | None]

_DATABASE = Fault("The database cannot be written.", "数据库不可写入。")


@dataclass
class Readiness:
    """Looks whether the node can work: the database takes writes, and `checks` find nothing wrong."""

    checks: Sequence[Check] = ()
    _faults: list[Fault] = field(default_factory=list)
    _looked_at: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def faults(self, database: Database, now: datetime) -> list[Fault]:
        """Return everything that is wrong at `now`, or was a moment ago."""
        with self._lock:
            if self._looked_at is None or not timedelta(0) <= now - self._looked_at < FRESH:
                self._faults, self._looked_at = self._look(database, now), now
            return self._faults

    def _look(self, database: Database, now: datetime) -> list[Fault]:
        try:
            with database.read() as session:
                found = [fault for check in self.checks if (fault := check(session, now))]
            if not found:
                with database.begin() as session:
                    prove_writable(session)
                if database.is_full:
                    return [_DATABASE]
        except (UnavailableError, DBAPIError):
            return [_DATABASE]
        return found


class Health(BaseModel):
    """A sign of life."""

    status: str = Field(examples=["ok"])


def router(readiness: Readiness) -> APIRouter:
    """Return the health endpoints; public, and they tell nothing but what is wrong."""
    api = APIRouter(tags=["health"], route_class=TransactionalRoute)

    @api.get("/livez", operation_id="get_liveness", summary="Whether the process lives / 进程是否存活")
    async def get_liveness() -> Health:
        """Answer as long as the process runs. Restart it when this fails."""
        return Health(status="ok")

    @api.get(
        "/readyz",
        operation_id="get_readiness",
        summary="Whether the node can work / 节点能否工作",
        response_model=Health,
        responses={
            503: {"description": "It cannot; `errors` says why.", "content": {MEDIA_TYPE: {}}, "model": Problem}
        },
    )
    def get_readiness(request: Request, database: DatabaseDep, now: NowDep) -> Health | Response:
        """Answer when the node can work, else 503 with every reason. Send no traffic while this fails."""
        faults = readiness.faults(database, now)
        if not faults:
            return Health(status="ok")
        return problem(
            request,
            UnavailableError.code,
            PROBLEMS[UnavailableError],
            "The node cannot work just now: " + " ".join(fault.detail_en for fault in faults),
            "节点暂时无法工作：" + "".join(fault.detail_zh for fault in faults),
            errors=[fault._asdict() for fault in faults],
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )

    return api
