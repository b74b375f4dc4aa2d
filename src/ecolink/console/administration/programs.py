"""Programs' accounts: made, given another name and other roles or a new secret, shut and opened."""

from typing import Annotated

from fastapi import APIRouter, Response

from ecolink.console.administration.sections import sections_for
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.console.roles import names_of
from ecolink.identity.accounts import select_accounts
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission, Role
from ecolink.surface.auth import requires
from ecolink.surface.paging import Paging
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.surface.versions import check_version
from ecolink.web.account_schemas import AccountChange, ClientIn, ClientOut

ManagesClients = Annotated[Principal, requires(Permission.CLIENT_MANAGE)]
_LIST = "/administration/programs"


def add(pages: APIRouter, console: Console) -> None:
    """Add the pages about programs."""
    accounts = console.identity.accounts

    def account_of(session: SessionDep, client_id: str) -> Account:
        return accounts.get(session, AccountKind.CLIENT, client_id)

    @pages.get("/programs")
    def list_programs(page: PageDep, session: SessionDep, paging: Paging, by: ManagesClients) -> Response:
        order = (Account.username, Account.id)
        chosen = select_accounts(AccountKind.CLIENT)
        found = paging.read(session, chosen, order=order, descending=False, shape=ClientOut.of)
        return page.show(
            "administration/programs.html", sections=sections_for(by), found=found, roles=names_of(page, Role)
        )

    @pages.post("/programs")
    def add_program(page: PageDep, session: SessionDep, now: NowDep, by: ManagesClients, form: FormDep) -> Response:
        entry = form.read(ClientIn)
        account, secret = accounts.add_client(
            session, client_id=entry.client_id, name=entry.name, roles=entry.roles, by=by, now=now
        )
        return page.lay("administration/one_time.html", account=account, secret=secret)

    @pages.get("/programs/{client_id}")
    def show_program(client_id: str, page: PageDep, session: SessionDep, by: ManagesClients) -> Response:
        account = account_of(session, client_id)
        return page.show(
            "administration/program.html", sections=sections_for(by), account=account, roles=names_of(page, Role)
        )

    @pages.post("/programs/{client_id}")
    def change_program(
        client_id: str, page: PageDep, session: SessionDep, now: NowDep, by: ManagesClients, form: FormDep
    ) -> Response:
        account, entry = account_of(session, client_id), form.read(AccountChange)
        check_version(form.version, account.version)
        accounts.change(session, account, name=entry.name, roles=entry.roles, by=by, now=now)
        return page.go(f"{_LIST}/{client_id}", page.text("Saved; it counts from the next call on."))

    @pages.post("/programs/{client_id}/rotate")
    def rotate_secret(client_id: str, page: PageDep, session: SessionDep, now: NowDep, by: ManagesClients) -> Response:
        account = account_of(session, client_id)
        secret = accounts.rotate_secret(session, account, by=by, now=now)
        return page.lay("administration/one_time.html", account=account, secret=secret)

    @pages.post("/programs/{client_id}/disable")
    def disable_program(
        client_id: str, page: PageDep, session: SessionDep, now: NowDep, by: ManagesClients
    ) -> Response:
        accounts.disable(session, account_of(session, client_id), by=by, now=now)
        return page.go(f"{_LIST}/{client_id}", page.text("The account is shut; its logins have ended."))

    @pages.post("/programs/{client_id}/enable")
    def enable_program(client_id: str, page: PageDep, session: SessionDep, now: NowDep, by: ManagesClients) -> Response:
        accounts.enable(session, account_of(session, client_id), by=by, now=now)
        return page.go(f"{_LIST}/{client_id}", page.text("The account is open again."))
