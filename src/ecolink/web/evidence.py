"""What this node can prove about a matter, as a file that anyone with the public keys can check offline."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.errors import ForbiddenError
from ecolink.federation.evidence import EvidenceDesk
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import caller_of, requires
from ecolink.surface.unit import NowDep, RecordingSessionDep, TransactionalRoute

Exporter = Annotated[Principal, requires(Permission.EVIDENCE_EXPORT)]
Thread = Annotated[
    str,
    Path(
        max_length=36,
        description="The thread of a lead, bulletin or emergency.",
        examples=["019ab000-0000-7000-8000-000000000001"],
    ),
]
Withhold = Annotated[bool, Query(description="Leave the personal data out; what was said still verifies.")]
Reason = Annotated[
    str, Query(min_length=2, max_length=500, description="Why; it stands in the access log.", examples=["移送检察机关"])
]


def router(desk: EvidenceDesk, access: AccessLog) -> APIRouter:
    """Return the export of evidence."""
    api = APIRouter(tags=["evidence"], route_class=TransactionalRoute)

    def collect(request: Request, thread: Thread, now: NowDep, withhold: Withhold = True) -> bytes:  # noqa: FBT002 - a query parameter
        """Make the file before the transaction that records its export: it takes its time."""
        if not withhold and not caller_of(request).may(Permission.PERSON_REVEAL):
            raise ForbiddenError(
                "Your roles do not show personal data; export without it (withhold=true).",
                "您的角色无权查看个人信息，请不含个人信息导出（withhold=true）。",
                pointer="withhold",
            )
        return desk.export(thread, now, withhold=withhold)

    @api.get(
        "/threads/{thread}/evidence",
        operation_id="export_evidence",
        summary="Export the evidence of a matter / 导出证据",
        response_class=Response,
        responses={
            200: {
                "description": "The evidence file; `ecolink evidence verify` checks it.",
                "content": {
                    "application/json": {"schema": {"type": "object"}, "example": {"form": "ecolink.evidence/1"}}
                },
            }
        },
    )
    def export_evidence(
        thread: Thread,
        session: RecordingSessionDep,
        now: NowDep,
        by: Exporter,
        file: Annotated[bytes, Depends(collect)],
        reason: Reason,
        withhold: Withhold = True,  # noqa: FBT002 - a query parameter
    ) -> Response:
        """Give everything said, receipted and logged about one thread. Who exported it, and why, is recorded."""
        entry = AccessEntry(
            at=now,
            actor=by.username,
            role=by.lead_role,
            action=AccessAction.EXPORT,
            object_type="evidence",
            object_id=thread,
            reason=reason,
            details={"personal_data": "withheld" if withhold else "included"},
        )
        access.record(session, entry)
        disposition = {"Content-Disposition": f'attachment; filename="{thread}.evidence"'}
        return Response(file, media_type="application/json", headers=disposition)

    return api
