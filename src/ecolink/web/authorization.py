"""Which role may call what: read from the built application, so that the table cannot drift from the code."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from ecolink.identity.roles import GRANTS, ROLE_NAMES_ZH, Permission, Role
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


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One call of the API or page of the console, and the permissions it demands: one, unless it is public."""

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
    return read_entries(app, lambda path: path.startswith(API))


def read_entries(app: FastAPI, is_meant: Callable[[str], bool]) -> list[Entry]:
    """Return whatever `app` answers at the addresses that are meant, in order of address."""
    return sorted(_entries(app, is_meant))


def _entries(app: FastAPI, is_meant: Callable[[str], bool]) -> Iterator[Entry]:
    for context in iter_route_contexts(app.routes):
        path = context.path or ""
        if not is_meant(path):
            continue
        route = context.original_route
        demands = requirements_of(route.dependant) if isinstance(route, APIRoute) else []
        for method in context.methods or ():
            yield Entry(path, method, tuple(demand.permission for demand in demands))


def print_table(title: str, entries: Iterable[Entry]) -> str:
    """Return as Markdown what each entry demands and whom it admits."""
    roles = " | ".join(f"{role.value}<br>{ROLE_NAMES_ZH[role]}" for role in Role)
    rows = (f"| {title} | permission | {roles} |", "|---" * (len(Role) + 2) + "|", *map(_row, entries))
    return "\n".join(rows)


def _row(entry: Entry) -> str:
    marks = " | ".join("yes" if entry.admits(role) else "" for role in Role)
    demanded = ", ".join(permission.value for permission in entry.permissions)
    return f"| `{entry.method} {entry.path}` | {demanded} | {marks} |"
