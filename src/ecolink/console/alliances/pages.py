"""The alliances: the list, one of them with its members and earlier lists, founding, changing and dissolving it."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy.orm import Session

from ecolink.console.administration.sections import Section, sections_for
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.page import Page, PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.alliances.endpoints import Keeper, Reader
from ecolink.exchanges.alliances.models import Alliance
from ecolink.exchanges.alliances.schemas import AllianceChangeIn, AllianceIn, AllianceOut, RosterOut
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.federation.peers import PeerState
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.paging import Paging
from ecolink.surface.unit import NowDep, SessionDep

AllianceId = Annotated[str, Path(max_length=36)]
PATH = "/alliances"


def router(console: Console) -> APIRouter:
    """Return the pages."""
    pages = APIRouter(prefix=PATH, route_class=PageRoute)
    service = console.rooms.alliances
    _add_reading(pages, service)
    _add_keeping(pages, service)
    return pages


def _add_reading(pages: APIRouter, service: AllianceService) -> None:
    @pages.get("")
    def list_alliances(
        page: PageDep,
        session: SessionDep,
        paging: Paging,
        by: Reader,
        dissolved: Annotated[bool, Query()] = False,  # noqa: FBT002 - a word in the address
    ) -> Response:
        names = service.names(session)
        found = paging.read(
            session,
            service.all(include_dissolved=dissolved),
            order=(Alliance.id,),
            shape=lambda alliance: service.show(session, alliance, names),
            descending=False,
        )
        return page.show("alliances/list.html", found=found, dissolved=dissolved, sections=_sections(by))

    @pages.get("/new")
    def begin(page: PageDep, session: SessionDep, by: Keeper) -> Response:
        return _show_form(page, session, service, None, by)

    @pages.get("/{alliance_id}")
    def show_alliance(alliance_id: AllianceId, page: PageDep, session: SessionDep, by: Reader) -> Response:
        names = service.names(session)
        alliance = service.show(session, service.get(session, alliance_id), names)
        rosters = [RosterOut.of(row) for row in service.rosters(session, alliance_id)]
        return page.show("alliances/one.html", alliance=alliance, rosters=rosters, names=names, sections=_sections(by))

    @pages.get("/{alliance_id}/edit")
    def edit(alliance_id: AllianceId, page: PageDep, session: SessionDep, by: Keeper) -> Response:
        alliance = service.show(session, service.get(session, alliance_id), service.names(session))
        return _show_form(page, session, service, alliance, by)


def _add_keeping(pages: APIRouter, service: AllianceService) -> None:
    @pages.post("")
    def found(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Keeper) -> Response:
        wanted = form.read(AllianceIn)
        alliance = service.found(
            session, name_zh=wanted.name_zh, name_en=wanted.name_en, members=wanted.members, by=by, now=now
        )
        return page.go(f"{PATH}/{alliance.id}", page.text("The alliance stands; it can be told bulletins now."))

    @pages.post("/{alliance_id}")
    def change(
        alliance_id: AllianceId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Keeper
    ) -> Response:
        wanted = form.read(AllianceChangeIn)
        service.change(
            session,
            alliance_id,
            version=form.version,
            name_zh=wanted.name_zh,
            name_en=wanted.name_en,
            members=wanted.members,
            reason=wanted.reason,
            by=by,
            now=now,
        )
        return page.go(f"{PATH}/{alliance_id}", page.text("Changed. What was told before keeps its list of members."))

    @pages.post("/{alliance_id}/dissolve")
    def dissolve(
        alliance_id: AllianceId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Keeper
    ) -> Response:
        service.dissolve(session, alliance_id, version=form.version, by=by, now=now)
        return page.go(f"{PATH}/{alliance_id}", page.text("The alliance is dissolved; nothing more is told to it."))


def _sections(by: Principal) -> Sequence[Section]:
    """Return what stands beside the alliances: the administration for whoever runs the node, nothing for the others."""
    return sections_for(by) if by.may(Permission.PEER_MANAGE) else ()


def _show_form(
    page: Page, session: Session, service: AllianceService, alliance: AllianceOut | None, by: Principal
) -> Response:
    """Show the form with every bureau that may be a member: active peers, and whoever is one already."""
    members = {member.unit_code for member in alliance.members} if alliance else set()
    bureaus: list[tuple[str, Any]] = [
        (code, page.either(peer.name_zh, peer.name_en))
        for code, peer in service.names(session).items()
        if peer.state is PeerState.ACTIVE or code in members
    ]
    return page.show("alliances/form.html", alliance=alliance, bureaus=bureaus, members=members, sections=_sections(by))
