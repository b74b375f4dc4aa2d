"""How many files a process may have open at once: every connection is one."""

import resource
import sys
from collections.abc import Iterable

from ecolink.kit.events import structlog

RESERVED = 512
"""Files a process needs beside its callers' connections: the database, the log, attachments, calls to peers."""

DOORS = 2

_log = structlog.get_logger(__name__)


def needed(connections: int) -> int:
    """Return how many files must be allowed for `connections` to each door."""
    return DOORS * connections + RESERVED


def connections_possible(wanted: int) -> int:
    """Raise this process's own limit as far as it needs and may; return how many connections each door can hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = needed(wanted)
    if _counted(soft) >= enough:
        return wanted
    given = min(_counted(hard), enough)
    resource.setrlimit(resource.RLIMIT_NOFILE, (given, hard))
    if given == enough:
        return wanted
    _log.warning("serving.few_files", allowed=given, needed=enough)
    return max(1, (given - RESERVED) // DOORS)


def allowed(pids: Iterable[int]) -> int:
    """Return how many files the most restricted of these processes may have open, or else this one."""
    limits = [limit for pid in pids if (limit := _allowed_to(pid)) is not None]
    return min(limits, default=_counted(resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def _allowed_to(pid: int) -> int | None:
    """Return the limit of another process; None when it is gone, not ours, or this system does not tell."""
    try:
        return _counted(resource.prlimit(pid, resource.RLIMIT_NOFILE)[1])
    except (AttributeError, OSError):
        return None


def _counted(limit: int) -> int:
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit
