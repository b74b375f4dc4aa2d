"""What is said of an obligation now: one reminder at a time, each at most once, and no storm after an outage.

A node that slept for weeks, or whose clock was set back, does not catch up: of the reminders and escalations that fell
due meanwhile it acts on the last one, and passes over the rest for good.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from ecolink.cadence.obligations import Obligation, Step
from ecolink.cadence.standing import Standing, State

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done now, and when to look again."""

    act: tuple[Step, ...]
    """In order of time: the last reminder or escalation that fell due, and telling the others that it is late."""
    skip: tuple[Step, ...]
    """Fell due as well, and are never acted on."""
    next_at: datetime | None
    """The next moment at which anything changes by itself; None when nothing will."""


def plan(obligation: Obligation, standing: Standing, done: Collection[str], now: datetime) -> Plan:
    """Return what is to be done of an obligation's steps at `now`.

    `done` are the codes of the steps that were acted on or passed over, whatever the clock said then. What was to come
    before the due day was over is passed over afterwards.
    """
    if standing.state in (State.FULFILLED, State.WAIVED):
        return Plan((), (), None)
    left = [step for step in obligation.steps if step.code not in done]
    fallen = [step for step in left if step.at <= now]
    in_season = [
        step for step in fallen if step.to is not None and (step.at > obligation.due_at) == (now > obligation.due_at)
    ]
    act = tuple(step for step in fallen if step.to is None or step in in_season[-1:])
    skip = tuple(step for step in fallen if step not in act)
    moments = [obligation.opens_at, obligation.due_at + _SECOND, *(step.at for step in left)]
    return Plan(act, skip, min((moment for moment in moments if moment > now), default=None))
