"""The tables of our people as alerts know them: when they are on duty, how they are told, and their PIN."""

from datetime import datetime, time
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base

ID = String(36)


class Shift(Base):
    """One person is on duty from one moment to another."""

    __tablename__ = "shifts"
    __table_args__ = (
        CheckConstraint("position IN ('first', 'second')", name="position"),
        CheckConstraint("starts_at < ends_at", name="lasts"),
        Index(None, "ends_at", "starts_at"),
        Index(None, "starts_at", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    position: Mapped[str] = mapped_column(String(6))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    note: Mapped[str | None] = mapped_column(String(500))
    version: Mapped[int] = mapped_column(Integer)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class Handover(Base):
    """One person handed the duty over to another. Never changed."""

    __tablename__ = "handovers"
    __table_args__ = (Index(None, "at", "id"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    position: Mapped[str] = mapped_column(String(6))
    at: Mapped[datetime]
    from_account: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    """None: nobody had been on duty."""
    from_name: Mapped[str | None] = mapped_column(String(100))
    to_account: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    to_name: Mapped[str] = mapped_column(String(100))
    note: Mapped[str | None] = mapped_column(String(1000))
    open_alerts: Mapped[int]
    """How many alerts were open then."""
    by: Mapped[str] = mapped_column(String(64))


class AlertPreference(Base):
    """How one person wants to be told. Without a row it is as `preferences.usual` says."""

    __tablename__ = "alert_preferences"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    language: Mapped[str] = mapped_column(String(2))
    quiet_from: Mapped[time | None]
    """Asia/Shanghai."""
    quiet_until: Mapped[time | None]
    rules: Mapped[list[Any]]
    """`preferences.Rule`s, the first that fits counts."""
    changed_at: Mapped[datetime]


class AlertPin(Base):
    """What one person types on the phone in place of a login, to acknowledge by a one-time link."""

    __tablename__ = "alert_pins"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    credential: Mapped[str] = mapped_column(String(200))
    """Argon2id."""
    set_at: Mapped[datetime]
