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


def completed(example: Any, schema: Schema, lookup: Lookup) -> Any:  # noqa: ANN401
    """Return `example` with every required member it lacks: null where that is allowed, else that member's example.

    The framework leaves nulls out of the whole document, out of the examples in it as well; and a schema
    made from another one may have inherited an example that lacks its own members.
    """
    if "$ref" in schema:
        return completed(example, lookup(schema["$ref"].rsplit("/", 1)[-1]), lookup)
    choices = [choice for choice in schema.get("anyOf") or schema.get("oneOf") or () if choice.get("type") != "null"]
    if len(choices) == 1:
        return completed(example, choices[0], lookup)
    if isinstance(example, list) and "items" in schema:
        return [completed(item, schema["items"], lookup) for item in example]
    if isinstance(example, dict) and "properties" in schema:
        known = schema["properties"]
        members = {name: completed(value, known.get(name, {}), lookup) for name, value in example.items()}
        lacking = [name for name in schema.get("required", ()) if name not in members]
        return members | {name: _absent(known[name], lookup, name) for name in lacking}
    return example


def _absent(schema: Schema, lookup: Lookup, name: str) -> Any:  # noqa: ANN401
    if any(choice.get("type") == "null" for choice in schema.get("anyOf") or ()):
        return None
    return completed(example_of(schema, lookup, f"/{name}"), schema, lookup)
