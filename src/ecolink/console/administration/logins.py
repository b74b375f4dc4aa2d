"""Every login that is open, and what each role may do."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ecolink.console.administration.sections import sections_for
from ecolink.console.console import Console
from ecolink.console.page import PageDep
from ecolink.console.roles import names_of
from ecolink.identity.models import LoginSession
from ecolink.identity.principal import Principal
from ecolink.identity.roles import GRANTS, Permission, Role
from ecolink.identity.sessions import select_open
from ecolink.surface.auth import requires
from ecolink.surface.paging import Paging
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.account_schemas import SessionOut

ManagesUsers = Annotated[Principal, requires(Permission.USER_MANAGE)]


def add(pages: APIRouter, console: Console) -> None:
    """Add the pages about logins and roles."""

    @pages.get("/logins")
    def list_logins(
        page: PageDep,
        session: SessionDep,
        now: NowDep,
        paging: Paging,
        by: ManagesUsers,
        account_id: Annotated[str | None, Query(max_length=36)] = None,
    ) -> Response:
        order = (LoginSession.issued_at, LoginSession.id)
        found = paging.read(session, select_open(now, account_id or None), order=order, shape=SessionOut.of)
        return page.show("administration/logins.html", sections=sections_for(by), found=found)

    @pages.post("/logins/{login_id}/end")
    def end_login(login_id: str, page: PageDep, session: SessionDep, now: NowDep, by: ManagesUsers) -> Response:
        login = console.identity.sessions.revoke(session, login_id, by, now)
        return page.go("/administration/logins", page.text("A login of {name} has ended.", name=login.account.username))

    @pages.get("/roles")
    def show_roles(page: PageDep, session: SessionDep, by: ManagesUsers) -> Response:  # noqa: ARG001
        names = names_of(page, Role)
        sections = sections_for(by)
        return page.show(
            "administration/roles.html", sections=sections, roles=names, grants=GRANTS, permissions=Permission
        )
