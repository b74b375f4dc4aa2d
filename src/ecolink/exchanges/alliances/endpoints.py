"""`/api/v1/alliances`: the lists of bureaus that bulletins and emergencies are told to."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response, status
from sqlalchemy.orm import Session

from ecolink.exchanges.alliances.models import Alliance
from ecolink.exchanges.alliances.schemas import (
    AllianceChangeIn,
    AllianceIn,
    AllianceOut,
    RosterOut,
    RostersOut,
)
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.etags import IfMatch, etag
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import NowDep, SessionDep, TransactionalRoute

AllianceId = Annotated[str, Path(max_length=36, examples=["019ab000-0000-7000-8000-000000000001"])]
Reader = Annotated[Principal, requires(Permission.ALLIANCE_READ)]
Keeper = Annotated[Principal, requires(Permission.ALLIANCE_MANAGE)]


def router(service: AllianceService) -> APIRouter:
    """Return the operations on alliances."""
    api = APIRouter(prefix="/alliances", tags=["alliances"], route_class=TransactionalRoute)

    def answer(session: Session, alliance: Alliance, response: Response) -> AllianceOut:
        response.headers["ETag"] = etag(alliance.version)
        return service.show(session, alliance, service.names(session))

    @api.get("", operation_id="list_alliances", summary="List the alliances / 联盟列表")
    def list_alliances(
        session: SessionDep,
        paging: Paging,
        by: Reader,  # noqa: ARG001
        dissolved: Annotated[bool, Query(description="Show the dissolved ones too.")] = False,  # noqa: FBT002
    ) -> Page[AllianceOut]:
        """List the standing alliances with their present members, oldest first."""
        names = service.names(session)
        return paging.read(
            session,
            service.all(include_dissolved=dissolved),
            order=(Alliance.id,),
            shape=lambda alliance: service.show(session, alliance, names),
            descending=False,
        )

    @api.post(
        "", operation_id="create_alliance", summary="Start an alliance / 建立联盟", status_code=status.HTTP_201_CREATED
    )
    def create_alliance(
        wanted: AllianceIn, session: SessionDep, now: NowDep, response: Response, by: Keeper
    ) -> AllianceOut:
        """Start an alliance of active peers; we are a member without being named."""
        alliance = service.found(
            session, name_zh=wanted.name_zh, name_en=wanted.name_en, members=wanted.members, by=by, now=now
        )
        response.headers["Location"] = f"/api/v1/alliances/{alliance.id}"
        return answer(session, alliance, response)

    @api.get("/{alliance_id}", operation_id="get_alliance", summary="Show an alliance / 查看联盟")
    def get_alliance(
        alliance_id: AllianceId,
        session: SessionDep,
        response: Response,
        by: Reader,  # noqa: ARG001
    ) -> AllianceOut:
        """Show an alliance with its present members."""
        return answer(session, service.get(session, alliance_id), response)

    @api.put("/{alliance_id}", operation_id="change_alliance", summary="Change names or members / 变更名称或成员")
    def change_alliance(
        alliance_id: AllianceId,
        wanted: AllianceChangeIn,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Keeper,
    ) -> AllianceOut:
        """Give an alliance new names or members: a new roster. What was sent keeps the roster it was sent to."""
        alliance = service.change(
            session,
            alliance_id,
            version=version,
            name_zh=wanted.name_zh,
            name_en=wanted.name_en,
            members=wanted.members,
            reason=wanted.reason,
            by=by,
            now=now,
        )
        return answer(session, alliance, response)

    @api.delete("/{alliance_id}", operation_id="dissolve_alliance", summary="Dissolve an alliance / 解散联盟")
    def dissolve_alliance(
        alliance_id: AllianceId,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Keeper,
    ) -> AllianceOut:
        """End an alliance: nothing more is addressed to it, and its rosters stay."""
        return answer(session, service.dissolve(session, alliance_id, version=version, by=by, now=now), response)

    @api.get("/{alliance_id}/rosters", operation_id="list_rosters", summary="Every roster it had / 历次成员名单")
    def list_rosters(alliance_id: AllianceId, session: SessionDep, by: Reader) -> RostersOut:  # noqa: ARG001
        """Show every roster the alliance had, newest first, with the digest that statements name."""
        return RostersOut(items=[RosterOut.of(row) for row in service.rosters(session, alliance_id)])

    return api
