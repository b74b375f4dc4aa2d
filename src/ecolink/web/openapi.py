"""Write what the code says of the two APIs: openapi/*.yaml and openapi/problems.md.

python -m ecolink.web.openapi           # write
python -m ecolink.web.openapi --check   # compare, and fail on a difference (CI)
"""

import argparse
import difflib
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import yaml
from fastapi import FastAPI

from ecolink.errors import NotFoundError
from ecolink.federation.endpoints import router as federation_router
from ecolink.identity.service import Identity
from ecolink.kit.buckets import Buckets
from ecolink.kit.clock import SystemClock
from ecolink.surface.door import Door
from ecolink.web.app import build_federation
from ecolink.web.cooperation import Cooperation
from ecolink.web.local_api import build_local
from ecolink.web.metrics import Scrape
from ecolink.web.problem_list import print_problems
from ecolink.web.rooms import Rooms
from ecolink.web.routers import routers_of

ROOT = Path(__file__).parent.parent.parent.parent


class Nothing:
    """Stands for a service where only its endpoints are wanted: whatever it is asked for is not there."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it stands for anything
        """Return what stands for a method, or for a service in a service; special names are not pretended."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def __call__(self, *_: object, **__: object) -> None:
        """Find nothing."""
        raise NotFoundError


def empty_rooms() -> Rooms:
    """Return the rooms of a node that holds nothing."""
    nothing = {room.name: cast("Any", Nothing()) for room in (*fields(Rooms), *fields(Cooperation))}
    cooperation = Cooperation(**{room.name: nothing[room.name] for room in fields(Cooperation)})
    rooms = {room.name: nothing[room.name] for room in fields(Rooms)}
    return Rooms(**{**rooms, "cooperation": cooperation})


def local_app() -> FastAPI:
    """Return the local API with all its endpoints and nothing behind them."""
    scrape = Scrape(cast("Any", Nothing()))
    return build_local(_door(), cast("Identity", Nothing()), routers_of(empty_rooms()), scrape=scrape)


def federation_app() -> FastAPI:
    """Return the federation API with all its endpoints and nothing behind them."""
    return build_federation(_door(), [federation_router(cast("Any", Nothing()), SystemClock())])


def _door() -> Door:
    return Door(cast("Any", Nothing()), SystemClock(), cast("Any", Nothing()), Buckets(per_second=1, burst=1))


class _Dumper(yaml.SafeDumper):
    """Writes for people: no anchors, and text of several lines as it is."""

    def ignore_aliases(self, data: object) -> bool:
        """Write out what occurs twice, twice."""
        del data
        return True


def _write_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _write_text)


def print_yaml(app: FastAPI) -> str:
    """Return the OpenAPI document of `app`, the same text every time."""
    return yaml.dump(app.openapi(), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)


def contracts() -> Mapping[Path, str]:
    """Return every file and what it should hold."""
    return {
        ROOT / "openapi/local.v1.yaml": print_yaml(local_app()),
        ROOT / "openapi/federation.v1.yaml": print_yaml(federation_app()),
        ROOT / "openapi/problems.md": print_problems(),
    }


def keep(contracts: Mapping[Path, str], command: str) -> int:
    """Write the files, or with `--check` compare them; `command` is what writes them. Return the exit code."""
    parser = argparse.ArgumentParser(prog=command)
    parser.add_argument("--check", action="store_true", help="compare with the files, and write nothing")
    check = parser.parse_args().check

    stale = 0
    for path, wanted in contracts.items():
        held = path.read_text(encoding="utf-8") if path.exists() else ""
        if held == wanted:
            continue
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
            continue
        stale += 1
        name = str(path.relative_to(ROOT))
        difference = difflib.unified_diff(held.splitlines(), wanted.splitlines(), name, f"{name} (code)", "", "", 2, "")
        sys.stderr.write("\n".join(list(difference)[:80]) + "\n")
    if stale:
        sys.stderr.write(f"The code serves something else than the files say: run {command}\n")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(keep(contracts(), "python -m ecolink.web.openapi"))
