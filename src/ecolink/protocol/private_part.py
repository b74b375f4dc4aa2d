"""The private part of a statement: all its personal data, salted, riding beside it.

The statement names the part by digest only. When the part is erased, salt and all, the digest no longer
says anything about a person, and the statement still verifies.
"""

from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from ecolink.kit import canonical
from ecolink.protocol import claims, strict_json
from ecolink.protocol.claims import Claims
from ecolink.protocol.limits import MAX_PRIVATE_BYTES
from ecolink.protocol.refusal import Reason, Refused

SALT_BYTES = 16
"""128 bits: nobody guesses what a digest stands for, however few the possibilities."""


def new_salt() -> str:
    """Return 128 random bits as 32 hexadecimal digits."""
    return token_hex(SALT_BYTES)


def write(data: Mapping[str, Any], salt: str) -> bytes:
    """Return the bytes of the part; their SHA-256 is what the statement names.

    Raises:
        ValueError: the data cannot be written as JSON.

    """
    return canonical.dumps({"salt": salt, "data": dict(data)})


def read(part: bytes) -> dict[str, Any]:
    """Return the personal data.

    Raises:
        Refused: `too-large`, `bad-json`, `missing-claim` or `invalid-claim`.

    """
    said = strict_json.loads(part, max_bytes=MAX_PRIVATE_BYTES)
    if not isinstance(said, dict):
        raise Refused(Reason.INVALID_CLAIM, "a private part is an object")
    salt(said)
    return claims.members(said, "data")


def check(part: bytes, digest: str | None) -> None:
    """Return if `part` is the one the statement names by `digest`, and is readable.

    Raises:
        Refused: `private-unexpected`, `private-mismatch`, or as `read`.

    """
    if digest is None:
        raise Refused(Reason.PRIVATE_UNEXPECTED, "the statement names no private part")
    if len(part) > MAX_PRIVATE_BYTES:
        raise Refused(Reason.TOO_LARGE, f"a private part of {len(part)} bytes; at most {MAX_PRIVATE_BYTES}")
    if canonical.sha256_hex(part) != digest:
        raise Refused(Reason.PRIVATE_MISMATCH, "the private part does not match its digest")
    read(part)


def salt(said: Claims) -> str:
    """Return the salt of a private part, or of a statement, which has one of its own."""
    value = said.get("salt")
    if type(value) is not str or len(value) != 2 * SALT_BYTES or not claims.is_hex(value):
        raise claims.wrong(said, "salt", "128 bits as 32 lower-case hexadecimal digits")
    return value
