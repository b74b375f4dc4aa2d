"""Tables of the case leads.

`leads` is a projection: what the fold of the thread says, written anew by every move, so that lists are
quick. What is not sent yet, with its personal data, stands in `lead_drafts` and `lead_proposals` until it
is sent or dropped; after that the signed statement alone holds it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.exchanges.leads.clocks import NEVER
from ecolink.exchanges.leads.table import State
from ecolink.storage.base import Base, JsonDocument

_STATES = ", ".join(f"'{state}'" for state in State)
ID = String(36)
UNIT = String(12)


class Lead(Base):
    """A case lead as lists need it. `id` is the thread's id."""

    __tablename__ = "leads"
    __table_args__ = (
        CheckConstraint("direction IN ('in', 'out')", name="direction"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("urgency IN ('U1', 'U2', 'U3')", name="urgency"),
        Index(None, "is_exercise", "updated_at", "id"),
        Index(None, "is_exercise", "created_at", "id"),
        Index(None, "is_exercise", "next_due", "id"),
        Index(None, "state", "next_due"),
        Index(None, "peer", "is_exercise", "updated_at", "id"),
        Index(None, "proposal_count"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    version: Mapped[int] = mapped_column()
    direction: Mapped[str] = mapped_column(String(3))
    """`out`: we ask; `in`: we are asked."""
    peer: Mapped[str] = mapped_column(UNIT)
    """The other bureau."""
    state: Mapped[str] = mapped_column(String(24))
    is_exercise: Mapped[bool] = mapped_column(default=False)
    letter_number: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(24))
    case_number: Mapped[str] = mapped_column(String(100), index=True)
    case_type: Mapped[str] = mapped_column(String(16))
    charges: Mapped[list[str]]
    urgency: Mapped[str] = mapped_column(String(2))
    person_count: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str | None] = mapped_column(String(12))
    """What the reply brought, once there is one."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    """The recipient's signed word."""
    receipt_due: Mapped[datetime | None]
    answer_due: Mapped[datetime | None]
    next_due: Mapped[datetime] = mapped_column(default=NEVER)
    """The earliest thing the recipient owes; `clocks.NEVER` when nothing is due."""
    step_count: Mapped[int] = mapped_column(default=0)
    """Statements in the thread, so that each one counts as a change."""
    proposal_count: Mapped[int] = mapped_column(default=0)
    """Moves of ours that wait for an approver."""

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class LeadDraft(Base):
    """What an officer has written and nobody has sent yet; gone once it is sent."""

    __tablename__ = "lead_drafts"

    lead_id: Mapped[str] = mapped_column(ID, ForeignKey("leads.id"), primary_key=True)
    content: Mapped[dict[str, Any]]
    """A `LeadIn` as JSON, personal data included."""
    author_id: Mapped[str] = mapped_column(ID)
    author_name: Mapped[str] = mapped_column(String(100))
    author_role: Mapped[str] = mapped_column(String(32))
    """Whoever wrote it last."""
    submitted_at: Mapped[datetime | None]
    submitted_by: Mapped[str | None] = mapped_column(ID)
    sent_back_reason: Mapped[str | None] = mapped_column(String(1000))


class LeadProposal(Base):
    """A move that waits for an approver: prepared by one person, approved and sent, or declined, by another."""

    __tablename__ = "lead_proposals"
    __table_args__ = (
        CheckConstraint("state IN ('awaiting', 'sent', 'declined')", name="state"),
        Index(None, "lead_id", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    lead_id: Mapped[str] = mapped_column(ID, ForeignKey("leads.id"))
    move: Mapped[str] = mapped_column(String(24))
    state: Mapped[str] = mapped_column(String(8))
    content: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    """The move as it was written, personal data included; None once it is sent or declined."""
    author_id: Mapped[str] = mapped_column(ID)
    author_name: Mapped[str] = mapped_column(String(100))
    author_role: Mapped[str] = mapped_column(String(32))
    proposed_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(100))
    note: Mapped[str | None] = mapped_column(String(1000))
    """Why it was declined."""
    digest: Mapped[str | None] = mapped_column(String(64))
    """The statement it became."""
