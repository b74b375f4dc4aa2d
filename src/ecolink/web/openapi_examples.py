"""Examples put together from what schemas say of themselves and of their members."""

from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]
Lookup = Callable[[str], Schema]

_PLAIN: dict[str | None, Any] = {"boolean": False, "null": None}
_FORMATS = {
    "date-time": "2026-11-22T10:00:00+08:00",
    "date": "2026-11-22",
    "uuid": "019a0f5e-7c00-7abc-8def-0123456789ab",
}


class NoExampleError(Exception):
    """A member says nothing of what it looks like; the message names it."""


def example_of(schema: Schema, lookup: Lookup, at: str = "") -> Any:  # noqa: ANN401 - JSON is any value
    """Return an example of `schema`; `lookup` finds a component by its name.

    Raises:
        NoExampleError: it has none, and none can be made from its members.

    """
    for said in ("example", "const", "default"):
        if schema.get(said) is not None:
            return schema[said]
    for listed in ("examples", "enum"):
        if schema.get(listed):
            return schema[listed][0]
    if "$ref" in schema:
        return example_of(lookup(schema["$ref"].rsplit("/", 1)[-1]), lookup, at)
    for choice in ("allOf", "anyOf", "oneOf"):
        if choice in schema:
            return _first_of(schema[choice], lookup, at)
    return _by_type(schema, lookup, at)


def _by_type(schema: Schema, lookup: Lookup, at: str) -> Any:  # noqa: ANN401
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        return {name: example_of(member, lookup, f"{at}/{name}") for name, member in schema["properties"].items()}
    if kind == "array" and "items" in schema:
        return [example_of(schema["items"], lookup, f"{at}/0")]
    if kind == "string" and schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if "default" in schema:
        return schema["default"]
    raise NoExampleError(at or "/")


def _first_of(choices: list[Schema], lookup: Lookup, at: str) -> Any:  # noqa: ANN401
    """Return the first choice that has an example; null only when nothing else has one."""
    missing = NoExampleError(at or "/")
    for choice in sorted(choices, key=lambda choice: choice.get("type") == "null"):
        try:
            return example_of(choice, lookup, at)
        except NoExampleError as without:
            missing = without
    raise missing
