"""The operations of passing a bulletin on: asking, allowing, refusing, doing it."""

from typing import Annotated

from fastapi import APIRouter, Path, Response, status

from ecolink.exchanges.bulletins.board import PermissionOut, PermissionsOut
from ecolink.exchanges.bulletins.schemas import (
    BulletinShareIn,
    ShareGrantIn,
    ShareRefusalIn,
    ShareRequestIn,
)
from ecolink.exchanges.bulletins.service import BulletinService
from ecolink.exchanges.bulletins.views import BulletinOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.etags import etag
from ecolink.surface.unit import NowDep, SessionDep

BulletinId = Annotated[str, Path(max_length=36, examples=["019ab5d2-7c00-7000-8000-0123456789ab"])]
RequestDigest = Annotated[
    str,
    Path(
        max_length=64,
        description="Digest of the request.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]
Reader = Annotated[Principal, requires(Permission.BULLETIN_READ)]
Drafter = Annotated[Principal, requires(Permission.BULLETIN_DRAFT)]
Approver = Annotated[Principal, requires(Permission.BULLETIN_APPROVE)]


def add(api: APIRouter, service: BulletinService) -> None:
    """Add the operations to the bulletins' router."""

    @api.post("/{bulletin_id}/share", operation_id="share_bulletin", summary="Pass it on / 转发通报")
    def share_bulletin(
        bulletin_id: BulletinId,
        wanted: BulletinShareIn,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Approver,
    ) -> BulletinOut:
        """Pass a bulletin of others on as its handling allows, in its author's own signed words; the author is told."""
        dossier = service.onward.share(session, bulletin_id, wanted, by=by, now=now)
        response.headers["ETag"] = etag(dossier.row.version)
        return BulletinOut.of_dossier(dossier, service.files(session, dossier), service.names(session), now)

    @api.get(
        "/{bulletin_id}/permissions",
        operation_id="list_share_permissions",
        summary="Requests to pass it on / 转发申请",
    )
    def list_permissions(bulletin_id: BulletinId, session: SessionDep, by: Reader) -> PermissionsOut:  # noqa: ARG001
        """Show who asked to pass it on, and what its author decided."""
        names = service.names(session)
        asked = service.onward.permissions(session, bulletin_id)
        return PermissionsOut(items=[PermissionOut.of(each, names) for each in asked])

    @api.post(
        "/{bulletin_id}/permissions",
        operation_id="request_share_permission",
        summary="Ask to pass it on / 申请转发",
        status_code=status.HTTP_201_CREATED,
    )
    def ask_permission(
        bulletin_id: BulletinId, wanted: ShareRequestIn, session: SessionDep, now: NowDep, by: Drafter
    ) -> PermissionOut:
        """Ask the author of a bulletin, whose handling says `ask`, whether certain bureaus may be told."""
        asked = service.onward.ask(session, bulletin_id, wanted, by=by, now=now)
        return PermissionOut.of(asked, service.names(session))

    @api.post(
        "/{bulletin_id}/permissions/{request}/grant",
        operation_id="grant_share_permission",
        summary="Allow it / 同意转发",
    )
    def grant_permission(
        bulletin_id: BulletinId,
        request: RequestDigest,
        wanted: ShareGrantIn,
        session: SessionDep,
        now: NowDep,
        by: Approver,
    ) -> PermissionOut:
        """Allow a holder of our bulletin to pass it on, to all it named or to some, until a time or without end."""
        granted = service.onward.grant(session, bulletin_id, request, wanted, by=by, now=now)
        return PermissionOut.of(granted, service.names(session))

    @api.post(
        "/{bulletin_id}/permissions/{request}/refuse",
        operation_id="refuse_share_permission",
        summary="Do not allow it / 不同意转发",
    )
    def refuse_permission(
        bulletin_id: BulletinId,
        request: RequestDigest,
        wanted: ShareRefusalIn,
        session: SessionDep,
        now: NowDep,
        by: Approver,
    ) -> PermissionOut:
        """Do not allow a holder of our bulletin to pass it on, and say why."""
        refused = service.onward.refuse(session, bulletin_id, request, reason=wanted.reason, by=by, now=now)
        return PermissionOut.of(refused, service.names(session))
