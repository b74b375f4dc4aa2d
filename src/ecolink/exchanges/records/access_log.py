"""`/api/v1/access-log`: who looked at, changed, told or erased what; for the auditor."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from ecolink.audit.access import AccessLog
from ecolink.audit.access_models import AccessAction, AccessRow
from ecolink.exchanges.records.schemas import AccessEntryOut, AccessVerdictOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.common import Moment
from ecolink.surface.auth import requires
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import SessionDep, TransactionalRoute

Auditor = Annotated[Principal, requires(Permission.AUDIT_READ)]


@dataclass(frozen=True)
class Wanted:
    """The query parameters; an entry is found when it agrees with all that are given."""

    actor: Annotated[str | None, Query(max_length=100, description="A username, or a bureau's unit code.")] = None
    case_number: Annotated[str | None, Query(max_length=64)] = None
    object_type: Annotated[str | None, Query(max_length=32, examples=["lead"])] = None
    object_id: Annotated[str | None, Query(max_length=64)] = None
    action: Annotated[AccessAction | None, Query()] = None
    since: Annotated[Moment | None, Query(description="From this moment on.")] = None
    until: Annotated[Moment | None, Query(description="Before this moment.")] = None


def router(log: AccessLog) -> APIRouter:
    """Return the operations on the access log."""
    api = APIRouter(prefix="/access-log", tags=["audit"], route_class=TransactionalRoute)

    @api.get("", operation_id="search_access_log", summary="Search the access log / 查询访问日志")
    def search_access_log(
        wanted: Annotated[Wanted, Depends()],
        session: SessionDep,
        paging: Paging,
        by: Auditor,  # noqa: ARG001
    ) -> Page[AccessEntryOut]:
        """Find entries by person, case, object, act and time, newest first."""
        found = log.search(
            actor=wanted.actor,
            case_number=wanted.case_number,
            object_type=wanted.object_type,
            object_id=wanted.object_id,
            action=wanted.action,
            since=wanted.since,
            until=wanted.until,
        )
        return paging.read(session, found, order=(AccessRow.n,), shape=AccessEntryOut.of)

    @api.get("/verify", operation_id="verify_access_log", summary="Verify the access log / 校验访问日志")
    def verify_access_log(session: SessionDep, by: Auditor) -> AccessVerdictOut:  # noqa: ARG001
        """Recompute the whole chain and compare it with the evidence log; names the first entry that does not hold."""
        return AccessVerdictOut.of(log.verify(session))

    return api
