"""The tables of consultations: what lists and the calendar search by. What was said, the thread says."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base


class Consultation(Base):
    """One consultation as it stands."""

    __tablename__ = "consultations"
    __table_args__ = (
        CheckConstraint("state IN ('proposed', 'set', 'minuted', 'concluded', 'cancelled')", name="state"),
        Index(None, "awaits_us", "id"),
        Index(None, "held_at"),
        Index("ix_consultations_trigger", "trigger_kind", "trigger_thread"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """The thread: the same at every party."""
    convener: Mapped[str] = mapped_column(String(12))
    chair: Mapped[str] = mapped_column(String(12))
    parties: Mapped[str] = mapped_column(String(1400))
    """Their unit codes in order, a space between: lists find it by any of them."""
    title: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(9))
    planned: Mapped[bool]
    agreement: Mapped[str | None] = mapped_column(String(40))
    trigger_kind: Mapped[str | None] = mapped_column(String(9))
    trigger_thread: Mapped[str | None] = mapped_column(String(36))
    invited_at: Mapped[datetime]
    meets_at: Mapped[datetime | None] = mapped_column(index=True)
    """The agreed beginning; None while none is set."""
    duration_minutes: Mapped[int]
    where: Mapped[str] = mapped_column(String(300))
    sequence: Mapped[int] = mapped_column(default=0)
    """How often the date was set or called off: RFC 5545 section 3.8.7.4."""
    held_at: Mapped[datetime | None]
    minutes: Mapped[str | None] = mapped_column(String(64))
    """Digest of the minutes that count, under which the parties sign them."""
    awaits_us: Mapped[bool] = mapped_column(default=False)
    """Somebody waits for our word: an answer to the invitation, a confirmation, minutes to write."""
    told_at: Mapped[datetime]
    """When the last word was said, by its author's word."""

    @property
    def members(self) -> frozenset[str]:
        """The parties' unit codes."""
        return frozenset(self.parties.split())


class ConsultationTask(Base):
    """What a bureau took upon itself in minutes that all have signed."""

    __tablename__ = "consultation_tasks"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'under_way', 'done', 'not_possible')", name="status"),
        Index("ix_consultation_tasks_owner", "owner", "status", "due_on"),
    )

    consultation: Mapped[str] = mapped_column(ForeignKey("consultations.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    text: Mapped[str] = mapped_column(String(300))
    owner: Mapped[str] = mapped_column(String(12))
    due_on: Mapped[date]
    status: Mapped[str] = mapped_column(String(12), default="open")
    note: Mapped[str | None] = mapped_column(String(1000))
    next_at: Mapped[datetime | None] = mapped_column(index=True)
    """When our people are told of it next; None when nobody need be."""
