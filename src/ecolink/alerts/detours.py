"""What goes another way: from a channel that fails, or that is gone, to the next one; and what is over."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, and_, delete, or_, select
from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import Channel, ContactPoint, Dispatch, DispatchState, DispatchTry
from ecolink.alerts.dispatches import NOWHERE
from ecolink.alerts.routes import next_stop, usable_of, way_round
from ecolink.storage.bells import Bell, ring

KEPT: Final = timedelta(days=400)
"""How long who was told what, by which channel and when, can be looked up."""

ALONE: Final = ("test", "code")
"""Kinds of messages that go by one channel only, and never together with others."""

AT_A_POINT: Final = (
    Dispatch.state == DispatchState.WAITING.value,
    ContactPoint.id == Dispatch.point_id,
    Channel.id == ContactPoint.channel_id,
)
LOUD: Final = and_(Dispatch.urgency == "urgent", Dispatch.status == "actual")
"""What may wake somebody, and waits for nothing."""
GONE: Final = or_(ContactPoint.removed_at.is_not(None), Channel.removed_at.is_not(None), Channel.enabled.is_(False))


def lead_on(session: Session, now: datetime) -> None:
    """Have every dispatch go on that waits at a contact point, or for a channel, that nothing is sent to any more."""
    stranded = session.scalars(select(Dispatch).where(*AT_A_POINT, GONE)).all()
    usable = usable_of(session, {point for dispatch in stranded for point in dispatch.route})
    for dispatch in stranded:
        stop = next_stop(dispatch.route, str(dispatch.point_id), usable)
        if stop is None:
            end(dispatch, DispatchState.GIVEN_UP, NOWHERE, now)
        else:
            move(dispatch, stop.point_id, now)
    if stranded:
        ring(session, Bell.ALERT)


def evacuate(session: Session, channel_id: str) -> None:
    """Have everything go another way that waits for a channel while it fails, where there is one that does not."""
    failing = (Channel.id == channel_id, Channel.failing_since.is_not(None))
    here = (*AT_A_POINT, *failing, ContactPoint.leased_until.is_(None), Dispatch.kind.not_in(ALONE))
    dispatches = session.scalars(select(Dispatch).where(*here)).all()
    usable = usable_of(session, {point for dispatch in dispatches for point in dispatch.route})
    for dispatch in dispatches:
        other = way_round(dispatch.route, str(dispatch.point_id), usable)
        if other is not None:
            move(dispatch, other, dispatch.next_try_at)


def make_way(session: Session, now: datetime) -> None:
    """Have what is urgent go another way that waits for a channel with little room left, where there is one.

    What room is left is for those whom that channel alone reaches.
    """
    for until in (Channel.full_until, Channel.calm_until):
        _leave(session, select(Channel.id).where(until > now), now)


def _leave(session: Session, busy: Select[str], now: datetime) -> None:
    """Have what is urgent go from busy channels to one that is not."""
    waits = (*AT_A_POINT, LOUD, Channel.id.in_(busy), ContactPoint.leased_until.is_(None), Dispatch.next_try_at <= now)
    dispatches = session.scalars(select(Dispatch).where(*waits)).all()
    points = {point for dispatch in dispatches for point in dispatch.route}
    crowded = set(session.scalars(select(ContactPoint.id).where(ContactPoint.channel_id.in_(busy))))
    usable = {point: fails or point in crowded for point, fails in usable_of(session, points).items()}
    for dispatch in dispatches:
        other = way_round(dispatch.route, str(dispatch.point_id), usable)
        if other is not None:
            move(dispatch, other, dispatch.next_try_at)


def forget_old(session: Session, before: datetime) -> None:
    """Delete what ended before that, with its tries."""
    old = select(Dispatch.id).where(Dispatch.posted_at < before, Dispatch.ended_at < before)
    session.execute(delete(DispatchTry).where(DispatchTry.dispatch_id.in_(old)))
    session.execute(delete(Dispatch).where(Dispatch.id.in_(old)))


def end(dispatch: Dispatch, state: DispatchState, result: str, now: datetime) -> None:
    """Be done with a dispatch that still waits, and forget what it said."""
    if dispatch.state == DispatchState.WAITING.value:
        dispatch.state, dispatch.result, dispatch.ended_at, dispatch.message = state.value, result, now, {}


def move(dispatch: Dispatch, point_id: str, at: datetime) -> None:
    """Have a dispatch wait at another contact point."""
    dispatch.point_id, dispatch.next_try_at, dispatch.taken_by = point_id, at, None
