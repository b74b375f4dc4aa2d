"""Coming and going: signing in and out, the language, the theme. What stands here is open to everybody."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from ecolink.console import language as languages
from ecolink.console import theme as themes
from ecolink.console.form import Form, FormDep
from ecolink.console.language import Language
from ecolink.console.page import Page, PageDep, own_path
from ecolink.console.recognition import cookie_named, forget, is_secure, remember
from ecolink.console.route import LONGEST_GOAL, SIGN_IN, PageRoute
from ecolink.console.theme import Theme
from ecolink.errors import InvalidError
from ecolink.identity.passwords import MAX_LENGTH
from ecolink.identity.second_factor import MAX_OTP
from ecolink.identity.service import Identity
from ecolink.identity.sessions import OpenedAtConsole
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep

_YEAR_S = 365 * 24 * 3600


def router(identity: Identity) -> APIRouter:
    """Return the pages that need no login."""
    pages = APIRouter(route_class=PageRoute)

    def log_in(request: Request, form: FormDep, database: DatabaseDep, now: NowDep) -> OpenedAtConsole:
        """Check what was typed, with no transaction open while the password is hashed."""
        username, password = form.word("/username"), form.word("/password")
        if not username or not password or len(password) > MAX_LENGTH:
            raise InvalidError("Type your name and your password.", "请输入用户名和密码。", pointer="/username")
        source = request.client.host if request.client else "unknown"
        agent = request.headers.get("user-agent", "")
        otp = form.word("/otp")[:MAX_OTP]
        return identity.logins.log_in_at_console(database, username, password, source, agent, now, otp)

    @pages.get(SIGN_IN)
    def show_entrance(
        page: PageDep,
        to: Annotated[str, Query(max_length=LONGEST_GOAL)] = "/",
        code: bool = False,  # noqa: FBT001, FBT002 - a word in the address
        out: bool = False,  # noqa: FBT001, FBT002 - the same
        ended: bool = False,  # noqa: FBT001, FBT002 - the same
    ) -> Response:
        if page.by is not None:
            return page.go(own_path(to))
        return page.show(
            "entrance/sign_in.html",
            to=own_path(to),
            code=code,
            out=out,
            ended=ended,
            with_bureau_account=identity.sign_on is not None,
        )

    @pages.post(SIGN_IN)
    def sign_in(
        request: Request, page: PageDep, form: FormDep, now: NowDep, opened: Annotated[OpenedAtConsole, Depends(log_in)]
    ) -> Response:
        answer = page.go(own_path(form.word("to")))
        remember(request, answer, opened, now)
        return answer

    @pages.post("/sign-out")
    def sign_out(request: Request, page: PageDep, session: SessionDep, now: NowDep) -> Response:
        if page.by is not None:
            identity.sessions.revoke(session, page.by.session_id, page.by, now, only_of=page.by.id)
        answer = page.go(f"{SIGN_IN}?out=yes" if identity.sign_on else SIGN_IN)
        forget(request, answer)
        return answer

    @pages.post("/language")
    def choose_language(page: PageDep, form: FormDep) -> Response:
        chosen = Language.ENGLISH if form.word("language") == Language.ENGLISH else Language.CHINESE
        return _remembering(page, _back(form), languages.COOKIE, chosen)

    @pages.post("/theme")
    def choose_theme(page: PageDep, form: FormDep) -> Response:
        word = form.word("theme")
        return _remembering(page, _back(form), themes.COOKIE, word if word in set(Theme) else Theme.AUTO)

    return pages


def _remembering(page: Page, path: str, name: str, value: str) -> Response:
    answer = page.go(path)
    secure = is_secure(page.request)
    named = cookie_named(page.request, name)
    answer.set_cookie(named, value, max_age=_YEAR_S, path="/", secure=secure, httponly=True, samesite="strict")
    return answer


def _back(form: Form) -> str:
    return own_path(form.word("to"))
