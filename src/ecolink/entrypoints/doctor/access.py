"""What of the node's own is closed to the node, and the command that opens it."""

import errno
import os
import pwd
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy.engine import make_url

from ecolink.entrypoints.doctor.finding import Finding
from ecolink.settings import Settings

NOT_OURS = "lost+found"
"""The file system keeps it at the root of a disk, for root alone."""


def owner(path: Path) -> int:
    """Return whose a file is; of a link, whose the link is."""
    return path.lstat().st_uid


def name_of(user: int) -> str:
    """Return the name of a user of this machine, or the number of one who has none."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def places(given: Settings) -> Iterator[Path]:
    """Return where the node keeps what is its own: `data_dir`, and what lies outside it."""
    yield given.data_dir
    outside = [given.key_dir, given.backup_dir]
    if given.uses_sqlite:
        outside.append(Path(str(make_url(given.database_url).database)))
    yield from (path for path in outside if not path.is_relative_to(given.data_dir))


def all_in(place: Path) -> Iterator[Path]:
    """Return a place of the node's and everything in it that can be seen; of a database its log beside it, too."""
    yield place
    if not place.is_dir():
        yield from (log for end in ("-wal", "-shm") if (log := Path(f"{place}{end}")).exists())
    for folder, folders, files in os.walk(place):
        folders[:] = [name for name in folders if name != NOT_OURS]
        yield from (Path(folder, name) for name in (*folders, *files))


def not_the_nodes(given: Settings) -> Iterator[Finding]:
    """Find what somebody else made where all should be of the user who owns `data_dir`, as a command of root's does."""
    user = owner(given.data_dir)
    for place in places(given):
        if not place.exists():
            continue
        foreign = sorted(path for path in all_in(place) if _owner_now(path, user) != user)
        if not foreign:
            continue
        yield _foreign(place, foreign, name_of(user), name_of(_owner_now(foreign[0], user)))


def refuse_closed(path: Path) -> None:
    """Refuse a file that is there and cannot be read.

    Raises:
        PermissionError: so it is; `closed` says what to do.

    """
    if path.exists() and not os.access(path, os.R_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def closed(fault: PermissionError, given: Settings | None) -> Finding:
    """Return what keeps us from a file: whose it is, or a folder on the way. No settings: none could be read."""
    us, node = os.geteuid(), _user_of(given)
    path = _in_the_way(Path(str(fault.filename)))
    said = (
        f"{path} is closed to {name_of(us)}: {os.strerror(fault.errno or errno.EACCES)}.",
        f"用户 {name_of(us)} 无权访问 {path}。",
    )
    if node not in (None, us):
        mend = f"runuser -u {name_of(node)} -- ecolink doctor"
        return Finding.fail(
            *said, f"Run it as the user that the node runs as: {mend}", f"请以运行节点的用户执行：{mend}"
        )
    if path.is_dir() and not (given and any(path.is_relative_to(place) for place in places(given))):
        return Finding.fail(
            *said,
            f"Let {name_of(us)} enter that folder (chmod o+x {path}), or keep the file in another.",
            f"请允许 {name_of(us)} 进入该目录（chmod o+x {path}），或把文件放在别处。",
        )
    mend = f"chmod {'u+rwx' if path.is_dir() else 'u+rw'} {path}"
    if owner(path) != us:
        mend = f"chown {'-R ' if path.is_dir() else ''}{name_of(us)} {path}"
    if node is None:
        return Finding.fail(
            *said,
            f"Run it as the user that the node runs as; if you are that user: {mend}",
            f"请以运行节点的用户执行；如已是该用户，请执行 {mend}。",
        )
    return Finding.fail(*said, mend, f"请执行 {mend}。")


def _foreign(place: Path, found: Sequence[Path], node: str, other: str) -> Finding:
    if len(found) == 1:
        mend = f"chown {node} {found[0]}"
        return Finding.fail(
            f"{found[0]} belongs to {other}, and the node runs as {node}: it is closed to the node, or will be.",
            f"{found[0]} 属于用户 {other}，而节点以 {node} 运行：节点无法使用该文件。",
            mend,
            f"请执行 {mend}。",
        )
    mend = f"chown -R {node} {place}" if place.is_dir() else f"chown {node} {' '.join(map(str, found))}"
    return Finding.fail(
        f"{len(found)} files in {place}, such as {found[0]} of {other}, are not of {node}, whom the node runs as: they "
        "are closed to the node, or will be.",
        f"{place} 中有 {len(found)} 个文件不属于运行节点的用户 {node}（例如 {found[0]} 属于 {other}）：节点无法使用。",
        mend,
        f"请执行 {mend}。",
    )


def _in_the_way(path: Path) -> Path:
    """Return the first folder on the way that we may not enter, or else the path itself."""
    for folder in reversed(path.absolute().parents):
        if not os.access(folder, os.X_OK, effective_ids=True):
            return folder
    return path


def _user_of(given: Settings | None) -> int | None:
    """Return the user that the node runs as, if that can be seen."""
    try:
        return owner(given.data_dir) if given else None
    except OSError:
        return None


def _owner_now(path: Path, otherwise: int) -> int:
    """Return whose a file is that may be gone by now: a node at work makes and deletes some all the time."""
    try:
        return owner(path)
    except OSError:
        return otherwise
