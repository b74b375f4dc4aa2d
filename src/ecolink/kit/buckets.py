"""Token buckets: how many calls somebody may make, counted in the memory of one process.

Everybody begins with a full bucket. A call takes one token, and tokens come back at a steady rate. Who has not
called for so long that the bucket is full again is forgotten first.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MOST_REMEMBERED: Final = 10_000
"""Callers remembered at once: a flood from many addresses costs no more memory than that."""


@dataclass
class Buckets:
    """One bucket for each caller, all of one size; threads may share it."""

    per_second: float
    burst: int
    _held: OrderedDict[str, tuple[float, datetime]] = field(default_factory=OrderedDict)
    """Tokens left at the caller's last call, and when that was; the least recent first."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, caller: str, now: datetime) -> float:
        """Take one token of `caller`'s; return 0, or, when there was none, in how many seconds there will be."""
        with self._lock:
            left, at = self._held.pop(caller, (float(self.burst), now))
            # A clock set back brings no token, and takes none away.
            left = min(float(self.burst), left + max(0.0, (now - at).total_seconds()) * self.per_second)
            missing = max(0.0, 1.0 - left)
            self._held[caller] = (left if missing else left - 1.0, now)
            if len(self._held) > MOST_REMEMBERED:
                self._held.popitem(last=False)
        return missing / self.per_second
