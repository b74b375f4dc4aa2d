"""Which role may call what: read from the built application, so that the table cannot drift from the code."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from ecolink.identity.roles import GRANTS, ROLE_NAMES_ZH, Permission, Role, print_grants
from ecolink.surface.auth import requirements_of

API = "/api/v1"

PUBLIC = frozenset(
    {
        ("POST", "/api/v1/oauth/token"),
        ("POST", "/api/v1/oauth/revoke"),
        ("GET", "/api/v1/feeds/{secret}.ics"),
        ("GET", "/api/v1/alert-links/{secret}"),
        ("POST", "/api/v1/alert-links/{secret}/acknowledge"),
    }
)
"""Calls of the local API that need no login: how one comes and goes, and what has a secret in its address: a calendar,
a one-time link."""

OUTSIDE = ("/livez", "/readyz", "/metrics", "/api/docs", "/api/docs/{name}", "/api/openapi.json")
"""Addresses beside the API: signs of life and the description for everybody, metrics as `web.metrics` says."""

_HEAD = """# Who may call what

Every call of the local API asks for exactly one permission; a role grants permissions. Both tables are read from the
code (`python -m ecolink.web.openapi`), and a test calls every row as every role.

Beside them stand {outside}: signs of life and the API's description are public, and
`/metrics` is for whoever shows the setting `metrics_token`, or where that is not set for this machine alone.

Public, without a login: """


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One call of the local API and the permissions it demands: one, unless it is public or wrongly made."""

    path: str
    method: str
    permissions: tuple[Permission, ...]

    @property
    def is_public(self) -> bool:
        """Whether the call is on the short list of those that need no login."""
        return (self.method, self.path) in PUBLIC

    def admits(self, role: Role) -> bool:
        """Tell whether a person with this role alone is let in."""
        return self.is_public or all(permission in GRANTS[role] for permission in self.permissions)


def entries_of(app: FastAPI) -> list[Entry]:
    """Return every call under /api/v1 that `app` answers, in order of address."""
    return sorted(_entries(app))


def _entries(app: FastAPI) -> Iterator[Entry]:
    for context in iter_route_contexts(app.routes):
        path = context.path or ""
        if not path.startswith(API):
            continue
        route = context.original_route
        demands = requirements_of(route.dependant) if isinstance(route, APIRoute) else []
        for method in context.methods or ():
            yield Entry(path, method, tuple(demand.permission for demand in demands))


def print_authorization(app: FastAPI) -> str:
    """Return the tables as Markdown."""
    head = _HEAD.format(outside=", ".join(f"`{path}`" for path in OUTSIDE))
    public = ", ".join(f"`{method} {path}`" for method, path in sorted(PUBLIC))
    roles = " | ".join(f"{role.value}<br>{ROLE_NAMES_ZH[role]}" for role in Role)
    lines = [
        f"{head}{public}.",
        "",
        "## Calls",
        "",
        f"| call | permission | {roles} |",
        "|---" * (len(Role) + 2) + "|",
    ]
    lines += [_row(entry) for entry in entries_of(app) if not entry.is_public]
    lines += ["", "## Permissions", "", print_grants()]
    return "\n".join(lines)


def _row(entry: Entry) -> str:
    marks = " | ".join("yes" if entry.admits(role) else "" for role in Role)
    demanded = ", ".join(permission.value for permission in entry.permissions)
    return f"| `{entry.method} {entry.path}` | {demanded} | {marks} |"
