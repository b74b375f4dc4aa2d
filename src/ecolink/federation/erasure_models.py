"""What was ordered to be erased, by whom, and who answered that it did so."""

from datetime import datetime

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.federation.models import CODE, DIGEST, ID
from ecolink.storage.base import Base


class ErasedThread(Base):
    """An erasure that holds for a thread: what comes later from before it is erased too."""

    __tablename__ = "erased_threads"

    order: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    """The digest of the `privacy.erased.v1` that ordered it, ours or a peer's."""
    thread: Mapped[str] = mapped_column(ID, index=True)
    ordered_by: Mapped[str] = mapped_column(CODE)
    reason: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]


class ErasureAnswer(Base):
    """One recipient of an order of ours, and when it erased its part; null until its signed answer is here."""

    __tablename__ = "erasure_answers"
    __table_args__ = (UniqueConstraint("order", "recipient"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order: Mapped[str] = mapped_column(DIGEST)
    thread: Mapped[str] = mapped_column(ID, index=True)
    recipient: Mapped[str] = mapped_column(CODE)
    ordered_at: Mapped[datetime]
    complied_at: Mapped[datetime | None]
    erased: Mapped[int | None]
    """How many statements' private parts the recipient says it erased."""
