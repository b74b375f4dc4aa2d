"""Identifiers: UUIDv7 (RFC 9562 section 5.7), so that keys grow with time and indexes stay compact."""

import re
from datetime import datetime

_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_id(now: datetime) -> str:
    """Return a new UUIDv7 whose time part is `now`, as lower-case text."""
    from uuid_utils import uuid7  # noqa: PLC0415 - the readers of pushes make none

    return str(uuid7(nanoseconds=round(now.timestamp() * 1_000_000) * 1000))


def is_id(text: str) -> bool:
    """Tell whether `text` is a UUIDv7 in lower-case canonical form."""
    return _UUID7.fullmatch(text) is not None
