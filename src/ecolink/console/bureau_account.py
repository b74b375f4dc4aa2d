"""Signing in with the bureau account: out to the identity provider, and back to the page one wanted to see.

A link leads out, not a form: the policy lets forms of ours go to this node alone. What the browser keeps on the way is
a cookie of its own that comes back from elsewhere (`SameSite=Lax`). The login's cookie does not, so whoever comes back
is shown a page of ours that goes on by itself.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from ecolink.console.page import PageDep, own_path
from ecolink.console.recognition import is_secure, remember
from ecolink.console.route import PageRoute
from ecolink.errors import NotFoundError
from ecolink.identity.models import Account
from ecolink.identity.provider import SIGN_ON_PATH
from ecolink.identity.service import Identity
from ecolink.identity.sessions import OpenedAtConsole
from ecolink.identity.sign_on import GOOD_FOR, SignOn
from ecolink.surface.unit import DatabaseDep, NowDep

LEAVE_PATH: Final = "/sign-in/bureau/leave"
_DEPART_PATH: Final = "/sign-in/bureau"


_PLAIN, _SECURE = "ecolink-sign-on", "__Secure-ecolink-sign-on"


@dataclass(frozen=True, slots=True)
class _Arrival:
    opened: OpenedAtConsole
    to: str


def router(identity: Identity) -> APIRouter:
    """Return the pages between this node and the identity provider."""
    pages = APIRouter(route_class=PageRoute)

    def sign_on() -> SignOn:
        if identity.sign_on is None:
            raise NotFoundError
        return identity.sign_on

    def arrive(request: Request, database: DatabaseDep, now: NowDep) -> _Arrival:
        source = request.client.host if request.client else "unknown"
        agent = request.headers.get("user-agent", "")

        def open_login(session: Session, account: Account) -> OpenedAtConsole:
            return identity.sessions.open_at_console(session, account, source, agent, now)

        kept = request.cookies.get(_cookie(request), "")
        return _Arrival(*sign_on().arrive(database, kept, request.query_params, source, now, open_login))

    @pages.get(_DEPART_PATH)
    def depart(request: Request, now: NowDep, to: Annotated[str, Query(max_length=500)] = "/") -> Response:
        departure = sign_on().depart(own_path(to), now)
        answer = RedirectResponse(departure.address, 303)
        answer.set_cookie(
            _cookie(request),
            departure.kept,
            max_age=round(GOOD_FOR.total_seconds()),
            path=_DEPART_PATH,
            secure=is_secure(request),
            httponly=True,
            samesite="lax",
        )
        return answer

    @pages.get(SIGN_ON_PATH)
    def come_back(
        request: Request, page: PageDep, now: NowDep, arrival: Annotated[_Arrival, Depends(arrive)]
    ) -> Response:
        answer = page.show("entrance/come_back.html", to=arrival.to)
        remember(request, answer, arrival.opened, now)
        answer.delete_cookie(
            _cookie(request), path=_DEPART_PATH, secure=is_secure(request), httponly=True, samesite="lax"
        )
        return answer

    @pages.get(LEAVE_PATH)
    def leave(page: PageDep, now: NowDep) -> Response:
        address = sign_on().provider.address_to_leave(now)
        return RedirectResponse(address, 303) if address else page.go("/sign-in")

    return pages


def _cookie(request: Request) -> str:
    return _SECURE if is_secure(request) else _PLAIN
