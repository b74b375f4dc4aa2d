"""On the wire `ETag` shows a version, and `If-Match` names it (RFC 9110 sections 8.8.3 and 13.1.1)."""

import re
from typing import Annotated

from fastapi import Depends, Header

from ecolink.errors import PreconditionRequiredError
from ecolink.surface.versions import stale

_TAG = re.compile(r'"([0-9]{1,9})"')


def etag(version: int) -> str:
    """Return the entity tag of a row's version."""
    return f'"{version}"'


def _read_if_match(
    if_match: Annotated[
        str | None,
        Header(alias="If-Match", description="The `ETag` of the version this change builds on.", examples=['"1"']),
    ] = None,
) -> int:
    if if_match is None or if_match.strip() == "*":
        raise PreconditionRequiredError(
            "Name the version you change: If-Match with the ETag you read.",
            "请用 If-Match 请求头给出所修改的版本（读取时的 ETag）。",
        )
    tag = _TAG.fullmatch(if_match.strip())
    if tag is None:
        raise stale()
    return int(tag[1])


IfMatch = Annotated[int, Depends(_read_if_match)]
"""The version a change builds on; 428 when it is not named."""
