"""Errors as RFC 9457 problems: one table from what went wrong to what the client is told.

Every problem has a stable `type` (`/problems/<code>`, described in openapi/problems.md), a Chinese and
an English detail, and pointers to the members at fault. `detail` follows Accept-Language; Chinese when
that says nothing.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from ecolink import errors

MEDIA_TYPE = "application/problem+json"


class Kind(NamedTuple):
    """What one sort of problem is called, and its HTTP status."""

    status: int
    title_en: str
    title_zh: str


PROBLEMS: Mapping[type[errors.EcolinkError], Kind] = MappingProxyType(
    {
        errors.NotFoundError: Kind(404, "Not found", "未找到"),
        errors.InvalidError: Kind(422, "Invalid input", "输入无效"),
        errors.IllegalMoveError: Kind(409, "Move not allowed in this state", "当前状态不允许此操作"),
        errors.ForbiddenError: Kind(403, "Forbidden", "无权操作"),
        errors.UnauthenticatedError: Kind(401, "Not authenticated", "未通过身份验证"),
        errors.StaleError: Kind(412, "Changed by somebody else", "已被他人修改"),
        errors.PreconditionRequiredError: Kind(428, "Version required", "需要指明版本"),
        errors.ConflictError: Kind(409, "Conflict", "冲突"),
        errors.TooLargeError: Kind(413, "Too large", "内容过大"),
        errors.ThrottledError: Kind(429, "Too many requests", "请求过于频繁"),
        errors.UnavailableError: Kind(503, "Temporarily unavailable", "暂时不可用"),
        errors.SettingError: Kind(500, "Node misconfigured", "节点配置有误"),
        errors.EcolinkError: Kind(500, "Internal error", "内部错误"),
    },
)
"""Error class to problem; a subclass without its own row has its parent's status and title, and its own code."""

HTTP_PROBLEMS: Mapping[int, tuple[str, Kind]] = MappingProxyType(
    {
        400: ("malformed", Kind(400, "Malformed request", "请求格式错误")),
        404: ("not-found", PROBLEMS[errors.NotFoundError]),
        405: ("method-not-allowed", Kind(405, "Method not allowed", "不支持该方法")),
        408: ("too-slow", Kind(408, "Request too slow", "请求传输过慢")),
        413: ("too-large", PROBLEMS[errors.TooLargeError]),
        415: ("unsupported-media-type", Kind(415, "Unsupported media type", "不支持的媒体类型")),
        500: ("internal", Kind(500, "Internal error", "内部错误")),
    },
)
"""Problems the framework finds before any room is asked, by HTTP status."""


class FieldProblem(BaseModel):
    """One member or parameter at fault."""

    pointer: str | None = Field(default=None, description="JSON Pointer (RFC 6901) into the request body.")
    parameter: str | None = Field(default=None, description="Name of the query, path or header parameter.")
    detail_zh: str
    detail_en: str


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str = Field(description="Stable reference of the kind of problem, relative to the API's root.")
    title: str
    status: int
    detail: str = Field(description="What happened, in the language asked for.")
    detail_zh: str
    detail_en: str
    errors: list[FieldProblem] | None = None
    request_id: str


def kind_of(error: type[errors.EcolinkError]) -> Kind:
    """Return the problem of an error class, or of the nearest class above it."""
    return next(PROBLEMS[above] for above in error.__mro__ if above in PROBLEMS)


def problem(
    request: Request,
    code: str,
    kind: Kind,
    detail_en: str,
    detail_zh: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a problem document as the answer to `request`."""
    chinese = speaks_chinese(request.headers.get("accept-language", ""))
    document: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": kind.title_zh if chinese else kind.title_en,
        "status": kind.status,
        "detail": detail_zh if chinese else detail_en,
        "detail_zh": detail_zh,
        "detail_en": detail_en,
        "request_id": getattr(request.state, "request_id", ""),
    }
    if errors:
        document["errors"] = list(errors)
    language = {"Content-Language": "zh" if chinese else "en", "Vary": "Accept-Language"}
    return JSONResponse(document, kind.status, headers={**language, **(headers or {})}, media_type=MEDIA_TYPE)


def of_error(request: Request, error: errors.EcolinkError) -> JSONResponse:
    """Return the problem document of a domain error."""
    headers: dict[str, str] = {}
    if isinstance(error, errors.ThrottledError | errors.UnavailableError):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    fields = [] if error.pointer is None else [_field(error.pointer, error.detail_en, error.detail_zh)]
    return problem(
        request, error.code, kind_of(type(error)), error.detail_en, error.detail_zh, errors=fields, headers=headers
    )


def speaks_chinese(accept_language: str) -> bool:
    """Tell whether Chinese is preferred over English; yes when neither is named (RFC 9110 section 12.5.4)."""
    weights = {"zh": 0.0, "en": 0.0}
    for part in accept_language.split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.split("-")[0].strip().lower()
        if language in weights:
            weights[language] = max(weights[language], _weight(parameters))
    return weights["zh"] >= weights["en"]


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _field(pointer: str, detail_en: str, detail_zh: str) -> dict[str, str]:
    place = "pointer" if pointer.startswith("/") or not pointer else "parameter"
    return {place: pointer, "detail_zh": detail_zh, "detail_en": detail_en}
