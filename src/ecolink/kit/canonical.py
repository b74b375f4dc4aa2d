"""One way to write JSON, for what we sign and what we hash."""

import hashlib
import json
from typing import Any


def dumps(value: Any) -> bytes:  # noqa: ANN401 - JSON is any value
    """Write `value` as compact UTF-8 JSON with sorted members.

    Raises:
        ValueError: the value holds NaN or an infinity.

    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()


def sha256_hex(data: bytes) -> str:
    """Return SHA-256 of `data` as 64 lower-case hex digits, the form of every digest on the wire."""
    return hashlib.sha256(data).hexdigest()
