"""The answers kept for calls that may be repeated (`Idempotency-Key`); `replays` says how they are sealed."""

from datetime import datetime
from typing import cast

from sqlalchemy import CursorResult, LargeBinary, String, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from ecolink.storage.base import Base


class KeptAnswer(Base):
    """The sealed answer to one keyed call."""

    __tablename__ = "kept_answers"

    slot: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Digest of principal, route and key."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    """Digest of method, address and body."""
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(index=True)


def forget_expired(session: Session, now: datetime) -> int:
    """Delete the answers whose time is over; return how many."""
    gone = cast("CursorResult[object]", session.execute(delete(KeptAnswer).where(KeptAnswer.expires_at <= now)))
    return gone.rowcount
