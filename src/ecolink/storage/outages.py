"""Times at which the database cannot be used: told when one begins, once a minute meanwhile, and when it is over."""

import threading
from dataclasses import dataclass, field
from time import monotonic

from ecolink.kit.events import structlog
from ecolink.kit.meters import DATABASE_FAILURES

TELL_EVERY_S = 60.0

FULL_FOR_S = 10.0
"""How long a server counts as full after it last said so. What is small finds room in it meanwhile: that it was
committed is no sign that there is room for more."""

_log = structlog.get_logger(__name__)


@dataclass
class Outage:
    """The present one, if there is any; threads share it."""

    _since: float | None = None
    _told_at: float = 0.0
    _failed: int = 0
    _full_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_full(self) -> bool:
        """Whether a server said a moment ago that it has no room."""
        return monotonic() < self._full_until

    def note(self, why: str, *, is_full: bool = False) -> None:
        """Count a transaction that could not be done; `why` is what the database says, without any value."""
        DATABASE_FAILURES.inc()
        now = monotonic()
        with self._lock:
            self._failed += 1
            if is_full:
                self._full_until = now + FULL_FOR_S
            if self._since is not None and now - self._told_at < TELL_EVERY_S:
                return
            self._since = now if self._since is None else self._since
            self._told_at, failed, since = now, self._failed, self._since
        if structlog.is_configured():  # a command that keeps no log tells its user, once
            _log.error("database.unavailable", why=why, failed=failed, seconds=round(now - since))

    def end(self) -> None:
        """Note that a transaction was committed: the database can be written."""
        began = self._since  # looked at without the lock: there is none, nearly always
        if began is None or self.is_full:
            return
        with self._lock:
            if self._since != began:
                return  # another thread has told of it
            failed, self._since, self._failed = self._failed, None, 0
        if structlog.is_configured():
            _log.warning("database.available", failed=failed, seconds=round(monotonic() - began))
