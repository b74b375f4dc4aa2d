"""Whether the process lives, and whether it can work: for supervisors and load balancers."""

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import text

from ecolink.surface.unit import SessionDep, TransactionalRoute


class Health(BaseModel):
    """A sign of life."""

    status: str = Field(examples=["ok"])


def router() -> APIRouter:
    """Return the health endpoints; public, and they tell nothing."""
    api = APIRouter(tags=["health"], route_class=TransactionalRoute)

    @api.get("/livez", operation_id="get_liveness", summary="Whether the process lives / 进程是否存活")
    async def get_liveness() -> Health:
        """Answer as long as the process runs. Restart it when this fails."""
        return Health(status="ok")

    @api.get("/readyz", operation_id="get_readiness", summary="Whether the node can work / 节点能否工作")
    def get_readiness(session: SessionDep) -> Health:
        """Answer when the database does, else 503. Send no traffic while this fails."""
        session.execute(text("SELECT 1"))
        return Health(status="ok")

    return api
