"""Freeze the vectors of a release: `python -m tests.vectors.freeze 0.1.0` writes `frozen/0.1.0.json`.

A frozen file names every part of every vector file with its digest. Later versions may add parts; none that a
release once had may change or go, for nodes of that release judge by them.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ecolink.kit.canonical import dumps, sha256_hex

FOLDER = Path(__file__).parent
FROZEN = FOLDER / "frozen"


def parts() -> dict[str, str]:
    """Return the digest of every part of the vectors as they are, by file, member and name."""
    found = {}
    for path in sorted(FOLDER.glob("**/*.json")):
        if path.parent == FROZEN:
            continue
        for place, part in _parts_of(json.loads(path.read_text("ascii"))):
            found[f"{path.relative_to(FOLDER)} {place}"] = sha256_hex(dumps(part))
    return found


def changed(release: str) -> list[str]:
    """Return what a release had and is no longer as it was."""
    now = parts()
    frozen: dict[str, str] = json.loads((FROZEN / f"{release}.json").read_text("ascii"))
    return [place for place, digest in frozen.items() if now.get(place) != digest]


def _parts_of(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for member, value in content.items():
        if member == "about":
            continue
        if not isinstance(value, list):
            yield member, value
            continue
        for number, item in enumerate(value):
            name = item.get("name", number) if isinstance(item, dict) else number
            yield f"{member} {name}", item


if __name__ == "__main__":
    FROZEN.mkdir(exist_ok=True)
    (FROZEN / f"{sys.argv[1]}.json").write_text(json.dumps(parts(), indent=1) + "\n", "ascii")
