"""A robot takes so many messages in a time, all people together, and refuses the rest: we count, and stay within it.

Of each measure half is kept free for what is urgent, so that a flood of what is not cannot stand in its way: ten people
whom one robot alone reaches are told at once in the same minute. What is not urgent waits at its contact point until
there is room, and then goes as one message, so it loses little by it. As soon as only that half is left, what is urgent
takes the person's next channel where they have one, and leaves the room to those who have none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ecolink.alerts.channels.wire import Rate
from ecolink.kit.times import from_text, to_text

_SHARE: Final = 0.5
"""Of what a robot takes, as much may be about what is not urgent."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a channel stands with its measures after one more message. Times are UTC."""

    calls: tuple[datetime, ...]
    """When messages were handed to it, oldest first, as far as a measure still counts them."""
    calm_until: datetime | None
    """Until then nothing goes by it but what is urgent; None: anything may."""
    full_until: datetime | None
    """Until then nothing goes by it at all; None: something may."""

    def written(self) -> list[str]:
        """Return the calls as they are stored."""
        return [to_text(call) for call in self.calls]


def count(rates: Sequence[Rate], calls: Sequence[str], now: datetime) -> Pace:
    """Count a message that is handed over at `now`, beside the earlier `calls` as they were stored."""
    longest = max(rate.within for rate in rates)
    counted = (*(call for call in map(from_text, calls) if call > now - longest), now)
    return Pace(
        counted,
        _free_at([(int(rate.most * _SHARE), rate.within) for rate in rates], counted, now),
        _free_at([(rate.most, rate.within) for rate in rates], counted, now),
    )


def _free_at(measures: Sequence[tuple[int, timedelta]], calls: Sequence[datetime], now: datetime) -> datetime | None:
    """Return when each measure has room for one more; None when all have it now."""
    moments = [calls[-most] + within for most, within in measures if len(calls) >= most]
    return max((moment for moment in moments if moment > now), default=None)
