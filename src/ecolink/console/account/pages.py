"""A person's own account: name and roles, password, PIN for the telephone, and open logins."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from ecolink.alerts.personal_models import AlertPin
from ecolink.alerts.pins import check_pin
from ecolink.console.account import points
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.console.roles import names_of
from ecolink.console.route import OWN_PASSWORD, PageRoute
from ecolink.errors import InvalidError
from ecolink.identity.models import AccountKind, LoginSession
from ecolink.identity.passwords import MAX_LENGTH, check_password
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.identity.service import Identity
from ecolink.identity.sessions import select_open
from ecolink.surface.auth import caller_of, requires
from ecolink.surface.paging import Paging
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep
from ecolink.web.account_schemas import SessionOut
from ecolink.web.alerts import show_preference

Myself = Annotated[Principal, requires(Permission.PROFILE_SELF)]


@dataclass(frozen=True, slots=True)
class Presence:
    """Asks for the password once more, so that an unattended terminal changes nothing."""

    identity: Identity

    def prove(self, request: Request, form: FormDep, database: DatabaseDep, now: NowDep) -> Principal:
        """Return who is there, as a dependency of what changes something.

        Raises:
            InvalidError: it is not their password.
            ThrottledError: they tried too often.

        """
        by, source = caller_of(request), request.client.host if request.client else "unknown"
        password = form.word("/current_password")[:MAX_LENGTH]
        if not self.identity.logins.prove(database, by, password, source, now):
            raise InvalidError("The current password is not right.", "当前密码不正确。", pointer="/current_password")
        return by


def router(console: Console) -> APIRouter:
    """Return the pages."""
    pages = APIRouter(prefix="/me", route_class=PageRoute)
    present = Depends(Presence(console.identity).prove)
    _add_profile(pages, console)
    _add_password(pages, console, present)
    _add_logins(pages, console, present)
    _add_pin(pages, console, present)
    return pages


def _add_profile(pages: APIRouter, console: Console) -> None:
    @pages.get("")
    def show_account(page: PageDep, session: SessionDep, now: NowDep, paging: Paging, by: Myself) -> Response:
        account = console.identity.accounts.get(session, AccountKind.USER, by.id)
        return page.show(
            "account/account.html",
            account=account,
            roles=names_of(page, account.held_roles()),
            logins=paging.read(session, select_open(now, by.id), order=_NEWEST, shape=SessionOut.of),
            codes_left=console.identity.second_factors.recovery_codes_left(session, by.id),
            pin=session.get(AlertPin, by.id),
            points=points.show(console.rooms.post_office.contacts, session, by.id),
            preference=show_preference(session, by),
        )


_NEWEST = (LoginSession.issued_at, LoginSession.id)


def _add_password(pages: APIRouter, console: Console, present: object) -> None:
    identity = console.identity

    def hash_new(form: FormDep, by: Annotated[Principal, present]) -> str:
        password, again = form.word("/password"), form.word("/again")
        check_password(password, by.username)
        if password != again:
            raise InvalidError("The two are not the same.", "两次输入的密码不一致。", pointer="/again")
        if password == form.word("/current_password"):
            raise InvalidError(
                "The new password is the present one.", "新密码不得与当前密码相同。", pointer="/password"
            )
        return identity.passwords.hash(password)

    @pages.get(OWN_PASSWORD.removeprefix("/me"))
    def show_password(page: PageDep, session: SessionDep, by: Myself) -> Response:  # noqa: ARG001
        return page.show("account/password.html")

    @pages.post(OWN_PASSWORD.removeprefix("/me"))
    def change_password(
        page: PageDep, session: SessionDep, now: NowDep, by: Myself, hashed: Annotated[str, Depends(hash_new)]
    ) -> Response:
        account = identity.accounts.get(session, AccountKind.USER, by.id)
        identity.accounts.change_password(session, account, password_hash=hashed, by=by, now=now)
        return page.go("/me", page.text("Your password is changed; your other logins have ended."))


def _add_logins(pages: APIRouter, console: Console, present: object) -> None:
    @pages.post("/logins/{login_id}/end")
    def end_login(
        login_id: str, page: PageDep, session: SessionDep, now: NowDep, by: Myself, _: Annotated[Principal, present]
    ) -> Response:
        console.identity.sessions.revoke(session, login_id, by, now, only_of=by.id)
        return page.go("/me", page.text("That login has ended."))


def _add_pin(pages: APIRouter, console: Console, present: object) -> None:
    pins = console.rooms.alerts.pins

    def hash_pin(form: FormDep, _: Annotated[Principal, present]) -> str:
        pin = form.word("/pin")
        check_pin(pin)
        return console.identity.passwords.hash(pin)

    @pages.post("/pin")
    def set_pin(
        page: PageDep, session: SessionDep, now: NowDep, by: Myself, hashed: Annotated[str, Depends(hash_pin)]
    ) -> Response:
        pins.set(session, hashed, by=by, now=now)
        return page.go("/me", page.text("Your PIN is set."))

    @pages.post("/pin/remove")
    def remove_pin(page: PageDep, session: SessionDep, now: NowDep, by: Myself) -> Response:
        pins.remove(session, by=by, now=now)
        return page.go("/me", page.text("Your PIN is forgotten."))
