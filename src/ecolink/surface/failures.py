"""The handlers that turn what went wrong in an application into a problem document.

What no handler knows is a fault of ours: `threshold` logs it and answers 500.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from ecolink.errors import ConflictError, EcolinkError, InvalidError, StaleError
from ecolink.kit.events import structlog
from ecolink.protocol.refusal import Refused
from ecolink.surface.problems import HTTP_PROBLEMS, PROBLEMS, kind_of, of_error, problem

_log = structlog.get_logger(__name__)

_FIELD_ZH: Mapping[str, str] = MappingProxyType(
    {
        "missing": "必填项缺失。",
        "extra_forbidden": "不允许出现该项。",
        "enum": "取值不在允许范围内。",
        "literal_error": "取值不在允许范围内。",
        "string_too_short": "文本过短。",
        "string_too_long": "文本过长。",
        "string_pattern_mismatch": "格式不符合要求。",
        "too_short": "项数过少。",
        "too_long": "项数过多。",
        "greater_than": "数值过小。",
        "greater_than_equal": "数值过小。",
        "less_than": "数值过大。",
        "less_than_equal": "数值过大。",
        "timezone_aware": "时间须带时区，如 +08:00。",
        "nul_character": "不得含有 U+0000 字符。",
    }
)
"""What the commonest faults are called in Chinese; the kinds of value follow by their prefix below."""

_TYPE_ZH: Mapping[str, str] = MappingProxyType(
    {
        "string": "须为文本。",
        "int": "须为整数。",
        "float": "须为数字。",
        "bool": "须为 true 或 false。",
        "datetime": "须为带时区的时间。",
        "date": "须为日期。",
        "list": "须为数组。",
        "dict": "须为对象。",
        "model": "须为对象。",
    }
)


def add_failures(app: FastAPI) -> None:
    """Have every failure in `app` answered with a problem document."""
    for error, handler in _HANDLERS.items():
        app.add_exception_handler(error, handler)


async def problem_of(request: Request, error: Exception) -> JSONResponse:
    """Return the problem document about `error`.

    Raises:
        Exception: `error` itself, where it is a fault of ours.

    """
    handler = next((_HANDLERS[above] for above in type(error).__mro__ if above in _HANDLERS), None)
    if handler is None:
        raise error
    return await handler(request, error)


async def _on_domain_error(request: Request, error: EcolinkError) -> JSONResponse:
    if kind_of(type(error)).status == HTTP_PROBLEMS[500][1].status:
        raise error  # a fault of ours: what it says is for the log
    return of_error(request, error)


async def _on_invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    faults = [_field(fault) for fault in error.errors()]
    return problem(
        request,
        InvalidError.code,
        PROBLEMS[InvalidError],
        f"{len(faults)} member(s) are not valid; see errors.",
        f"有 {len(faults)} 项内容无效，见 errors。",
        errors=faults,
    )


async def _on_http_exception(request: Request, error: HTTPException) -> JSONResponse:
    code, kind = HTTP_PROBLEMS.get(error.status_code, HTTP_PROBLEMS[400 if error.status_code < 500 else 500])  # noqa: PLR2004
    detail = _HTTP_DETAILS.get(error.status_code)
    english, chinese = detail or (str(error.detail), f"{kind.title_zh}：{error.detail}")
    return problem(request, code, kind, english, chinese, headers=error.headers)


_HTTP_DETAILS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        404: ("There is nothing at this address.", "该地址下没有内容。"),
        405: ("This address does not take this method; see Allow.", "该地址不支持此方法，见 Allow 响应头。"),
        408: ("The body took too long to arrive.", "请求内容传输超时。"),
        413: ("The body is larger than allowed here.", "请求内容超过允许的大小。"),
    }
)


async def _on_refused(request: Request, refused: Refused) -> JSONResponse:
    return problem(
        request,
        str(refused.reason),
        PROBLEMS[InvalidError],
        refused.detail,
        f"文件未通过协议检查（{refused.reason}）。",
    )


async def _on_collision(request: Request, error: IntegrityError) -> JSONResponse:
    _log.warning("two writers collided", error=str(error.orig))
    return of_error(
        request,
        ConflictError(
            "Somebody did the same at the same moment; read again and repeat if still wanted.",
            "有人同时进行了相同的操作，请重新读取后再决定是否重复。",
        ),
    )


async def _on_unstorable(request: Request, error: DataError) -> JSONResponse:
    _log.warning("a value cannot be stored", error=str(error.orig))
    return of_error(
        request,
        InvalidError("A value is out of the range that can be stored.", "有数值超出可保存的范围。"),
    )


async def _on_crossed_change(request: Request, _: StaleDataError) -> JSONResponse:
    return of_error(
        request,
        StaleError(
            "Somebody changed this since you read it; read it again and repeat your change.",
            "该对象在您读取后已被他人修改，请重新读取后再提交。",
        ),
    )


_HANDLERS: Mapping[type[Exception], Callable[[Request, Any], Awaitable[JSONResponse]]] = MappingProxyType(
    {
        EcolinkError: _on_domain_error,
        RequestValidationError: _on_invalid_request,
        HTTPException: _on_http_exception,
        Refused: _on_refused,
        IntegrityError: _on_collision,
        DataError: _on_unstorable,
        StaleDataError: _on_crossed_change,
    }
)


def _field(fault: Mapping[str, Any]) -> dict[str, str]:
    """Return a validation fault as the member it is about (RFC 6901) and what is wrong, in both languages."""
    place, *path = fault["loc"]
    kind = str(fault["type"])
    texts = {"detail_zh": _chinese(kind), "detail_en": str(fault["msg"])}
    if place != "body":
        return {"parameter": str(path[0]) if path else str(place), **texts}
    return {"pointer": "".join(f"/{_escape(str(part))}" for part in path), **texts}


def _chinese(kind: str) -> str:
    return _FIELD_ZH.get(kind) or _TYPE_ZH.get(kind.split("_", maxsplit=1)[0]) or "内容无效。"


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
