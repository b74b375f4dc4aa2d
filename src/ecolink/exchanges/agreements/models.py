"""The table of the agreements room: what was proposed, word for word. Who signed it stands in the register."""

from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base


class AgreementSubject(Base):
    """Terms, an ending or a calendar, as proposed. Never changed once written."""

    __tablename__ = "agreement_subjects"

    digest: Mapped[str] = mapped_column(ForeignKey("cosigned_documents.digest"), primary_key=True)
    """What the parties sign; the register holds their words on it under the same digest."""
    agreement: Mapped[str] = mapped_column(String(40), index=True)
    """The agreement's code."""
    document: Mapped[dict[str, Any]]
    """The subject, every member as it was said."""
    text: Mapped[str | None] = mapped_column(Text)
    """The file the terms were read from, as its author wrote it."""
    proposal: Mapped[str] = mapped_column(String(64))
    """Digest of the statement that proposed it."""
