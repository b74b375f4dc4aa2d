"""The tables of attachments: what is here, which statement names it, and what is still on its way."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base
from ecolink.storage.indexes import PartialIndex

CODE = String(12)
ID = String(36)
DIGEST = String(64)
SIZE = BigInteger().with_variant(Integer(), "sqlite")

UNCONFIRMED = "direction = 'in' AND confirmed_at IS NULL AND withdrawn_at IS NULL"
WAITING = "state = 'waiting'"


class Blob(Base):
    """A file that lies complete in the store. Whoever places or removes the file holds this row's lock."""

    __tablename__ = "blobs"

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    size: Mapped[int] = mapped_column(SIZE)
    media_type: Mapped[str] = mapped_column(String(127))
    name: Mapped[str] = mapped_column(String(200))
    uploaded_by: Mapped[str | None] = mapped_column(String(100))
    """Who brought it in here; None if it came from a peer."""
    created_at: Mapped[datetime]
    dropped_at: Mapped[datetime | None] = mapped_column(index=True)
    """Since when nobody may read it any more; the next sweep removes its file."""


class AttachmentLink(Base):
    """A statement names a blob, between us and one peer. `name` is made fit to be shown."""

    __tablename__ = "attachment_links"
    __table_args__ = (
        UniqueConstraint("iss", "jti", "digest", "peer"),
        Index("ix_attachment_links_digest_peer", "digest", "peer"),
        PartialIndex("ix_attachment_links_unconfirmed", "n", where=UNCONFIRMED),
        CheckConstraint("direction IN ('in', 'out')", name="direction"),
    )

    n: Mapped[int] = mapped_column(SIZE, primary_key=True, autoincrement=True)
    iss: Mapped[str] = mapped_column(CODE)
    jti: Mapped[str] = mapped_column(ID)
    statement: Mapped[str] = mapped_column(DIGEST, index=True)
    thread: Mapped[str] = mapped_column(ID, index=True)
    digest: Mapped[str] = mapped_column(DIGEST)
    size: Mapped[int] = mapped_column(SIZE)
    name: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(127))
    peer: Mapped[str] = mapped_column(CODE)
    direction: Mapped[str] = mapped_column(String(3))
    linked_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    """When the statement's recipient said, signed, that it holds all its attachments."""
    withdrawn_at: Mapped[datetime | None]
    """Since when the statement is recalled, replaced or its thread erased: it gives no right any more."""


class RecalledStatement(Base):
    """A statement that was taken back or replaced; it may come later than that, and must find it here."""

    __tablename__ = "recalled_statements"

    iss: Mapped[str] = mapped_column(CODE, primary_key=True)
    jti: Mapped[str] = mapped_column(ID, primary_key=True)


class Transfer(Base):
    """A blob on its way between us and one peer, and how far it came."""

    __tablename__ = "blob_transfers"
    __table_args__ = (
        PartialIndex("ix_blob_transfers_waiting", "next_try_at", where=WAITING),
        CheckConstraint("direction IN ('in', 'out')", name="direction"),
        CheckConstraint("state IN ('waiting', 'complete', 'refused')", name="state"),
    )

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    peer: Mapped[str] = mapped_column(CODE, primary_key=True)
    direction: Mapped[str] = mapped_column(String(3), primary_key=True)
    size: Mapped[int] = mapped_column(SIZE)
    bytes_done: Mapped[int] = mapped_column(SIZE, default=0)
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    last_error: Mapped[str | None] = mapped_column(String(300))
    completed_at: Mapped[datetime | None]
