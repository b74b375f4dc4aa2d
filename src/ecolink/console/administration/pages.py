"""The administrator's pages: where each subject begins, and the node's own health and backups."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from ecolink.console.administration import channels, exchange, logins, partners, people, programs
from ecolink.console.administration.sections import sections_for
from ecolink.console.administration.upkeep import Upkeep
from ecolink.console.console import Console
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, SessionDep

Reader = Annotated[Principal, requires(Permission.PEER_READ)]
Keeper = Annotated[Principal, requires(Permission.NODE_UPKEEP)]


def router(console: Console) -> APIRouter:
    """Return the pages."""
    pages = APIRouter(prefix="/administration", route_class=PageRoute)

    @pages.get("")
    def show_first(page: PageDep, session: SessionDep, by: Reader) -> Response:  # noqa: ARG001
        """Go on to the first subject that is open to the person."""
        return page.go(next((section.path for section in sections_for(by)), "/"))

    people.add(pages, console)
    programs.add(pages, console)
    logins.add(pages, console)
    channels.add(pages, console)
    partners.add(pages, console)
    exchange.add(pages, console)
    _add_upkeep(pages, console, console.upkeep)
    return pages


def _add_upkeep(pages: APIRouter, console: Console, upkeep: Upkeep) -> None:
    @pages.get("/health")
    def show_health(page: PageDep, session: SessionDep, by: Keeper) -> Response:  # noqa: ARG001
        return page.show("administration/health.html", sections=sections_for(by))

    @pages.get("/health/report")
    def examine(page: PageDep, by: Keeper) -> Response:  # noqa: ARG001
        """Make every check; no transaction is open meanwhile, and the page shows that it takes a moment."""
        return page.part("administration/report.html", checks=upkeep.examine())

    @pages.get("/backups")
    def list_backups(page: PageDep, by: Keeper) -> Response:
        return page.show("administration/backups.html", sections=sections_for(by), backups=upkeep.backups())

    def make(now: NowDep) -> str:
        """Make the backup before the transaction that records it: it takes its time."""
        return upkeep.back_up(now)

    @pages.post("/backups")
    def back_up(
        page: PageDep, session: SessionDep, now: NowDep, by: Keeper, name: Annotated[str, Depends(make)]
    ) -> Response:
        console.rooms.exchange.note(session, "backup-create", name, by, now)
        return page.go("/administration/backups", page.text("The backup {name} is made.", name=name))
