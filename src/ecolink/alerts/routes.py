"""Along which contact points a dispatch goes: the healthy ones first, the next one at once where one fails."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import Channel, ContactPoint

Usable = Mapping[str, bool]
"""Contact points that may be sent to, by id, and of each whether its channel fails just now."""


class Stop(NamedTuple):
    """Where a dispatch goes on."""

    point_id: str
    again: bool
    """Whether every later one was tried, and the round begins anew."""


def usable_of(session: Session, points: Collection[str]) -> Usable:
    """Return which of these contact points may be sent to."""
    found = (
        select(ContactPoint.id, Channel.failing_since)
        .join(Channel, Channel.id == ContactPoint.channel_id)
        .where(ContactPoint.id.in_(points), ContactPoint.removed_at.is_(None), Channel.enabled)
        .where(Channel.removed_at.is_(None))
    )
    return {point: failing_since is not None for point, failing_since in session.execute(found)}


def first_stop(route: Sequence[str], usable: Usable) -> str | None:
    """Return where to begin: not at a channel that is known to be dead, where there is another."""
    stops = [point for point in route if point in usable]
    return next((point for point in stops if not usable[point]), stops[0] if stops else None)


def next_stop(route: Sequence[str], here: str, usable: Usable) -> Stop | None:
    """Return where to go on after a failure at `here`; None when there is nowhere to go at all."""
    later = first_stop(route[route.index(here) + 1 :], usable)
    if later is not None:
        return Stop(later, again=False)
    first = first_stop(route, usable)
    return None if first is None else Stop(first, again=True)


def way_round(route: Sequence[str], here: str, usable: Usable) -> str | None:
    """Return a healthy contact point to take in place of `here`, whose channel fails; None when there is none."""
    at = route.index(here)
    return next((point for point in (*route[at + 1 :], *route[:at]) if usable.get(point) is False), None)
