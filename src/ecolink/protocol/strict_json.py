"""JSON with one reading only (RFC 7493, I-JSON, and a little stricter).

Two readers that disagree about a signed document are two truths. So everything on which JSON readers
are known to differ is refused: duplicate members, NaN, lone surrogates, U+0000, numbers too large to be
exact, nesting deep enough to break a stack, bytes that are not UTF-8.
"""

from json import JSONDecodeError, JSONDecoder
from math import isfinite
from typing import Any, NoReturn

import orjson

from ecolink.protocol.limits import MAX_DEPTH, MAX_INTEGER
from ecolink.protocol.refusal import Reason, Refused

_LONGEST_INTEGER = len(str(-MAX_INTEGER))
_CONTAINERS = (dict, list)


def loads(raw: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401 - JSON is any value
    """Read `raw` as one JSON value.

    Raises:
        Refused: `too-large`, or `bad-json` with a sentence saying what is wrong.

    """
    if len(raw) > max_bytes:
        raise Refused(Reason.TOO_LARGE, f"{len(raw)} bytes of JSON where at most {max_bytes} are allowed")
    value = _read_canonical(raw)
    if value is _OTHERWISE:
        value = _read_otherwise(raw)
    # Counting brackets, also those in texts, is the quick way to know that it cannot be deep.
    if raw.count(b"{") + raw.count(b"[") > max_depth:
        _refuse_deep(value, max_depth)
    return value


_OTHERWISE = object()
"""Not in the canonical form, which says nothing about whether it is good."""

_AS_WRITTEN_BY_US = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def _read_canonical(raw: bytes) -> Any:  # noqa: ANN401 - JSON is any value
    """Read what is written in the canonical form: its value, written again, gives the same bytes.

    That alone rules out everything this module refuses but depth: a member named twice would be written once, NaN
    as null, a number that is too large not at all. Nodes write this form, so nearly all that comes is read here, in a
    third of the time; the long way below is for the rest, and says what is wrong.
    """
    try:
        value = orjson.loads(raw)
        # An escape may spell U+0000, which the writer would spell alike; most texts have none of any kind.
        if b"\\" in raw and b"\\u" in raw:
            return _OTHERWISE
        return value if orjson.dumps(value, option=_AS_WRITTEN_BY_US) == raw else _OTHERWISE
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return _OTHERWISE


def _read_otherwise(raw: bytes) -> Any:  # noqa: ANN401 - JSON is any value
    try:
        value = _DECODER.decode(raw.decode())
    except UnicodeDecodeError:
        _refuse("not UTF-8")
    except JSONDecodeError as error:
        _refuse(f"{error.msg} at character {error.pos}")
    except RecursionError:  # CPython's own suite holds the decoder to it for 100,000 levels
        _refuse("nested far too deep")
    # Raw surrogates are not UTF-8 and the decoder refuses a raw U+0000; only an escape can bring one in.
    if b"\\u" in raw:
        _refuse_unportable_text(value)
    return value


def _refuse(what: str) -> NoReturn:
    raise Refused(Reason.BAD_JSON, what)


def _refuse_deep(value: Any, max_depth: int) -> None:  # noqa: ANN401 - JSON is any value
    """Take off one layer of objects and arrays after the other; none may be left after `max_depth`."""
    layer = [value] if type(value) in _CONTAINERS else []
    for _ in range(max_depth):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _CONTAINERS
        ]
        if not layer:
            return
    _refuse(f"nested deeper than {max_depth}")


def _refuse_unportable_text(value: object) -> None:
    """Walk the value and refuse text that cannot be stored and sent everywhere."""
    match value:
        case str():
            if "\0" in value:
                _refuse("text holds U+0000")
            try:
                value.encode()
            except UnicodeEncodeError:
                _refuse("text holds a lone surrogate")
        case dict():
            for name, member in value.items():
                _refuse_unportable_text(name)
                _refuse_unportable_text(member)
        case list():
            for item in value:
                _refuse_unportable_text(item)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse("an object names a member twice")
    return members


def _integer(digits: str) -> int:
    # The length is looked at first: reading thousands of digits takes quadratic time.
    if len(digits) > _LONGEST_INTEGER or not -MAX_INTEGER <= (number := int(digits)) <= MAX_INTEGER:
        _refuse("a whole number is beyond 2^53 - 1")
    return number


def _fraction(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        _refuse("a number is too large")
    return number


def _constant(name: str) -> NoReturn:
    _refuse(f"{name} is not JSON")


_DECODER = JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_constant, strict=True
)
