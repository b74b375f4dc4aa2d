"""The tables of alerts: what our people are told of, each step, whom it reached. Times are UTC."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base
from ecolink.storage.indexes import PartialIndex

ID = String(36)
SUBJECT = String(120)

WATCHED = "next_at IS NOT NULL"


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    """A person of ours took it on."""
    ENDED = "ended"
    """There is nothing left to take on."""


class AlertKind(StrEnum):
    """What an alert is about."""

    EMERGENCY = "emergency"
    """Another bureau's emergency: one of ours is to sign for it."""
    NEWS = "news"
    """Something new of an emergency that was signed for."""
    IN_CHARGE = "in_charge"
    """An emergency was assigned to somebody of ours by name."""
    TASK = "task"
    """Somebody is to be called, or told how it stands, because something did not come in time."""
    LEAD = "lead"
    """A request that one of ours is to sign for."""
    NOTICE = "notice"
    """An obligation falls due or is overdue."""
    CHANNEL = "channel"
    """A channel by which our people are told is dead."""


class Alert(Base):
    """Something one of our people must be told of, until somebody acknowledged it or it ended."""

    __tablename__ = "alerts"
    __table_args__ = (
        CheckConstraint(f"kind IN {tuple(kind.value for kind in AlertKind)}", name="kind"),
        CheckConstraint(f"state IN {tuple(state.value for state in AlertState)}", name="state"),
        CheckConstraint("urgency IN ('urgent', 'normal')", name="urgency"),
        CheckConstraint("status IN ('actual', 'exercise', 'test')", name="status"),
        PartialIndex("ix_alerts_next", "next_at", where=WATCHED),
        Index(None, "state", "status", "raised_at", "id"),
        Index(None, "status", "raised_at", "id"),
        Index(None, "matter"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    subject: Mapped[str] = mapped_column(SUBJECT, unique=True)
    """Its natural key, such as `emergency/ID`: whatever raises it twice raises it once."""
    matter: Mapped[str] = mapped_column(SUBJECT)
    """What it belongs to, such as `emergency/ID`: when that is over, all of its alerts are."""
    number: Mapped[str] = mapped_column(String(6), unique=True)
    """To be said aloud; it says nothing of what it is about."""
    kind: Mapped[str] = mapped_column(String(9))
    urgency: Mapped[str] = mapped_column(String(6))
    status: Mapped[str] = mapped_column(String(8))
    title_zh: Mapped[str] = mapped_column(String(500))
    title_en: Mapped[str] = mapped_column(String(500))
    link: Mapped[str] = mapped_column(String(200))
    """Path of the console's page."""
    occurred_at: Mapped[datetime]
    raised_at: Mapped[datetime]
    count: Mapped[int] = mapped_column(Integer, default=1)
    """How often there was something to tell of it; told as one."""
    course: Mapped[dict[str, Any]]
    """`rules.Course`, in seconds."""

    state: Mapped[str] = mapped_column(String(12))
    next_at: Mapped[datetime | None]
    """When the next step is due; None: no step will come."""
    steps: Mapped[int] = mapped_column(Integer, default=0)
    stage: Mapped[int] = mapped_column(Integer, default=0)
    """How many stages of its course are reached."""
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(ID)
    acknowledged_name: Mapped[str | None] = mapped_column(String(100))
    decision: Mapped[str | None] = mapped_column(String(16))
    """What they decided, where the matter asks for that."""
    ended_at: Mapped[datetime | None]
    end_zh: Mapped[str | None] = mapped_column(String(2000))
    """Why it ended, as our people are told."""
    end_en: Mapped[str | None] = mapped_column(String(2000))
    is_retraction: Mapped[bool] = mapped_column(default=False)
    """It was told by mistake."""


class AlertStep(Base):
    """One time that somebody was told of an alert."""

    __tablename__ = "alert_steps"
    __table_args__ = (UniqueConstraint("alert_id", "number"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10))
    """`new`, `repeat`, `escalation`, `ended`, `retraction`, as the message says."""
    due_at: Mapped[datetime]
    at: Mapped[datetime]
    """When it was taken; later than it was due when no worker ran."""
    told: Mapped[list[str]]
    """Whom, by account."""


class Telling(Base):
    """One of our people was told of an alert."""

    __tablename__ = "alert_tellings"

    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    times: Mapped[int]
    heard: Mapped[int]
    """The alert's count when they were last told."""
    farewell_at: Mapped[datetime | None]
    """When they were told that it is over."""
    read_at: Mapped[datetime | None]
    """When they first opened it."""


class AlertLink(Base):
    """A one-time link: for one alert and one person, made when a step tells them."""

    __tablename__ = "alert_links"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the secret, which stands in the message alone."""
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.id"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    opened_at: Mapped[datetime | None]
    spent_at: Mapped[datetime | None]
    wrong_pins: Mapped[int] = mapped_column(default=0)
