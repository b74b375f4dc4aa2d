"""The only place that reads the clock.

A door (web endpoint, worker step, command) asks once and hands `now` down; everything below takes
it as an argument, so that a test or the demo can live through a quarter in a second.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)


@dataclass
class HandClock:
    """A clock moved by hand, for tests and for the demo's time travel."""

    moment: datetime

    def now(self) -> datetime:
        """Return the moment it was last set to."""
        return self.moment

    def advance(self, step: timedelta) -> datetime:
        """Move on by `step` and return the new moment."""
        self.moment += step
        return self.moment
