"""What will go wrong, and when: all of it follows from the seed.

The moments are shares of the traffic, not times: threads and machines differ, and a repeated run meets each fault after
as many messages as the first one did, in whatever each node is just then doing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.support.town import JINGNING, QINGYUAN, SHOUNING

UNIT_CODES = (SHOUNING, QINGYUAN, JINGNING)
STORM = (0.03, 0.85)
"""Between these shares of the traffic nodes are killed, keys rotated and clocks skewed."""
CLEARS_AT = 0.92
"""From this share on the lines are good: what is left shows that everything recovers by itself."""

BEYOND_LIMIT_S = (310.0, 340.0)
"""How far off a skewed clock is: the protocol tolerates 300 s."""


class Mishap(StrEnum):
    """What happens to a node."""

    KILL = "kill"
    """Its process is killed with SIGKILL, and started again a while later."""
    ROTATE = "rotate"
    """Its signing key is changed while messages are under way."""
    SKEW = "skew"
    """Its clock is wrong until somebody notices that its calls are refused, and sets it right."""


@dataclass(frozen=True)
class Event:
    """One mishap; `amount` is how many seconds a killed node stays down, or how far off a clock is."""

    at_share: float
    mishap: Mishap
    unit_code: str
    amount: float = 0.0

    def __str__(self) -> str:
        """Return it as the plan prints it."""
        amount = f" {self.amount:+.0f} s" if self.amount else ""
        return f"{self.at_share:4.0%} {self.mishap} {self.unit_code}{amount}"


@dataclass(frozen=True)
class Plan:
    """A whole run."""

    seed: int
    messages: int
    events: Sequence[Event]

    def random(self, purpose: str) -> Random:
        """Return the dice for one purpose, so that no part of the run shifts those of another."""
        return Random(f"{self.seed}/{purpose}")


def make_plan(seed: int, messages: int) -> Plan:
    """Return the run that `seed` stands for.

    Every node is killed at least once. A large run has more kills and rotations, and a clock wrong in each direction.
    """
    dice = Random(f"{seed}/plan")
    kills = [(Mishap.KILL, code, dice.uniform(0.2, 3.0)) for code in _nodes(dice, max(4, messages // 4_000))]
    rotations = [(Mishap.ROTATE, code, 0.0) for code in _nodes(dice, 1 if messages < LARGE else 3)]
    ways = [dice.choice((-1, 1))] if messages < LARGE else [-1, 1]
    skews = [
        (Mishap.SKEW, code, way * dice.uniform(*BEYOND_LIMIT_S))
        for way, code in zip(ways, _nodes(dice, len(ways)), strict=True)
    ]
    events = [
        Event(dice.uniform(*STORM), mishap, code, amount) for mishap, code, amount in (*kills, *rotations, *skews)
    ]
    return Plan(seed, messages, sorted(events, key=lambda event: event.at_share))


LARGE = 50_000
"""From so many messages on a run takes long enough for more of everything."""


def _nodes(dice: Random, count: int) -> list[str]:
    """Return `count` unit codes, each node as often as the others, in random order."""
    order: list[str] = []
    while len(order) < count:
        order += dice.sample(UNIT_CODES, len(UNIT_CODES))
    return order[:count]
