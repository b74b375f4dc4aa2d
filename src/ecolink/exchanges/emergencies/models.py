"""The tables of the emergencies: the matter, what each recipient said of it, and whom to call."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ecolink.exchanges.emergencies.fires import BorderReport, FireGrade
from ecolink.exchanges.emergencies.rules import EmergencyState
from ecolink.protocol.kinds.emergencies import CancelReason, Colour, Decision, EmergencyKind, Status
from ecolink.storage.base import Base
from ecolink.storage.indexes import PartialIndex

CODE = String(12)
ID = String(36)
DIGEST = String(64)

PLANNED = "state = 'planned'"


def _one_of(column: str, values: type[Any]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Emergency(Base):
    """One emergency, ours or a peer's. `id` is its thread, the same at every bureau.

    All of it follows from the thread's statements, but for what happens before the alert is sent and for
    what this node computes itself (grade, border). `version` counts the changes of what was told, not the
    answers to it, so that an acknowledgement never gets in the way of an update.
    """

    __tablename__ = "emergencies"
    __table_args__ = (
        _one_of("status", Status),
        _one_of("state", EmergencyState),
        _one_of("kind", EmergencyKind),
        _one_of("colour", Colour),
        _one_of("fire_grade", FireGrade),
        _one_of("border_report", BorderReport),
        _one_of("cancel_reason", CancelReason),
        Index("ix_emergencies_status_raised_at_id", "status", "raised_at", "id"),
        Index("ix_emergencies_status_occurred_at_id", "status", "occurred_at", "id"),
        Index("ix_emergencies_state_status_raised_at_id", "state", "status", "raised_at", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    author: Mapped[str] = mapped_column(CODE)
    recipients: Mapped[list[str]]
    alliance_id: Mapped[str | None] = mapped_column(ID)
    """The alliance it is told to, as this node lists it; for a peer's emergency as the author does."""
    alliance: Mapped[dict[str, Any] | None]
    """Its roster, frozen when the alert was sent."""
    status: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(17))
    kind: Mapped[str] = mapped_column(String(16))
    colour: Mapped[str] = mapped_column(String(6))
    title: Mapped[str] = mapped_column(String(100))
    situation: Mapped[dict[str, Any]]
    """The body of the alert or of the last update that counts; before sending, what is to be told."""
    situation_digest: Mapped[str | None] = mapped_column(DIGEST)
    fire_grade: Mapped[str | None] = mapped_column(String(24))
    border_distance_m: Mapped[float | None]
    """By this node's own border line."""
    border_source: Mapped[str | None] = mapped_column(String(300))
    border_schematic: Mapped[bool]
    border_report: Mapped[str] = mapped_column(String(12))
    occurred_at: Mapped[datetime]
    raised_at: Mapped[datetime]
    """When it was entered here, or came in."""
    sent_at: Mapped[datetime | None]
    """When the alert was signed, by its author's clock."""
    told_at: Mapped[datetime | None]
    """When the author last told the situation, by its own clock."""
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None] = mapped_column(String(10))
    cancel_explanation: Mapped[str | None] = mapped_column(String(1000))
    clock_suspect: Mapped[bool]
    """The alert says it was signed in the future: believed, and marked."""
    raised_by: Mapped[str | None] = mapped_column(ID)
    """Our own person, by id; None for a peer's emergency."""
    raised_by_name: Mapped[str | None] = mapped_column(String(100))
    raised_by_role: Mapped[str | None] = mapped_column(String(64))
    approved_by_name: Mapped[str | None] = mapped_column(String(100))
    governance: Mapped[dict[str, Any]]
    """The terms it is told under, as `exchanges.governance.GovernanceOut`."""
    retain_until: Mapped[datetime]
    attachments: Mapped[list[Any]]
    """What is to be attached to the alert: digest and name of each file."""

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Answer(Base):
    """The last acknowledgement of one recipient. Names and telephone numbers stay in the statement's private part."""

    __tablename__ = "emergency_answers"
    __table_args__ = (_one_of("decision", Decision),)

    emergency_id: Mapped[str] = mapped_column(ForeignKey("emergencies.id"), primary_key=True)
    bureau: Mapped[str] = mapped_column(CODE, primary_key=True)
    digest: Mapped[str] = mapped_column(DIGEST)
    decision: Mapped[str] = mapped_column(String(16))
    acknowledged_at: Mapped[datetime]
    """By the recipient's clock."""


class CallTask(Base):
    """Something a person must do because somebody was not heard of in time; at most one for each step."""

    __tablename__ = "call_tasks"
    __table_args__ = (
        UniqueConstraint("emergency_id", "bureau", "step"),
        CheckConstraint("kind IN ('receipt', 'signature', 'acknowledge', 'update')", name="kind"),
        CheckConstraint("state IN ('planned', 'open', 'closed')", name="state"),
        _one_of("status", Status),
        PartialIndex("ix_call_tasks_planned", "due_at", where=PLANNED),
        Index("ix_call_tasks_status_state_due_at_id", "status", "state", "due_at", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    emergency_id: Mapped[str] = mapped_column(ForeignKey("emergencies.id"))
    bureau: Mapped[str] = mapped_column(CODE)
    """Whom to call; our own code where the work is ours."""
    step: Mapped[str] = mapped_column(String(48))
    kind: Mapped[str] = mapped_column(String(11))
    status: Mapped[str] = mapped_column(String(8))
    """That of the emergency: a drill's tasks never stand among real ones."""
    state: Mapped[str] = mapped_column(String(7))
    due_at: Mapped[datetime]
    statement: Mapped[str] = mapped_column(ID)
    """The statement (by its jti) that nothing was heard of, or that news must follow."""
    opened_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_because: Mapped[str | None] = mapped_column(String(12))
    closed_by: Mapped[str | None] = mapped_column(String(100))
    note: Mapped[str | None] = mapped_column(String(1000))

    emergency: Mapped[Emergency] = relationship(lazy="joined", innerjoin=True, viewonly=True)
