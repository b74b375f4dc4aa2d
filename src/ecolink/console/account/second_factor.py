"""Enrolling an authenticator app: a QR code drawn here, a first code that confirms it, recovery codes to write down."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from markupsafe import Markup

from ecolink.console.account.pages import Myself, Presence
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.console.route import OWN_OTP, PageRoute
from ecolink.errors import InvalidError
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.principal import Principal
from ecolink.identity.second_factor import MAX_OTP
from ecolink.surface.auth import caller_of
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep


def router(console: Console) -> APIRouter:
    """Return the pages."""
    pages = APIRouter(prefix=OWN_OTP, route_class=PageRoute)
    identity = console.identity
    factors = identity.second_factors
    present = Depends(Presence(identity).prove)

    def prove_both(
        request: Request, form: FormDep, database: DatabaseDep, now: NowDep, by: Annotated[Principal, present]
    ) -> Principal:
        source = request.client.host if request.client else "unknown"
        if not identity.logins.prove_otp(database, caller_of(request), form.word("/otp")[:MAX_OTP], source, now):
            raise InvalidError(
                "The code is not right, or was used before.", "动态口令不正确或已被使用。", pointer="/otp"
            )
        return by

    def account_of(session: SessionDep, by: Principal) -> Account:
        return identity.accounts.get(session, AccountKind.USER, by.id)

    @pages.get("")
    def show_second_factor(page: PageDep, session: SessionDep, by: Myself) -> Response:
        left = factors.recovery_codes_left(session, by.id)
        return page.show("account/second_factor.html", account=account_of(session, by), codes_left=left)

    @pages.post("")
    def begin(
        page: PageDep, session: SessionDep, now: NowDep, by: Myself, _: Annotated[Principal, present]
    ) -> Response:
        enrolment = factors.begin(session, account_of(session, by), now)
        return page.lay("account/enrolment.html", enrolment=enrolment, drawing=draw(enrolment.address))

    @pages.post("/confirm")
    def confirm(page: PageDep, session: SessionDep, now: NowDep, by: Myself, form: FormDep) -> Response:
        codes = factors.confirm(session, account_of(session, by), form.word("/otp")[:MAX_OTP], by=by, now=now)
        return page.lay("account/recovery_codes.html", codes=codes)

    @pages.post("/recovery-codes")
    def renew(
        page: PageDep, session: SessionDep, now: NowDep, by: Myself, _: Annotated[Principal, Depends(prove_both)]
    ) -> Response:
        codes = factors.renew_recovery_codes(session, account_of(session, by), by=by, now=now)
        return page.lay("account/recovery_codes.html", codes=codes)

    @pages.post("/remove")
    def remove(
        page: PageDep, session: SessionDep, now: NowDep, by: Myself, _: Annotated[Principal, Depends(prove_both)]
    ) -> Response:
        factors.remove(session, account_of(session, by), by=by, now=now)
        return page.go("/me", page.text("The second factor is removed."))

    return pages


def draw(address: str) -> Markup:
    """Return the QR code of an address as SVG, black on white in any theme."""
    import segno  # noqa: PLC0415 - once in an account's life

    drawn = segno.make(address, error="m", micro=False).svg_inline(scale=5, border=4, light="#fff", svgclass="qr")
    return Markup(drawn)  # noqa: S704 - squares, and no text of anybody's
