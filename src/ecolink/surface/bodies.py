"""Reading what a client sent: to a limit of bytes and time, and strictly.

What one database would refuse to keep, the other does not get to see either.
"""

from time import monotonic
from typing import Any

import anyio
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

from ecolink.protocol import strict_json
from ecolink.protocol.refusal import Refused

MAX_DEPTH = 32
LEAST_SECONDS = 30
SLOWEST_BYTES_PER_SECOND = 16 * 1024
"""A client slower than that over the whole body is cut off: it drips on purpose, or its line is of no use."""


class StrictRequest(Request):
    """A request whose body has a limit, and whose JSON is read by the parser that reads signed documents."""

    def __init__(self, scope: Scope, receive: Receive, max_bytes: int) -> None:
        """Take the request as it comes in, with the limit of its body."""
        super().__init__(scope, _bounded(receive, _declared_length(scope), max_bytes))

    async def json(self) -> Any:  # noqa: ANN401 - JSON is any value
        """Return the body.

        Raises:
            HTTPException: 400; not UTF-8, not JSON, duplicate members, NaN, U+0000, lone surrogates, absurd depth.

        """
        body = await self.body()
        try:
            return strict_json.loads(body, max_bytes=len(body), max_depth=MAX_DEPTH)
        except Refused as refused:
            raise HTTPException(400, detail=refused.detail) from refused


def refuse_bad_address(request: Request) -> None:
    """Refuse U+0000 in the address: PostgreSQL keeps no such text, SQLite would.

    Raises:
        RequestValidationError: 422, naming the path or query parameter that holds it.

    """
    places = [("path", name) for name, value in request.path_params.items() if "\0" in str(value)]
    places += [("query", name) for name, value in request.query_params.multi_items() if "\0" in name + value]
    if places:
        raise RequestValidationError(
            [{"type": "nul_character", "loc": place, "msg": "U+0000 is not text", "input": None} for place in places],
        )


def _bounded(receive: Receive, declared: int, max_bytes: int) -> Receive:
    """Return `receive`, cut off at the limit of bytes and, counted over the whole body, of time."""
    read = 0
    deadline = monotonic() + LEAST_SECONDS + max_bytes / SLOWEST_BYTES_PER_SECOND

    async def receive_bounded() -> Message:
        nonlocal read
        if declared > max_bytes:
            raise _too_large(max_bytes)
        try:
            with anyio.fail_after(max(0.0, deadline - monotonic())):
                message = await receive()
        except TimeoutError as slow:
            raise HTTPException(408, detail="The body took too long to arrive.") from slow
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > max_bytes:
                raise _too_large(max_bytes)
        return message

    return receive_bounded


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def _too_large(max_bytes: int) -> HTTPException:
    return HTTPException(413, detail=f"The body may have {max_bytes} bytes.")
