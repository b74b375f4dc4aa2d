"""Write who may call what, read from the application with all its calls and pages: docs/authorization.md.

python -m ecolink.console.authorization           # write
python -m ecolink.console.authorization --check   # compare, and fail on a difference (CI)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI

from ecolink.console.app import add_console
from ecolink.console.console import Console, Home
from ecolink.console.files import PREFIX
from ecolink.identity.roles import print_grants
from ecolink.web.authorization import API, OUTSIDE, PUBLIC, Entry, entries_of, print_table, read_entries
from ecolink.web.openapi import ROOT, Nothing, empty_rooms, keep, local_app

OPEN_TO_EVERYBODY = frozenset(
    {
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("POST", "/sign-out"),
        ("GET", "/sign-in/bureau"),
        ("GET", "/sign-in/bureau/return"),
        ("GET", "/sign-in/bureau/leave"),
        ("POST", "/language"),
        ("POST", "/theme"),
        ("GET", "/a"),
        ("GET", "/a/{secret}"),
        ("POST", "/a/{secret}"),
    }
)
"""Pages that need no login: how one comes and goes, and what has a secret in its address: a one-time link."""

_PAGE = """# Who may call what

Every call of the local API and every page of the console, with whatever it sends, asks for exactly one permission; a
role grants permissions. The tables are read from the code (`python -m ecolink.console.authorization`), and tests call
every row as every role.

Beside them stand {outside}: signs of life and the API's description are public, and
`/metrics` is for whoever shows the setting `metrics_token`, or where that is not set for this machine alone. What pages
look like and do (`{static}/…`) is public too.

## Calls

Public, without a login: {calls_for_everybody}.

{calls}

## Pages

Public, without a login: {pages_for_everybody}.

{pages}

## Permissions

{grants}"""


def app_with_pages() -> FastAPI:
    """Return the API and the console with nothing behind them."""
    app = local_app()
    nothing = cast("Any", Nothing())
    home = Home(unit_code="", name_zh="", name_en="")
    add_console(
        app, Console(home=home, identity=nothing, rooms=empty_rooms(), live=nothing, ground=nothing, upkeep=nothing)
    )
    return app


def pages_of(app: FastAPI) -> list[Entry]:
    """Return every page of the console, and everything that pages send, in order of address."""
    outside = (API, PREFIX, *(path for path in OUTSIDE if "{" not in path))
    return read_entries(app, lambda path: not path.startswith(outside))


def print_authorization(app: FastAPI) -> str:
    """Return the tables as Markdown."""
    pages = pages_of(app)
    return _PAGE.format(
        outside=", ".join(f"`{path}`" for path in OUTSIDE),
        static=PREFIX,
        calls_for_everybody=", ".join(f"`{method} {path}`" for method, path in sorted(PUBLIC)),
        calls=print_table("call", (entry for entry in entries_of(app) if not entry.is_public)),
        pages_for_everybody=", ".join(f"`{page.method} {page.path}`" for page in pages if not page.permissions),
        pages=print_table("page", (page for page in pages if page.permissions)),
        grants=print_grants(),
    )


def contracts() -> Mapping[Path, str]:
    """Return the file and what it should hold."""
    return {ROOT / "docs/authorization.md": print_authorization(app_with_pages())}


if __name__ == "__main__":
    raise SystemExit(keep(contracts(), "python -m ecolink.console.authorization"))
