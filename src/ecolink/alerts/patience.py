"""How long to wait after failures: pure."""

from datetime import timedelta
from random import Random
from typing import Final

FIRST_S: Final = 5.0
CHANNEL_CAP_S: Final = 60.0
"""A channel that fails is tried at least once a minute while something waits for it."""
DISPATCH_CAP_S: Final = 300.0


def pause(failures: int, cap_s: float, random: Random) -> timedelta:
    """Return how long to wait after `failures` in a row: doubling from 5 s to `cap_s`, a quarter of it by chance."""
    longest = min(cap_s, FIRST_S * 2.0 ** min(failures - 1, 30))
    return timedelta(seconds=random.uniform(0.75 * longest, longest))
