"""The tables of what is due. All but what was told and said is derived anew from signed documents at any time."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ecolink.storage.base import Base
from ecolink.storage.indexes import PartialIndex

DIGEST = String(64)
KEY = String(100)
SLUG = String(40)
UNIT = String(12)

WATCHED = "next_at IS NOT NULL"
_STATES = "'upcoming', 'open', 'begun', 'fulfilled', 'waived'"


class Duty(Base):
    """A duty as one version of an agreement's terms has it: what many obligations have in common. Never changed."""

    __tablename__ = "duties"

    terms: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    code: Mapped[str] = mapped_column(SLUG, primary_key=True)
    agreement: Mapped[str] = mapped_column(SLUG, index=True)
    agreement_zh: Mapped[str] = mapped_column(String(100))
    agreement_en: Mapped[str] = mapped_column(String(100))
    definition: Mapped[dict[str, Any]]
    """`DutyV1` as it was signed."""


class DutyParty(Base):
    """A bureau that a duty binds."""

    __tablename__ = "duty_parties"
    __table_args__ = (
        ForeignKeyConstraint(["terms", "code"], ["duties.terms", "duties.code"]),
        Index(None, "party"),
    )

    terms: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    code: Mapped[str] = mapped_column(SLUG, primary_key=True)
    party: Mapped[str] = mapped_column(UNIT, primary_key=True)


class ObligationRow(Base):
    """One thing due in one period, and how it stands."""

    __tablename__ = "obligations"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        ForeignKeyConstraint(["terms", "duty"], ["duties.terms", "duties.code"]),
        Index(None, "agreement", "period_first"),
        Index(None, "period_first"),
        Index(None, "due_at", "key"),
        Index(None, "state", "due_at", "key"),
        PartialIndex("ix_obligations_next", "next_at", where=WATCHED),
    )

    key: Mapped[str] = mapped_column(KEY, primary_key=True)
    agreement: Mapped[str] = mapped_column(SLUG)
    duty: Mapped[str] = mapped_column(SLUG)
    kind: Mapped[str] = mapped_column(String(16))
    period: Mapped[str] = mapped_column(String(8))
    period_first: Mapped[date]
    parties: Mapped[list[str]]
    convener: Mapped[str | None] = mapped_column(UNIT)
    terms: Mapped[str] = mapped_column(DIGEST)
    due_on: Mapped[date]
    """Asia/Shanghai."""
    due_at: Mapped[datetime]
    opens_at: Mapped[datetime]
    grace_until: Mapped[datetime]
    settled: Mapped[bool]
    """Whether the working days its due day hangs on are signed; if not, it may still move."""
    binds: Mapped[bool] = mapped_column(default=True)
    """False: by what was signed since it is not due any more, and is kept for what was done or told of it."""

    state: Mapped[str] = mapped_column(String(12))
    late: Mapped[bool]
    fulfilled_at: Mapped[datetime | None]
    done_in_time: Mapped[list[str]]
    owing: Mapped[list[str]]
    next_at: Mapped[datetime | None]
    """When the watch has something to do for it; None: never again, as far as is known."""

    definition: Mapped[Duty] = relationship(lazy="joined", innerjoin=True, viewonly=True)


class Horizon(Base):
    """How far into the future an agreement's obligations are written down."""

    __tablename__ = "horizons"

    agreement: Mapped[str] = mapped_column(SLUG, primary_key=True)
    until: Mapped[date]
    """Periods that begin up to this day are written."""
    next_at: Mapped[datetime | None] = mapped_column(index=True)
    """When it is to be moved on; None: the agreement ends before."""


class Notice(Base):
    """One of our levels was told of something that is due or overdue. Where e-mail and other channels read from."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("subject", "step", "role"),
        Index(None, "state", "id"),
        CheckConstraint("state IN ('open', 'seen', 'closed', 'skipped')", name="state"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    subject: Mapped[str] = mapped_column(KEY)
    """What it is about: an obligation's key, or `consultation/ID/TASK`."""
    step: Mapped[str] = mapped_column(String(16))
    """`remind-7`, `escalate-3`: see `cadence.obligations.Step`."""
    kind: Mapped[str] = mapped_column(String(12))
    role: Mapped[str] = mapped_column(String(20))
    """The level it addresses, which is a role."""
    title_zh: Mapped[str] = mapped_column(String(500))
    title_en: Mapped[str] = mapped_column(String(500))
    due_at: Mapped[datetime]
    at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(8))
    seen_at: Mapped[datetime | None]
    seen_by: Mapped[str | None] = mapped_column(String(100))
    closed_at: Mapped[datetime | None]


class LatenessNotice(Base):
    """A party's node said, signed and once, that an obligation is overdue: a peer's word, or ours."""

    __tablename__ = "lateness_notices"

    key: Mapped[str] = mapped_column(KEY, primary_key=True)
    author: Mapped[str] = mapped_column(UNIT, primary_key=True)
    digest: Mapped[str] = mapped_column(DIGEST, index=True)
    """Of the statement that says it."""
    said_at: Mapped[datetime]
    due_on: Mapped[date]
    terms: Mapped[str] = mapped_column(DIGEST)
    owing: Mapped[list[str]]
    done: Mapped[bool]
    rejected: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """By bureau, why it would not take ours."""
