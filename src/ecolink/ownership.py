"""Whose the node's files are, and what to say where they are closed to the user at work."""

import os
import pwd
from pathlib import Path

from ecolink.errors import SettingError


def name_of(uid: int) -> str:
    """Return the name of a user of this machine, or the number of one that has none, as in a container."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def refuse_closed(*paths: Path) -> None:
    """Refuse to begin where a file or folder that is there may not be read and written by this user.

    A file system mounted read-only is no matter of users: the database says so itself, and the node waits for it.

    Raises:
        SettingError: one may not; the text says which, and how to mend it.

    """
    for path in paths:
        try:
            wanted = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
            if not path.exists() or os.access(path, wanted) or os.statvfs(path).f_flag & os.ST_RDONLY:
                continue
        except PermissionError:
            pass
        raise closed(path)


def closed(path: Path) -> SettingError:
    """Return what to say of a file or folder that this user may not open or make."""
    me = name_of(os.geteuid())
    try:
        owner = name_of(path.stat().st_uid)
    except PermissionError:
        return closed(path.parent)
    except FileNotFoundError:
        return SettingError(
            f"{me} may not make {path}: as root, run 'install -d -o {me} -m 0700 {path}'; then run this again.",
            f"{me} 无权创建 {path}：请以 root 执行 install -d -o {me} -m 0700 {path}，然后重试。",
        )
    if owner == me:
        return SettingError(
            f"{path} is closed even to {me}, whose it is: run 'chmod u+rwX {path}'.",
            f"{path} 的属主 {me} 也无权访问：请执行 chmod u+rwX {path}。",
        )
    return SettingError(
        f"{path} belongs to {owner} and is closed to {me}: run this as {owner}, or, as root, 'chown {me}: {path}'.",
        f"{path} 属于 {owner}，{me} 无权访问：请以 {owner} 执行，或以 root 执行 chown {me}: {path}。",
    )
