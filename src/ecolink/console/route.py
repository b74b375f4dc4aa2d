"""A page's route: like one of the API's, but the caller is known by a cookie and errors are for people."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from ecolink.console.form import MAX_FIELDS, MAX_FILES
from ecolink.console.mishaps import show_problem
from ecolink.console.page import Page, page_of
from ecolink.console.recognition import (
    SAFE_METHODS,
    TOKEN_FIELD,
    TOKEN_HEADER,
    is_asked_for,
    recognise,
    refuse_foreign,
    secret_of,
)
from ecolink.errors import EcolinkError, UnauthenticatedError
from ecolink.identity.logins import OtpRequiredError
from ecolink.identity.principal import Principal
from ecolink.kit.events import structlog
from ecolink.surface import rates
from ecolink.surface.auth import PasswordChangeRequiredError, SecondFactorRequiredError, refuse_unready
from ecolink.surface.door import door_of, moment_of
from ecolink.surface.failures import problem_of
from ecolink.surface.threshold import failure
from ecolink.surface.unit import TransactionalRoute

SIGN_IN = "/sign-in"
LONGEST_GOAL = 500
"""Characters of the address somebody comes back to after signing in; a longer one loses its query."""
OWN_PASSWORD = "/me/password"  # noqa: S105 - an address
OWN_OTP = "/me/otp"

_ASKED_AGAIN = (401, 422, 429)
"""What the entrance answers to a name and a password that let nobody in."""
_OPEN_BEFORE = ("/me", SIGN_IN, "/sign-out", "/language", "/theme")

_log = structlog.get_logger(__name__)


async def _refuse_foreign(request: Request) -> None:
    """Let no other site's page, and no other login's, change anything."""
    if request.method in SAFE_METHODS:
        return
    shown = request.headers.get(TOKEN_HEADER)
    if shown is None:
        field = (await request.form(max_fields=MAX_FIELDS, max_files=MAX_FILES)).get(TOKEN_FIELD)
        shown = field if isinstance(field, str) else ""
    refuse_foreign(request, shown)


class PageRoute(TransactionalRoute):
    """A route of the console. Use it as a router's `route_class`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        """Guard `endpoint`, and keep it out of the API's description."""
        dependencies = [Depends(_refuse_foreign), *(options.pop("dependencies", None) or ())]
        ours = {"dependencies": dependencies, "include_in_schema": False, "response_model": None}
        super().__init__(path, endpoint, **options | ours)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Know the person, then go on as the API does; what fails is told to a person."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            request.state.seen = request.app.state.console.live.marks
            try:
                await let_in(request)
                _hold_back(request)
                return await handle(request)
            except Exception as error:  # noqa: BLE001 - a fault of ours is logged
                return await _tell(request, error)

        return answer


async def let_in(request: Request) -> None:
    """Note who is logged in; a page that needs nobody is open all the same."""
    try:
        principal = await run_in_threadpool(recognise, request, request.app.state.console.identity.sessions)
    except UnauthenticatedError:
        return
    rates.count_principal(request, principal)
    request.state.principal = principal
    sessions = request.app.state.console.identity.sessions
    if is_asked_for(request) and sessions.is_to_be_noted(principal, moment_of(request)):
        await run_in_threadpool(sessions.note_seen, door_of(request).database, principal, moment_of(request))


def _hold_back(request: Request) -> None:
    """Keep whoever has to change their password, or to enrol an app, at their own account until they did."""
    by: Principal | None = getattr(request.state, "principal", None)
    if by is not None and not request.url.path.startswith(_OPEN_BEFORE):
        refuse_unready(by)


async def _tell(request: Request, error: Exception) -> Response:
    """Answer what went wrong: as a page, or for the page's script as the API would."""
    page = page_of(request)
    if isinstance(error, UnauthenticatedError) and page.by is None and not request.url.path.startswith(SIGN_IN):
        ended = "&ended=yes" if secret_of(request) else ""
        return page.go(f"{SIGN_IN}?to={quote(_goal(page), safe='/')}{ended}")
    if isinstance(error, PasswordChangeRequiredError):
        return page.go(OWN_PASSWORD)
    if isinstance(error, SecondFactorRequiredError):
        return page.go(OWN_OTP)
    try:
        problem = await problem_of(request, error)
    except Exception:  # noqa: BLE001 - a fault of ours, told without its insides
        _log.exception("request failed", method=request.method, path=request.url.path)
        problem = failure(request)
    if page.is_from_script:
        return problem
    if request.url.path == SIGN_IN and problem.status_code in _ASKED_AGAIN:
        return _ask_again(page, error)
    return show_problem(request, problem)


def _ask_again(page: Page, error: Exception) -> Response:
    """Show the entrance once more to a browser without scripts, with what was wrong."""
    said = page.either(error.detail_zh, error.detail_en) if isinstance(error, EcolinkError) else ""
    entrance = page.came_from if page.came_from.startswith(SIGN_IN) else SIGN_IN
    if isinstance(error, OtpRequiredError) and "code=yes" not in entrance:
        entrance += f"{'&' if '?' in entrance else '?'}code=yes"
    return page.go(entrance, said)


def _goal(page: Page) -> str:
    """Return where somebody goes on who has to sign in first: to the page they are at, or wanted to see."""
    opens = page.request.method in SAFE_METHODS and not page.is_from_script
    goal = page.address if opens else page.came_from or "/"
    return goal if len(goal) <= LONGEST_GOAL else urlsplit(goal).path[:LONGEST_GOAL]
