"""Reading what a client sent, strictly: what one database would refuse, neither gets to see."""

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ecolink.protocol import strict_json
from ecolink.protocol.refusal import Refused

MAX_DEPTH = 32


class StrictRequest(Request):
    """A request whose JSON body is read by the parser that reads signed documents."""

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


def refuse_bad_query(request: Request) -> None:
    """Refuse U+0000 in the address: PostgreSQL keeps no such text, SQLite would.

    Raises:
        RequestValidationError: 422 for a query parameter or a path that holds it.

    """
    places: list[tuple[str, str]] = [
        ("path", name) for name, value in request.path_params.items() if "\0" in str(value)
    ]
    places += [("query", name) for name, value in request.query_params.multi_items() if "\0" in name + value]
    if places:
        raise RequestValidationError(
            [{"type": "nul_character", "loc": place, "msg": "U+0000 is not text", "input": None} for place in places],
        )
