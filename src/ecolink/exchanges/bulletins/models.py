"""The tables of the bulletins: what lists search and sort by, and the drafts.

What a bulletin says stands in its signed statements alone, and is read from there. `Bulletin`,
`BulletinSubject` and `BulletinRecipient` are written anew from the fold whenever the thread grows; nothing
in them is personal data. A draft's persons leave this table for the statement's private part when it is sent.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base
from ecolink.storage.indexes import PartialIndex

UNREAD = "direction = 'in' AND opened_at IS NULL"

FOR_EVER = datetime(9000, 1, 1, tzinfo=UTC)
"""The `valid_until` of a bulletin that names no end, so that lists can sort by it."""


class Bulletin(Base):
    """One bulletin, ours or a peer's, as it stands."""

    __tablename__ = "bulletins"
    __table_args__ = (
        UniqueConstraint("author", "thread"),
        Index(None, "is_exercise", "told_at", "id"),
        Index(None, "is_exercise", "updated_at", "id"),
        Index(None, "is_exercise", "valid_until", "id"),
        PartialIndex("ix_bulletins_unread", "told_at", "id", where=UNREAD),
        CheckConstraint("direction IN ('in', 'out')", name="direction"),
        CheckConstraint("state IN ('draft', 'awaiting_approval', 'published', 'corrected', 'recalled')", name="state"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """The thread's id, unless another bureau has opened a bulletin under the same one."""
    thread: Mapped[str] = mapped_column(String(36), index=True)
    author: Mapped[str] = mapped_column(String(12))
    direction: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(17))
    kind: Mapped[str | None] = mapped_column(String(20))
    title: Mapped[str | None] = mapped_column(String(300))
    """None of a peer's recalled bulletin."""
    number: Mapped[str | None] = mapped_column(String(300))
    grading: Mapped[str | None] = mapped_column(String(2))
    is_exercise: Mapped[bool] = mapped_column(default=False)
    current: Mapped[str | None] = mapped_column(String(64))
    """Digest of the version that stands, or stood when it was recalled."""
    told_at: Mapped[datetime]
    """When its author signed it first; of a draft, when it was begun."""
    valid_until: Mapped[datetime] = mapped_column(default=FOR_EVER)
    updated_at: Mapped[datetime]
    recalled_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    """When a person here first opened a peer's bulletin."""
    opened_by: Mapped[str | None] = mapped_column(String(100))
    holders: Mapped[int] = mapped_column(default=0)
    readers: Mapped[int] = mapped_column(default=0)
    outstanding: Mapped[int] = mapped_column(default=0)
    """Bureaus that hold it, that read it, and that have not yet said they applied a correction or recall."""
    drafted_by: Mapped[str | None] = mapped_column(String(36))
    left_out: Mapped[list[str]]
    """Members of the alliance it was told to that could not be told: they were suspended."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts what people here change. Answers of peers do not, or nobody could finish an edit while they come in."""


class BulletinSubject(Base):
    """What a bulletin can be found by: a charge's article, a species' name."""

    __tablename__ = "bulletin_subjects"
    __table_args__ = (Index(None, "facet", "value"),)

    bulletin_id: Mapped[str] = mapped_column(ForeignKey("bulletins.id", ondelete="CASCADE"), primary_key=True)
    facet: Mapped[str] = mapped_column(String(7), primary_key=True)
    """`charge` or `species`."""
    value: Mapped[str] = mapped_column(String(100), primary_key=True)


class BulletinRecipient(Base):
    """A bureau that holds a bulletin, and how far it answered, as far as this node knows."""

    __tablename__ = "bulletin_recipients"
    __table_args__ = (Index(None, "unit_code"),)

    bulletin_id: Mapped[str] = mapped_column(ForeignKey("bulletins.id", ondelete="CASCADE"), primary_key=True)
    unit_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    via: Mapped[str | None] = mapped_column(String(12))
    """The bureau that passed it on."""
    read_at: Mapped[datetime | None]
    uses: Mapped[int] = mapped_column(default=0)
    feedback: Mapped[int] = mapped_column(default=0)
    outstanding: Mapped[int] = mapped_column(default=0)
    """Corrections and recalls it must still say it applied."""


class BulletinDraft(Base):
    """What shall be told next: a bulletin not told yet, or the correction of one that was."""

    __tablename__ = "bulletin_drafts"
    __table_args__ = (CheckConstraint("state IN ('draft', 'awaiting_approval')", name="state"),)

    bulletin_id: Mapped[str] = mapped_column(ForeignKey("bulletins.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str] = mapped_column(String(17))
    content: Mapped[dict[str, Any]]
    private: Mapped[dict[str, Any]]
    attachments: Mapped[list[Any]] = mapped_column(server_default="[]")
    """The files that go with it: digest and name of each."""
    governance: Mapped[dict[str, Any]]
    alliance_id: Mapped[str | None] = mapped_column(String(36))
    recipients: Mapped[list[str]]
    reason: Mapped[str | None] = mapped_column(String(1000))
    """Why a told bulletin is corrected; None of a first draft."""
    sent_back: Mapped[str | None] = mapped_column(String(1000))
    """What whoever should approve wants changed."""
    holders: Mapped[int] = mapped_column(default=0)
    readers: Mapped[int] = mapped_column(default=0)
    outstanding: Mapped[int] = mapped_column(default=0)
    """Bureaus that hold it, that read it, and that have not yet said they applied a correction or recall."""
    drafted_by: Mapped[str] = mapped_column(String(36))
    drafted_by_name: Mapped[str] = mapped_column(String(100))
    drafted_at: Mapped[datetime]
