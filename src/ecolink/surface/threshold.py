"""The outermost layer of an application: an id for every request, safe headers on every answer.

A body that is compressed is refused before it is read: nothing is ever unpacked here, so no bomb goes off. Whatever
no handler caught ends as a 500 problem that says nothing of the inside.
"""

import re
from uuid import uuid4

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecolink.kit.events import structlog
from ecolink.kit.meters import HTTP_REQUESTS, HTTP_SECONDS
from ecolink.surface.problems import HTTP_PROBLEMS, problem

_log = structlog.get_logger(__name__)

REQUEST_ID = "X-Request-ID"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")

SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Said on every answer that does not say otherwise itself. No answer ever allows another origin."""

HTTPS_ONLY = "max-age=63072000; includeSubDomains"
"""Two years in which a browser comes back by HTTPS alone (RFC 6797): said where it came by HTTPS."""


class Threshold:
    """ASGI middleware; put it outside all others."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, and its answer out."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = scope.setdefault("state", {})["request_id"] = _request_id(scope)
        begun, status = False, 500

        async def send_safely(message: Message) -> None:
            nonlocal begun, status
            if message["type"] == "http.response.start":
                begun, status = True, message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", HTTPS_ONLY)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id), HTTP_SECONDS.time():
            try:
                app = self.app if _is_plain(scope) else _refusal(scope)
                await app(scope, receive, send_safely)
            except Exception:
                _log.exception("request failed", method=scope["method"], path=scope["path"])
                if begun:
                    raise
                await failure(Request(scope))(scope, receive, send_safely)
            finally:
                HTTP_REQUESTS.labels(_method(scope), _route(scope), status).inc()


def _is_plain(scope: Scope) -> bool:
    """Tell whether the body comes as it is (RFC 9110 section 8.4)."""
    encodings = Headers(scope=scope).getlist("content-encoding")
    return all(coding.strip().lower() in {"identity", ""} for each in encodings for coding in each.split(","))


def _refusal(scope: Scope) -> ASGIApp:
    code, kind = HTTP_PROBLEMS[415]
    return problem(
        Request(scope),
        code,
        kind,
        "A compressed body is not unpacked here; send it as it is, without Content-Encoding.",
        "本节点不解压请求内容，请勿使用 Content-Encoding，直接发送原文。",
        headers={"Accept-Encoding": "identity"},  # RFC 9110 section 15.5.16
    )


def failure(request: Request) -> JSONResponse:
    """Return the problem document about a fault of ours: it says nothing of the inside."""
    code, kind = HTTP_PROBLEMS[500]
    return problem(
        request,
        code,
        kind,
        "The node failed; nothing was kept. Tell the operator the request_id.",
        "节点出现故障，本次内容未保存。请将 request_id 告知管理员。",
    )


def _method(scope: Scope) -> str:
    """Return the method, if it is one: a caller may invent any."""
    return scope["method"] if scope["method"] in _METHODS else "other"


def _route(scope: Scope) -> str:
    """Return the template of the address, such as /api/v1/leads/{lead_id}: an address itself says too much."""
    template = getattr(scope.get("route"), "path", "")
    if not template:
        return "none"
    # A route knows only its own part of the address; what stands before it holds no parameter.
    return str(scope["path"].rsplit("/", template.count("/"))[0] + template)


def _request_id(scope: Scope) -> str:
    """Return the caller's own id if it is sane, so that their log and ours agree; else a new one."""
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _SANE.fullmatch(given) else uuid4().hex
