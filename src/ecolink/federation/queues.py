"""What waits for whom: the operator's view of the outgoing channels."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.federation.models import OutChannel, OutEntry, PeerRow


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """One channel to one peer. Times are UTC; `oldest` is when the first waiting statement was queued."""

    peer: str
    lane: str
    epoch: int
    waiting: int
    oldest: datetime | None
    last_contact_at: datetime | None
    last_error: str | None
    next_try_at: datetime | None
    attempts: int


def status(session: Session) -> list[QueueStatus]:
    """Return every open channel, by peer and lane."""
    oldest = (
        select(func.min(OutEntry.queued_at))
        .where(OutEntry.channel_id == OutChannel.id, OutEntry.seq == OutChannel.receipted_seq + 1)
        .scalar_subquery()
    )
    rows = session.execute(
        select(OutChannel, PeerRow.last_contact_at, oldest)
        .join(PeerRow, PeerRow.unit_code == OutChannel.recipient)
        .where(OutChannel.closed.is_(False))
        .order_by(OutChannel.recipient, OutChannel.lane)
    )
    return [
        QueueStatus(
            peer=channel.recipient,
            lane=channel.lane,
            epoch=channel.epoch,
            waiting=channel.last_seq - channel.receipted_seq,
            oldest=since,
            last_contact_at=contact,
            last_error=channel.last_error,
            next_try_at=channel.next_try_at if channel.last_seq > channel.receipted_seq else None,
            attempts=channel.attempts,
        )
        for channel, contact, since in rows
    ]
