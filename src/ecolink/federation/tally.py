"""Refused strangers, counted and not kept: a flood of bad calls must not fill a log or a database."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ecolink.kit.events import structlog
from ecolink.kit.meters import REFUSALS

EVERY = timedelta(minutes=1)
"""How often at most the counts are written to the operational log."""

_log = structlog.get_logger(__name__)


@dataclass
class RefusalTally:
    """Counts refusals by reason and tells of them once a minute."""

    counts: Counter[str] = field(default_factory=Counter)
    _told_at: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, reason: str, now: datetime) -> None:
        """Count one refusal; the first in a minute also writes the counts since the last writing."""
        REFUSALS.labels(reason).inc()
        with self._lock:
            self.counts[str(reason)] += 1  # as a text: a log of text shows what an enumeration is called in the code
            if self._told_at is not None and now - self._told_at < EVERY:
                return
            # As values: a member called `bad-token` would be taken for one that holds a token, and not be shown.
            told = [{"reason": each, "count": count} for each, count in self.counts.most_common()]
            self._told_at = now
            self.counts.clear()
        _log.warning("federation.refused", counts=told)
