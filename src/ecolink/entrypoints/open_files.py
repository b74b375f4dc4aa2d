"""How many files a process may have open at once: every connection is one."""

import resource

import structlog

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
    if soft != resource.RLIM_INFINITY and soft < enough:
        soft = enough if hard == resource.RLIM_INFINITY else min(hard, enough)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < enough:
            _log.warning("serving.few_files", allowed=soft, needed=enough)
            return max(1, (soft - RESERVED) // DOORS)
    return wanted


def allowed_to(pid: int) -> int:
    """Return how many files another process of this machine may have open.

    Raises:
        OSError: it is gone, or not ours.

    """
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    return 2**31 if hard == resource.RLIM_INFINITY else hard
