"""How the channels fare: by what came of the last messages, and by what waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import Channel, ContactPoint, Dispatch, DispatchState


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a channel fares. Times are UTC."""

    channel: Channel
    waiting: int
    oldest: datetime | None
    """Since when the first message waits that no service has taken yet."""

    @property
    def state(self) -> Literal["working", "failing", "untried", "off"]:
        """One word for it."""
        if not self.channel.enabled:
            return "off"
        if self.channel.failing_since is not None:
            return "failing"
        return "working" if self.channel.last_success_at is not None else "untried"


def standing_channels(session: Session) -> Sequence[Channel]:
    """Return every channel there is now, by name."""
    return session.scalars(select(Channel).where(Channel.removed_at.is_(None)).order_by(Channel.name)).all()


def health_of_channels(session: Session) -> Sequence[Health]:
    """Return how every channel fares, by name."""
    waiting = (
        select(ContactPoint.channel_id, func.count(), func.min(Dispatch.posted_at, type_=Dispatch.posted_at.type))
        .join(Dispatch, Dispatch.point_id == ContactPoint.id)
        .where(Dispatch.state == DispatchState.WAITING.value)
        .group_by(ContactPoint.channel_id)
    )
    held = {channel_id: (number, oldest) for channel_id, number, oldest in session.execute(waiting)}
    told = [(channel, *held.get(channel.id, (0, None))) for channel in standing_channels(session)]
    return [Health(channel=channel, waiting=number, oldest=oldest) for channel, number, oldest in told]


def health_of(session: Session, channel: Channel) -> Health:
    """Return how one channel fares."""
    return next(health for health in health_of_channels(session) if health.channel.id == channel.id)
