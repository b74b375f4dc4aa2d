"""Who holds the browser, and that a change was asked for by one of our own pages.

The session cookie goes to this node alone (`SameSite=Strict`; `__Host-` and `Secure` wherever the console is reached by
HTTPS), and no script can read it. Every request that may change something must come from a page of this node, which the
browser itself says (Fetch Metadata, W3C), and show a token that only a page of the same login knows.
"""

import hmac
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from ecolink.errors import ForbiddenError, UnauthenticatedError
from ecolink.identity.principal import Principal
from ecolink.identity.sessions import OpenedAtConsole, Sessions
from ecolink.surface.door import door_of, moment_of

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
TOKEN_FIELD: Final = "csrf"  # noqa: S105 - a name
TOKEN_HEADER: Final = "X-CSRF-Token"  # noqa: S105 - a name
UNASKED: Final = "X-Unasked"
"""What a page's script sends along with what it asks for by itself: nobody used the login just because of that."""
_COOKIE = "ecolink-session"


class ForeignRequestError(ForbiddenError):
    """A change was not asked for by a page of this node and of this login."""

    code = "foreign-request"


def recognise(request: Request, sessions: Sessions) -> Principal:
    """Return who is logged in with the browser that sends `request`; asks the database.

    Raises:
        UnauthenticatedError: nobody is, or not any more.

    """
    secret = secret_of(request)
    if not secret:
        raise UnauthenticatedError("Please sign in.", "请先登录。")
    with door_of(request).database.read() as session:
        return sessions.recognise(session, secret, moment_of(request))


def secret_of(request: Request) -> str:
    """Return what the browser shows for its login; empty when it shows nothing."""
    return request.cookies.get(cookie_named(request, _COOKIE), "")


def remember(request: Request, response: Response, opened: OpenedAtConsole, now: datetime) -> None:
    """Have the browser keep its login."""
    response.set_cookie(
        cookie_named(request, _COOKIE),
        opened.secret,
        max_age=round((opened.expires_at - now).total_seconds()),
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )


def forget(request: Request, response: Response) -> None:
    """Have the browser drop its login."""
    response.delete_cookie(
        cookie_named(request, _COOKIE), path="/", secure=is_secure(request), httponly=True, samesite="strict"
    )


def token_of(request: Request) -> str:
    """Return what a page of this login shows with every change; empty where nobody is logged in."""
    secret = secret_of(request)
    return hmac.new(secret.encode(), b"ecolink csrf", "sha256").hexdigest() if secret else ""


def refuse_foreign(request: Request, shown: str) -> None:
    """Refuse a change that none of our pages asked for; `shown` is the token that came with it.

    Raises:
        ForeignRequestError: it comes from elsewhere, or from a page of another login.

    """
    if not _is_ours(request) or not hmac.compare_digest(shown.encode(), token_of(request).encode()):
        raise ForeignRequestError(
            "This page is out of date or does not belong to your login. Load it again and repeat what you did.",
            "页面已过期或不属于您当前的登录，请刷新页面后重试。",
        )


def is_asked_for(request: Request) -> bool:
    """Tell whether a person asks, and not the page's script or a stream by itself."""
    return UNASKED not in request.headers and "text/event-stream" not in request.headers.get("accept", "")


def _is_ours(request: Request) -> bool:
    """Tell whether a page of this node sent it: Fetch Metadata says so or, from an older browser, Origin."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(request.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == request.headers.get("host")


def is_secure(request: Request) -> bool:
    """Tell whether the browser came by HTTPS, so that its cookies may demand it."""
    return request.url.scheme == "https"


def cookie_named(request: Request, name: str) -> str:
    """Return what a cookie of ours is called: wherever it can be, such that no other host can have set it."""
    return f"__Host-{name}" if is_secure(request) else name
