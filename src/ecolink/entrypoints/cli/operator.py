"""What an operator's command starts from: this machine's own node, and who is at the keyboard."""

import getpass
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry
from ecolink.entrypoints.cli.context import settings_of
from ecolink.errors import SettingError
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.ownership import name_of, refuse_closed
from ecolink.settings import Settings

if TYPE_CHECKING:
    from ecolink.entrypoints.wiring import Node


@contextmanager
def open_node(context: typer.Context, *, only_reads: bool = False) -> Iterator["Node"]:
    """Open this machine's own node, and close it when the command is done.

    Args:
        context: the command's.
        only_reads: whether the command changes nothing, so that root may give it as well.

    Raises:
        SettingError: the settings, the keys, the database's schema or the user at work do not allow it.

    """
    from ecolink.entrypoints.wiring import build_node
    from ecolink.kit.clock import SystemClock

    node = build_node(usable(settings_of(context), only_reads=only_reads), SystemClock())
    try:
        with node.database.read():  # for what it says when the database cannot be reached
            node.open()
        yield node
    finally:
        node.close()


def usable(settings: Settings, *, only_reads: bool = False) -> Settings:
    """Return the settings, unless what the user at work makes would be closed to the node, or the node to this user.

    Raises:
        SettingError: it is so; the text says whom to run the command as, or how to mend it.

    """
    if not (only_reads and os.geteuid() == 0):  # root may read all there is, and what SQLite makes then is its owner's
        _refuse_another_user(settings)
    database = [Path(str(make_url(settings.database_url).database))] if settings.uses_sqlite else []
    refuse_closed(settings.data_dir, *database)
    return settings


def _refuse_another_user(settings: Settings) -> None:
    """Refuse what would leave files of another user's among the node's.

    The node runs as whoever its folders and keys belong to. Where a folder is root's and the user another, as of a
    volume that is shared by its group, the node runs as that user.
    """
    me = os.geteuid()
    for path in (settings.data_dir, settings.key_dir, *_keys(settings.key_dir)):
        try:
            owner = path.stat().st_uid
        except OSError:  # not there yet; or closed, which is said where it is opened
            continue
        if owner not in (me, 0):
            who, how = name_of(owner), _as_user(owner)
            raise SettingError(
                f"{path} belongs to {who}, and what {name_of(me)} writes would be closed to the node: "
                f"run it as {who}{how and ': '}{how}",
                f"{path} 属于 {who}，{name_of(me)} 写入的文件节点将无法使用：请以 {who} 执行{how and '：'}{how}",
            )


def _keys(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix == ".pem"]
    except OSError:
        return []


def _as_user(uid: int) -> str:
    """Return the same command, to be given as another user; nothing if only the user can say how."""
    program, *arguments = sys.argv
    words = [sys.executable, "-m", "ecolink"] if program.endswith("__main__.py") else [program]
    command, who = shlex.join([*words, *arguments]), name_of(uid)
    if who != str(uid):
        return f"{'runuser' if os.geteuid() == 0 else 'sudo'} -u {who} -- {command}"
    return f"setpriv --reuid {uid} --clear-groups -- {command}" if os.geteuid() == 0 else ""


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
