"""When to try again: pure decisions, so that every one can be tested without a clock or a network."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from ecolink.protocol.statement import Lane

FIRST_S = 5.0
CAP_EMERGENCY_S = 300.0
CAP_S = 3600.0


def pause(lane: Lane, attempts: int, random: Random) -> timedelta:
    """Return how long to wait after `attempts` failures in a row: doubling from 5 s, with full jitter.

    The cap is 5 minutes for emergencies and 1 hour for the rest. At least a second passes, so that a
    jitter near zero cannot make a busy loop.
    """
    ceiling = min(cap_s(lane), FIRST_S * 2.0 ** min(attempts - 1, 30))
    return timedelta(seconds=max(1.0, random.uniform(0, ceiling)))


def pause_asked(lane: Lane, seconds: int) -> timedelta:
    """Return how long a peer may make us wait that asks for `seconds`: no longer than we wait for a silent one."""
    return timedelta(seconds=min(seconds, cap_s(lane)))


def cap_s(lane: Lane) -> float:
    """Return the longest pause there is in a lane, in seconds."""
    return CAP_EMERGENCY_S if lane is Lane.EMERGENCY else CAP_S


@dataclass(frozen=True, slots=True)
class Delivered:
    """The peer's verified receipt is here; what waits still goes at once, or at `next_at` together with more."""

    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at `at`; `reason` is what the operator sees."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ResendFrom:
    """The peer holds less (or more) than we thought: go on from `seq`, after a pause as after any failed try."""

    seq: int


@dataclass(frozen=True, slots=True)
class Split:
    """The batch was too large for the peer: seal smaller ones."""


@dataclass(frozen=True, slots=True)
class Reseal:
    """The key that sealed the batch is no longer accepted: seal the same entries with the present key."""


@dataclass(frozen=True, slots=True)
class SendManifest:
    """The peer does not know our present keys: send the manifest chain, then try again."""


Decision = Delivered | RetryAt | ResendFrom | Split | Reseal | SendManifest
