"""`/api/v1/threads/{thread}/erasure`: having personal data erased, here and at every bureau they were told to."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ecolink.exchanges.personal_data import refuse_in_text
from ecolink.exchanges.records.schemas import ComplianceOut, ErasureIn, ErasureOut, ThreadPath
from ecolink.federation.erasure import Erasure, Ordered
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, SessionDep, TransactionalRoute

Eraser = Annotated[Principal, requires(Permission.ERASE_PERSONAL_DATA)]


def router(erasure: Erasure) -> APIRouter:
    """Return the operations on erasures."""
    api = APIRouter(prefix="/threads/{thread}/erasure", tags=["personal data"], route_class=TransactionalRoute)

    def shown(session: Session, thread: str) -> ErasureOut:
        return ErasureOut(
            thread=thread,
            statements=erasure.erased(session, thread),
            recipients=[ComplianceOut.of(each) for each in erasure.compliance(session, thread)],
        )

    @api.post("", operation_id="erase_personal_data", summary="Erase a thread's personal data / 删除个人信息")
    def erase_personal_data(
        thread: ThreadPath, wanted: ErasureIn, session: SessionDep, now: NowDep, by: Eraser
    ) -> ErasureOut:
        """Erase persons, attachments and search terms of a lead, bulletin or emergency, and order the others to.

        What was signed stays and still verifies, as 'lawfully erased'. This cannot be undone.
        """
        order_erasure(erasure, session, thread, wanted, by=by, now=now)
        return shown(session, thread)

    @api.get("", operation_id="get_erasure", summary="Show how far an erasure is / 查看删除情况")
    def get_erasure(thread: ThreadPath, session: SessionDep, by: Eraser) -> ErasureOut:  # noqa: ARG001
        """Show what is erased here, and which bureaus have answered that they erased it too."""
        return shown(session, thread)

    return api


def order_erasure(
    erasure: Erasure, session: Session, thread: str, wanted: ErasureIn, *, by: Principal, now: datetime
) -> None:
    """Have a thread's personal data erased, in the name of `by`.

    Raises:
        NotFoundError: no statement of this thread is held here.
        InvalidError: the note, which is never erased, holds an identity number.

    """
    refuse_in_text([("/note", wanted.note or "")])
    ordered = Ordered(reason=wanted.reason, note=wanted.note, username=by.username, name=by.name, role=by.lead_role)
    erasure.erase(session, thread, ordered, now=now)
