"""Freeze a release: `python -m tests.vectors.freeze 0.1.0` writes `0.1.0.json` in `frozen/`, `frozen/bodies/` and `frozen/said/`.

The first names every part of every vector file with its digest. Later versions may add parts; none that a
release once had may change or go, for nodes of that release judge by them.

The second holds the form of every statement's body and private part. A node of that release keeps members it does
not know, and refuses a body in which one that it knows is missing or has another form. So both read each other as
long as each member it knew is as it was, and the new ones may be left out.

The third holds what the models make of the bodies in `cases/bodies.py` and `cases/cooperation.py`: those they read, as they write them again, and
those they refuse by a rule that no form tells.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.protocol.kinds import KINDS
from ecolink.protocol.kinds import __main__ as kinds
from tests.vectors.cases import bodies, cooperation

FOLDER = Path(__file__).parent
FROZEN = FOLDER / "frozen"
BODIES = FROZEN / "bodies"
SAID = FROZEN / "said"

Form = Any
"""A part of a JSON Schema."""

_EXPLAINED = {"title", "description", "examples", "discriminator"}
"""What a JSON Schema says to people, or again."""


def parts() -> dict[str, str]:
    """Return the digest of every part of the vectors as they are, by file, member and name."""
    found = {}
    for path in sorted(FOLDER.glob("**/*.json")):
        if FROZEN in path.parents:
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


def forms(document: str) -> dict[str, Form]:
    """Return the form of every type in a file such as openapi/statements.v1.json, without explanations and references."""
    types: dict[str, Form] = json.loads(document)["types"]
    return {name: {part: _bare(form, form) for part, form in said.items()} for name, said in types.items()}


def broken(release: str, now: dict[str, Form]) -> list[str]:
    """Return what nodes of a release and nodes with the forms of `now` would refuse of each other."""
    then: dict[str, Form] = json.loads((BODIES / f"{release}.json").read_text("utf-8"))
    return [fault for name in then for fault in _breaks(name, then[name], now.get(name))]


def _bare(form: Form, whole: Form) -> Form:
    if isinstance(form, list):
        return sorted(form) if all(isinstance(each, str) for each in form) else [_bare(each, whole) for each in form]
    if not isinstance(form, dict):
        return form
    if "$ref" in form:
        return _bare(whole["$defs"][form["$ref"].removeprefix("#/$defs/")], whole)
    members = {"properties": {name: _bare(each, whole) for name, each in form.get("properties", {}).items()}}
    others = {word: _bare(each, whole) for word, each in form.items() if word not in {*_EXPLAINED, "$defs"}}
    return others | members if "properties" in form else others


def _breaks(place: str, then: Form, now: Form) -> Iterator[str]:
    """Compare two forms; where they are objects, what is new in the second one may be there but need not."""
    if isinstance(then, dict) and isinstance(now, dict):
        for word in sorted(then.keys() | now.keys()):
            if word == "properties":
                for name, member in then[word].items():
                    yield from _breaks(f"{place}/{name}", member, now.get(word, {}).get(name))
            else:
                yield from _breaks(f"{place} {word}", then.get(word), now.get(word))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for before, after in zip(then, now, strict=True):
            yield from _breaks(place, before, after)
    elif then != now:
        yield f"{place}: {json.dumps(then, ensure_ascii=False)}, now {json.dumps(now, ensure_ascii=False)}"


def said() -> Iterator[dict[str, Any]]:
    """Go through the bodies of every type, with what the models make of each; `true` where they write it as it was."""
    for case in (*bodies.cases(), *cooperation.cases()):
        told = {"type": case.type, "name": case.name, "body": case.body, "private": case.private}
        again = written(told)
        yield told | {"written": again == _as_it_was(told) or again}


def written(told: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the models write again after they read a body and its private part; None when they refuse either."""
    kind, again = KINDS[told["type"]], {}
    for part, model in (("body", kind.body), ("private", kind.private)):
        if told[part] is None:
            continue
        if model is None:
            return None
        try:
            again[part] = model.model_validate(told[part]).model_dump(mode="json", exclude_none=True)
        except ValidationError:
            return None
    return again


def unlike(then: dict[str, Any]) -> str | None:
    """Say what the models make of a body now that a release made something else of; None when it is the same.

    They may write more members than the release did. Of those it wrote, each is as it was.
    """
    wrote = _as_it_was(then) if then["written"] is True else then["written"]
    now = written(then)
    if now is None or wrote is None:
        return None if now is wrote else f"{then['name']}: {'refused' if now is None else 'read'} now"
    return next(_lost(then["name"], wrote, now), None)


def _as_it_was(told: dict[str, Any]) -> dict[str, Any]:
    return {part: told[part] for part in ("body", "private") if told[part] is not None}


def _lost(place: str, then: Any, now: Any) -> Iterator[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        for name, value in then.items():
            yield from _lost(f"{place}/{name}", value, now.get(name))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for before, after in zip(then, now, strict=True):
            yield from _lost(place, before, after)
    elif dumps(then) != dumps(now):
        yield f"{place}: {json.dumps(then, ensure_ascii=False)}, now {json.dumps(now, ensure_ascii=False)}"


def main(release: str) -> None:
    """Write the files of a release."""
    for folder in (BODIES, SAID):
        folder.mkdir(parents=True, exist_ok=True)
    told = (json.dumps(each, ensure_ascii=False) for each in said())
    (SAID / f"{release}.json").write_text("[\n" + ",\n".join(told) + "\n]\n", "utf-8")
    (FROZEN / f"{release}.json").write_text(json.dumps(parts(), indent=1) + "\n", "ascii")
    lines = (f'"{name}": {json.dumps(form, ensure_ascii=False)}' for name, form in forms(kinds.document()).items())
    (BODIES / f"{release}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
