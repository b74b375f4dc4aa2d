"""The tables of the register: a document, and each party's word on it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base


class CosignedDocument(Base):
    """One document that several bureaus are to sign. Never changed but for its withdrawal and its completion."""

    __tablename__ = "cosigned_documents"
    __table_args__ = (Index("ix_cosigned_documents_subject", "kind", "subject"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    """What it is: `terms`, `ending`, `calendar`, `liaison`, `exchange`, `waiver`."""
    subject: Mapped[str] = mapped_column(String(150))
    """What it is about, as its room looks for it: an agreement's code, an obligation's key, a thread."""
    thread: Mapped[str] = mapped_column(String(36), index=True)
    author: Mapped[str] = mapped_column(String(12))
    parties: Mapped[list[str]]
    written_at: Mapped[datetime]
    """By its author's word (`iat`)."""
    withdrawn_at: Mapped[datetime | None]
    withdrawn_because: Mapped[str | None] = mapped_column(String(1000))
    completed_at: Mapped[datetime | None]
    """When the last party signed, by its own word; None of what was taken back before."""


class Cosignature(Base):
    """What one party said of a document: it signed, or objects."""

    __tablename__ = "cosignatures"

    digest: Mapped[str] = mapped_column(ForeignKey("cosigned_documents.digest"), primary_key=True)
    party: Mapped[str] = mapped_column(String(12), primary_key=True)
    signed_at: Mapped[datetime | None]
    objected_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(String(1000))
