"""The map, its list, and the ground under it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from ecolink.console.console import Console
from ecolink.console.emergencies import words
from ecolink.console.map.matters import MapFilters, gather
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, SessionDep

Reader = Annotated[Principal, requires(Permission.EMERGENCY_READ)]
_KEPT = {"Cache-Control": "private, max-age=600"}


def router(console: Console) -> APIRouter:
    """Return the pages."""
    pages = APIRouter(prefix="/map", route_class=PageRoute)

    def shown(session: Session, wanted: MapFilters, by: Principal, now: NowDep) -> dict[str, Any]:
        matters = gather(console.rooms, session, wanted, by, now)
        return {"matters": matters, "wanted": wanted, "words": words}

    @pages.get("")
    def show_map(
        page: PageDep, session: SessionDep, now: NowDep, wanted: Annotated[MapFilters, Query()], by: Reader
    ) -> Response:
        return page.show("map/map.html", **shown(session, wanted, by, now))

    @pages.get("/list")
    def show_list(
        page: PageDep, session: SessionDep, now: NowDep, wanted: Annotated[MapFilters, Query()], by: Reader
    ) -> Response:
        return page.part("map/list.html", **shown(session, wanted, by, now))

    @pages.get("/ground")
    def show_ground(by: Reader) -> Response:  # noqa: ARG001
        return JSONResponse(console.ground.drawn(console.home.unit_code), headers=_KEPT)

    return pages
