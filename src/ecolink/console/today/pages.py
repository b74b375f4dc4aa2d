"""The first page: what to do now, what is due, how the partners are reached."""

from typing import Annotated

from fastapi import APIRouter, Response

from ecolink.console.console import Console
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.console.today.desk import Desk
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, SessionDep

Myself = Annotated[Principal, requires(Permission.PROFILE_SELF)]


def router(console: Console) -> APIRouter:
    """Return Today, and the parts of it that are asked for anew while it is open."""
    pages = APIRouter(route_class=PageRoute)
    desk = Desk(console.rooms)

    @pages.get("/")
    def show_today(page: PageDep, session: SessionDep, now: NowDep, by: Myself) -> Response:
        return page.show("today/today.html", desk=desk.lay(session, by, now))

    @pages.get("/today/desk")
    def show_desk(page: PageDep, session: SessionDep, now: NowDep, by: Myself) -> Response:
        return page.part("today/desk.html", desk=desk.lay(session, by, now))

    return pages
