"""The table of liaison records: what lists search by. What a record says, and who took part, its statement says."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base


class LiaisonRecord(Base):
    """One record of a contact; a corrected contact has several."""

    __tablename__ = "liaison_records"
    __table_args__ = (
        UniqueConstraint("contact", "edition"),
        CheckConstraint("state IN ('awaiting', 'objected', 'confirmed', 'withdrawn')", name="state"),
        Index(None, "held_at", "digest"),
        Index(None, "state", "held_at", "digest"),
    )

    digest: Mapped[str] = mapped_column(ForeignKey("cosigned_documents.digest"), primary_key=True)
    """Of the statement it came in; the register holds the parties' words on it under the same digest."""
    contact: Mapped[str] = mapped_column(String(36))
    """The thread: the same at every party."""
    edition: Mapped[int]
    """1 is the first record, each correction one more."""
    author: Mapped[str] = mapped_column(String(12))
    parties: Mapped[str] = mapped_column(String(1400))
    """Their unit codes in order, a space between: lists find it by any of them."""
    state: Mapped[str] = mapped_column(String(9), default="awaiting")
    is_current: Mapped[bool] = mapped_column(default=True)
    """It is the newest of its contact that was not taken back; where all were, the newest."""
    agreement: Mapped[str | None] = mapped_column(String(40))
    held_at: Mapped[datetime]
    method: Mapped[str] = mapped_column(String(14))
    nothing_to_report: Mapped[bool]
    makes_up: Mapped[str | None] = mapped_column(String(100), index=True)
    recorded_at: Mapped[datetime]
    """By its author's word (`iat`)."""

    @property
    def members(self) -> frozenset[str]:
        """The parties' unit codes."""
        return frozenset(self.parties.split())
