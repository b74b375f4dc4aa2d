"""Members of a verified payload, each read with its type, or refused by name.

An optional member that is `null` counts as absent. Detail sentences name the member, never its value.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

from ecolink.kit.ids import is_id
from ecolink.kit.times import from_seconds, from_text
from ecolink.protocol.limits import MAX_EPOCH, MAX_INTEGER
from ecolink.protocol.refusal import Reason, Refused

Claims = Mapping[str, Any]
Word = TypeVar("Word", bound=StrEnum)

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 15, 59, 59, 999999, tzinfo=UTC)
"""The last moment that can still be written at +08:00."""
_LAST_SECOND = int(_LAST.timestamp())


def text(claims: Claims, name: str, *, most: int = 500) -> str:
    """Return a text of 1 to `most` characters that is not blank."""
    value = claims.get(name)
    if type(value) is not str or len(value) > most or not value or value.isspace():
        raise wrong(claims, name, f"text of 1 to {most} characters")
    return value


def truth(claims: Claims, name: str) -> bool:
    """Return true or false."""
    value = claims.get(name)
    if type(value) is not bool:
        raise wrong(claims, name, "true or false")
    return value


def whole(claims: Claims, name: str, *, least: int = 0, most: int = MAX_INTEGER) -> int:
    """Return a whole number between `least` and `most`."""
    value = claims.get(name)
    if type(value) is not int or not least <= value <= most:
        raise wrong(claims, name, f"a whole number from {least} to {most}")
    return value


def epoch(claims: Claims, name: str = "epoch") -> int:
    """Return the number of a channel's epoch: 1 or more, and never so high that there is no next one."""
    return whole(claims, name, least=1, most=MAX_EPOCH)


def choice(claims: Claims, name: str, words: type[Word]) -> Word:
    """Return the member of `words` that the text names."""
    value = claims.get(name)
    word: Word | None = _by_text(words).get(value) if type(value) is str else None
    if word is None:
        raise wrong(claims, name, f"one of {', '.join(words)}")
    return word


@lru_cache(maxsize=64)
def _by_text(words: type[Word]) -> Mapping[str, Word]:
    """Return the words by their text: an enumeration asked for a member takes three times as long."""
    return {str(word): word for word in words}


def items(claims: Claims, name: str, *, most: int, least: int = 0) -> list[Any]:
    """Return an array of `least` to `most` items."""
    value = claims.get(name)
    if type(value) is not list or not least <= len(value) <= most:
        raise wrong(claims, name, f"an array of {least} to {most} items")
    return value


def members(claims: Claims, name: str) -> dict[str, Any]:
    """Return an object."""
    value = claims.get(name)
    if type(value) is not dict:
        raise wrong(claims, name, "an object")
    return value


def unit(claims: Claims, name: str) -> str:
    """Return a bureau's unit code (GA 380): 12 digits."""
    value = claims.get(name)
    if not is_unit(value):
        raise wrong(claims, name, "a unit code of 12 digits")
    return str(value)


def digest(claims: Claims, name: str) -> str:
    """Return a SHA-256 digest: 64 lower-case hexadecimal digits."""
    value = claims.get(name)
    if not is_digest(value):
        raise wrong(claims, name, "64 lower-case hexadecimal digits")
    return str(value)


def ident(claims: Claims, name: str) -> str:
    """Return an identifier (UUIDv7)."""
    value = claims.get(name)
    if type(value) is not str or not is_id(value):
        raise wrong(claims, name, "a UUIDv7 in lower case")
    return value


def seconds(claims: Claims, name: str) -> datetime:
    """Return a NumericDate (RFC 7519 section 2), whole seconds, in UTC."""
    return from_seconds(whole(claims, name, most=_LAST_SECOND))


def moment(claims: Claims, name: str) -> datetime:
    """Return an RFC 3339 time with an offset, in UTC."""
    value = claims.get(name)
    try:
        read = from_text(value) if type(value) is str else None
    except ValueError:
        read = None
    if read is None or not _FIRST <= read <= _LAST:
        raise wrong(claims, name, "an RFC 3339 time with an offset, from 1970 to 9999")
    return read


def maybe_moment(claims: Claims, name: str) -> datetime | None:
    """Return an RFC 3339 time with an offset, in UTC, or None."""
    return None if claims.get(name) is None else moment(claims, name)


def maybe_ident(claims: Claims, name: str) -> str | None:
    """Return an identifier (UUIDv7), or None."""
    return None if claims.get(name) is None else ident(claims, name)


def maybe_digest(claims: Claims, name: str) -> str | None:
    """Return a digest, or None."""
    return None if claims.get(name) is None else digest(claims, name)


def maybe_text(claims: Claims, name: str, *, most: int = 500) -> str | None:
    """Return a text, or None."""
    return None if claims.get(name) is None else text(claims, name, most=most)


def is_unit(value: object) -> bool:
    """Tell whether `value` is 12 ASCII digits."""
    return type(value) is str and len(value) == 12 and value.isascii() and value.isdigit()  # noqa: PLR2004 - GA 380


def is_digest(value: object) -> bool:
    """Tell whether `value` is 64 lower-case hexadecimal digits."""
    return type(value) is str and len(value) == 64 and is_hex(value)  # noqa: PLR2004 - SHA-256


def are_digests(values: list[Any]) -> bool:
    """Tell whether every item is a digest; many are looked at together, for a batch holds hundreds."""
    return all(type(value) is str and len(value) == 64 for value in values) and is_hex("".join(values))  # noqa: PLR2004


def is_hex(text: str) -> bool:
    """Tell whether `text` has nothing but lower-case hexadecimal digits."""
    return not text.strip("0123456789abcdef")


def wrong(claims: Claims, name: str, wanted: str) -> Refused:
    """Return the refusal of a member that is absent or not what is wanted."""
    if name not in claims:
        return Refused(Reason.MISSING_CLAIM, f"{name} is absent; it is {wanted}")
    return Refused(Reason.INVALID_CLAIM, f"{name} is not {wanted}")
