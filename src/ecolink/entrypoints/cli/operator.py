"""What an operator's command starts from: this machine's own node, and who is at the keyboard."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import typer
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry
from ecolink.entrypoints.cli.context import settings_of
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role

if TYPE_CHECKING:
    from ecolink.entrypoints.wiring import Node


@contextmanager
def open_node(context: typer.Context) -> Iterator["Node"]:
    """Open this machine's own node, and close it when the command is done.

    Raises:
        SettingError: the settings, the keys or the database's schema do not allow it.

    """
    from ecolink.entrypoints.wiring import build_node
    from ecolink.kit.clock import SystemClock

    node = build_node(settings_of(context), SystemClock())
    try:
        with node.database.read():  # for what it says when the database cannot be reached
            node.open()
        yield node
    finally:
        node.close()


def note(node: "Node", session: Session, what: str, object_id: str, *, now: datetime, reason: str = "") -> None:
    """Enter into the access log what the operator did: `what` is `peer-activate`, `user-reset` and the like."""
    by = operator()
    entry = AccessEntry.administered(what, object_id, by=by.username, role=by.lead_role, at=now, reason=reason)
    node.access.record(session, entry)


def operator() -> Principal:
    """Return who is at the keyboard: whoever may run commands on the node's own files administers it."""
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a container's user has a number and no name
        who = str(os.getuid())
    name = f"cli:{who}"
    return Principal(id=name, username=name, name=name, roles=frozenset({Role.ADMINISTRATOR}))
