"""The tables of the quarterly exchange. What a package says stands in its statement; lists and decisions read these."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base

THREAD = String(36)
UNIT = String(12)
DIGEST = String(64)


class Exchange(Base):
    """One obligation's exchange between its parties. `id` is the thread's id, the same at every party."""

    __tablename__ = "exchanges"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'partial', 'complete', 'signed_off')", name="state"),
        Index(None, "period", "id"),
    )

    id: Mapped[str] = mapped_column(THREAD, primary_key=True)
    obligation: Mapped[str] = mapped_column(String(100), index=True)
    agreement: Mapped[str] = mapped_column(String(40))
    period: Mapped[str] = mapped_column(String(7))
    parties: Mapped[list[str]]
    state: Mapped[str] = mapped_column(String(10), default="open")
    updated_at: Mapped[datetime]


class Package(Base):
    """One party's package, or its correction; each as its author signed it."""

    __tablename__ = "packages"
    __table_args__ = (UniqueConstraint("exchange_id", "author", "edition"),)

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    """Of the statement it came in."""
    exchange_id: Mapped[str] = mapped_column(ForeignKey("exchanges.id"))
    author: Mapped[str] = mapped_column(UNIT)
    jti: Mapped[str] = mapped_column(THREAD)
    edition: Mapped[int]
    """1 is the first, each correction one more."""
    is_current: Mapped[bool] = mapped_column(default=True)
    nothing_to_report: Mapped[bool]
    submitted_at: Mapped[datetime]
    """By its author's word (`iat`)."""
    rejected_because: Mapped[str | None] = mapped_column(String(1000))
    """What a party's node said when it would not take ours."""


class PackageWord(Base):
    """What one party said of another's package: that it was read, and what it was good for."""

    __tablename__ = "package_words"

    package: Mapped[str] = mapped_column(ForeignKey("packages.digest"), primary_key=True)
    party: Mapped[str] = mapped_column(UNIT, primary_key=True)
    read_at: Mapped[datetime | None]
    read_role: Mapped[str | None] = mapped_column(String(64))
    fed_back_at: Mapped[datetime | None]
    usefulness: Mapped[int | None]
    remarks: Mapped[str | None] = mapped_column(String(1000))
    correction_wanted: Mapped[str | None] = mapped_column(String(1000))


class PackageDraft(Base):
    """Our next package of an exchange, not sent yet; gone once it is sent."""

    __tablename__ = "package_drafts"

    exchange_id: Mapped[str] = mapped_column(ForeignKey("exchanges.id"), primary_key=True)
    version: Mapped[int] = mapped_column()
    content: Mapped[dict[str, Any]]
    """A `PackageV1` as JSON: what the node compiled, and what officers wrote."""
    compiled_at: Mapped[datetime]
    supersedes: Mapped[str | None] = mapped_column(DIGEST)
    correction: Mapped[str | None] = mapped_column(String(1000))
    edited_by: Mapped[str | None] = mapped_column(THREAD)
    """Whoever wrote on it last, by id; None: nobody has, it is as the node compiled it."""
    edited_by_name: Mapped[str | None] = mapped_column(String(100))
    edited_at: Mapped[datetime | None]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class
