"""People's accounts: found, made, given roles, helped when they forgot or lost something, shut and opened."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from ecolink.console.account import points
from ecolink.console.account.points import Hand
from ecolink.console.administration.sections import sections_for
from ecolink.console.channel_words import KINDS
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.console.roles import names_of
from ecolink.identity.accounts import select_accounts
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.passwords import new_password
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission, Role
from ecolink.surface.auth import requires
from ecolink.surface.paging import Paging
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.surface.versions import check_version
from ecolink.web.account_schemas import AccountChange, UserIn, UserOut

ManagesUsers = Annotated[Principal, requires(Permission.USER_MANAGE)]


@dataclass(frozen=True, slots=True)
class _OneTime:
    """A password the node chose, hashed before the transaction."""

    password: str
    hashed: str


def add(pages: APIRouter, console: Console) -> None:  # noqa: C901 - one page after the other
    """Add the pages about people."""
    identity, accounts = console.identity, console.identity.accounts
    contacts = console.rooms.post_office.contacts

    def choose() -> _OneTime:
        password = new_password()
        return _OneTime(password, identity.passwords.hash(password))

    OneTime = Annotated[_OneTime, Depends(choose)]  # noqa: N806 - a type

    def account_of(session: SessionDep, user_id: str) -> Account:
        return accounts.get(session, AccountKind.USER, user_id)

    def theirs(user_id: str, by: ManagesUsers) -> Hand:
        return Hand(user_id, by)

    points.add(pages, contacts, "/people/{user_id}/points", "/administration/people/{}", theirs)

    @pages.get("/people")
    def list_people(
        page: PageDep,
        session: SessionDep,
        paging: Paging,
        by: ManagesUsers,
        q: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        order = (Account.username, Account.id)
        chosen = select_accounts(AccountKind.USER, q or None)
        found = paging.read(session, chosen, order=order, descending=False, shape=UserOut.of)
        return page.show(
            "administration/people.html", sections=sections_for(by), found=found, q=q, roles=names_of(page, Role)
        )

    @pages.post("/people")
    def add_person(
        page: PageDep, session: SessionDep, now: NowDep, by: ManagesUsers, form: FormDep, chosen: OneTime
    ) -> Response:
        entry = form.read(UserIn)
        account = accounts.add_user(
            session,
            username=entry.username,
            name=entry.name,
            roles=entry.roles,
            password_hash=chosen.hashed,
            by=by,
            now=now,
        )
        return page.lay("administration/one_time.html", account=account, secret=chosen.password)

    @pages.get("/people/{user_id}")
    def show_person(user_id: str, page: PageDep, session: SessionDep, by: ManagesUsers) -> Response:
        account = account_of(session, user_id)
        return page.show(
            "administration/person.html",
            sections=sections_for(by),
            account=account,
            roles=names_of(page, Role),
            points=points.show(contacts, session, user_id),
            offered=points.offer(contacts, page, session),
            channel_kinds=KINDS,
        )

    @pages.post("/people/{user_id}")
    def change_person(
        user_id: str, page: PageDep, session: SessionDep, now: NowDep, by: ManagesUsers, form: FormDep
    ) -> Response:
        account, entry = account_of(session, user_id), form.read(AccountChange)
        check_version(form.version, account.version)
        accounts.change(session, account, name=entry.name, roles=entry.roles, by=by, now=now)
        return page.go(f"/administration/people/{user_id}", page.text("Saved; it counts from the next call on."))

    @pages.post("/people/{user_id}/reset")
    def reset_person(
        user_id: str, page: PageDep, session: SessionDep, now: NowDep, by: ManagesUsers, chosen: OneTime
    ) -> Response:
        account = account_of(session, user_id)
        accounts.reset_password(session, account, password_hash=chosen.hashed, by=by, now=now)
        return page.lay("administration/one_time.html", account=account, secret=chosen.password)

    @pages.post("/people/{user_id}/reset-otp")
    def reset_otp(user_id: str, page: PageDep, session: SessionDep, now: NowDep, by: ManagesUsers) -> Response:
        identity.second_factors.remove(session, account_of(session, user_id), by=by, now=now)
        return page.go(f"/administration/people/{user_id}", page.text("The second factor is removed."))

    @pages.post("/people/{user_id}/disable")
    def disable_person(user_id: str, page: PageDep, session: SessionDep, now: NowDep, by: ManagesUsers) -> Response:
        accounts.disable(session, account_of(session, user_id), by=by, now=now)
        return page.go(f"/administration/people/{user_id}", page.text("The account is shut; its logins have ended."))

    @pages.post("/people/{user_id}/enable")
    def enable_person(user_id: str, page: PageDep, session: SessionDep, now: NowDep, by: ManagesUsers) -> Response:
        accounts.enable(session, account_of(session, user_id), by=by, now=now)
        return page.go(f"/administration/people/{user_id}", page.text("The account is open again."))
