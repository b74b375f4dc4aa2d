from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from tests.support.town import SHOUNING, Town

SHORT = 10_000


@pytest.mark.by_turns
def test_what_a_failed_assertion_prints_of_a_node_is_short(town: Town) -> None:
    """Services hold one another: printed with all they hold, one would be millions of characters, after minutes."""
    node = town.nodes[SHOUNING]
    long = {name: len(text) for name, part in parts_of(node) if len(text := repr(part)) > SHORT}
    assert long == {}


def parts_of(whole: Any, depth: int = 4) -> Iterator[tuple[str, Any]]:
    yield type(whole).__name__, whole
    if depth and is_dataclass(whole):
        for field in fields(whole):
            for name, part in parts_of(getattr(whole, field.name), depth - 1):
                yield f"{type(whole).__name__}.{field.name} {name}", part
