"""What an update makes of the situation told before: all of it anew, with what has changed."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ecolink.errors import InvalidError
from ecolink.exchanges.emergencies.schemas import UpdateIn
from ecolink.protocol.kinds.emergencies import EmergencyUpdateV1, Facts


def amend(situation: Mapping[str, Any], entry: UpdateIn) -> dict[str, Any]:
    """Return the body of an update but for the distance to the border, which is measured anew.

    Raises:
        InvalidError: the result would break a rule of the domain; the pointer names the first member at fault.

    """
    patch = entry.patch()
    known = {name: situation[name] for name in (*Facts.model_fields, "status") if name in situation}
    if "location" in patch:
        # New words beside old coordinates would send people to the wrong place.
        known.pop("location", None)
    facts = merge_patch(known, patch) | {"changes": entry.changes}
    try:
        EmergencyUpdateV1.model_validate(facts)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        raise InvalidError(
            f"After this update the emergency would not be valid: {first['msg']}",
            "更新后的内容不符合要求，请检查该字段。",
            pointer="".join(f"/{part}" for part in first["loc"]),
        ) from fault
    return facts


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return `target` with `patch` applied: objects merge, null removes, everything else replaces (RFC 7396)."""
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            below = merged.get(name)
            merged[name] = merge_patch(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged
