"""The tables of the agreements room: each agreement, and what was proposed of it, word for word.

Who signed what stands in the register (`exchanges/cosigned`).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base


class AgreementRow(Base):
    """An agreement this bureau was ever asked to sign, or asked others to. Its row is locked by whoever changes it."""

    __tablename__ = "agreements"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    members: Mapped[list[str]]
    """Unit codes of the parties, in order. They never change: other parties make another agreement."""
    thread: Mapped[str] = mapped_column(String(36))
    """The thread in which its next version, its ending and its calendars are proposed."""
    known_since: Mapped[datetime]
    changed_at: Mapped[datetime]
    """When something was last said of it, by this node's clock."""


class AgreementSubject(Base):
    """Terms, an ending or a calendar, as proposed. Never changed once written."""

    __tablename__ = "agreement_subjects"

    digest: Mapped[str] = mapped_column(ForeignKey("cosigned_documents.digest"), primary_key=True)
    """What the parties sign; the register holds their words on it under the same digest."""
    agreement: Mapped[str] = mapped_column(ForeignKey("agreements.code"), index=True)
    document: Mapped[dict[str, Any]]
    """The subject, every member as it was said."""
    text: Mapped[str | None] = mapped_column(Text)
    """The file the terms were read from, as its author wrote it."""
    proposal: Mapped[str] = mapped_column(String(64))
    """Digest of the statement that proposed it."""
