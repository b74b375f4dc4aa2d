"""The tables of the federation: statements, channels, batches, peers and their keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base, TextList
from ecolink.storage.indexes import PartialIndex

CODE = String(12)
ID = String(36)
DIGEST = String(64)
LANE = String(9)
SERIAL = BigInteger().with_variant(Integer(), "sqlite")

PENDING = "state = 'pending'"
PARKED = "state = 'parked'"
RETURNED = "returned_at IS NOT NULL"


class StatementRow(Base):
    """One signed statement, ours or a peer's, in the bytes it was signed in. `n` is the order of arrival here."""

    __tablename__ = "statements"
    __table_args__ = (
        UniqueConstraint("iss", "jti"),
        Index("ix_statements_thread_n", "thread", "n"),
        PartialIndex("ix_statements_pending", "lane", "n", where=PENDING),
        PartialIndex("ix_statements_parked", "n", where=PARKED),
        PartialIndex("ix_statements_returned", "digest", where=RETURNED),
        Index("ix_statements_place", "in_channel_id", "in_seq"),
        CheckConstraint("direction IN ('in', 'out')", name="direction"),
        CheckConstraint("state IN ('pending', 'applied', 'parked', 'rejected', 'unsupported')", name="state"),
    )

    n: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    iss: Mapped[str] = mapped_column(CODE)
    jti: Mapped[str] = mapped_column(ID)
    digest: Mapped[str] = mapped_column(DIGEST)
    direction: Mapped[str] = mapped_column(String(3))
    type: Mapped[str] = mapped_column(String(64))
    thread: Mapped[str] = mapped_column(ID)
    lane: Mapped[str] = mapped_column(LANE)
    aud: Mapped[list[str] | None] = mapped_column(TextList, nullable=False)
    """None: damaged; the signed bytes say who they are (`statements.audience_of`)."""
    parents: Mapped[list[str] | None] = mapped_column(TextList, nullable=False)
    """None: damaged; the signed bytes say what they are (`statements.parents_of`)."""
    is_exercise: Mapped[bool]
    created_at: Mapped[datetime]
    received_at: Mapped[datetime]
    deliver_by: Mapped[datetime | None]
    retain_until: Mapped[datetime]
    token: Mapped[bytes] = mapped_column(LargeBinary)
    private: Mapped[bytes | None] = mapped_column(LargeBinary)
    private_digest: Mapped[str | None] = mapped_column(DIGEST)
    erased_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(11))
    state_reason: Mapped[str | None] = mapped_column(String(500))
    apply_after: Mapped[datetime | None]
    clock_suspect: Mapped[bool] = mapped_column(default=False)
    in_channel_id: Mapped[int | None] = mapped_column(ForeignKey("in_channels.id"))
    """Where it came in: the channel, and its place there."""
    in_seq: Mapped[int | None] = mapped_column(SERIAL)
    returned_at: Mapped[datetime | None]
    """When a peer gave it back: one of ours that a restore had forgotten."""


class OutChannel(Base):
    """What we send to one peer in one lane and epoch. Entries past `receipted_seq` are waiting."""

    __tablename__ = "out_channels"
    __table_args__ = (
        UniqueConstraint("recipient", "lane", "epoch"),
        PartialIndex(
            "ix_out_channels_waiting",
            "next_try_at",
            where="last_seq > receipted_seq",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    recipient: Mapped[str] = mapped_column(CODE)
    lane: Mapped[str] = mapped_column(LANE)
    epoch: Mapped[int]
    start_chain: Mapped[str] = mapped_column(DIGEST)
    last_seq: Mapped[int] = mapped_column(SERIAL, default=0)
    last_chain: Mapped[str] = mapped_column(DIGEST)
    receipted_seq: Mapped[int] = mapped_column(SERIAL, default=0)
    batch_limit: Mapped[int]
    split_at: Mapped[datetime | None]
    """When the peer last found a batch too large."""
    closed: Mapped[bool] = mapped_column(default=False)
    """A later epoch took over; what was waiting here was queued there."""
    lease_fence: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    waiting_since: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(500))
    last_error_at: Mapped[datetime | None]


class OutEntry(Base):
    """One statement's place in one of our channels, and what the peer said of it."""

    __tablename__ = "out_entries"
    __table_args__ = (Index("ix_out_entries_statement_n", "statement_n"),)

    channel_id: Mapped[int] = mapped_column(ForeignKey("out_channels.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=False)
    statement_n: Mapped[int] = mapped_column(SERIAL, ForeignKey("statements.n"))
    digest: Mapped[str] = mapped_column(DIGEST)
    chain: Mapped[str] = mapped_column(DIGEST)
    size: Mapped[int]
    queued_at: Mapped[datetime]
    deliver_by: Mapped[datetime | None]
    verdict: Mapped[str | None] = mapped_column(String(9))
    reason: Mapped[str | None] = mapped_column(String(64))
    received_at: Mapped[datetime | None]


class OutBatch(Base):
    """A sealed batch; its bytes are re-sent unchanged until the receipt is here."""

    __tablename__ = "out_batches"
    __table_args__ = (Index(None, "channel_id", "last_seq"),)

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("out_channels.id"))
    first_seq: Mapped[int] = mapped_column(SERIAL)
    last_seq: Mapped[int] = mapped_column(SERIAL)
    token: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_at: Mapped[datetime]
    receipt: Mapped[bytes | None] = mapped_column(LargeBinary)
    receipted_at: Mapped[datetime | None]


class InChannel(Base):
    """How far we hold what one peer sends us in one lane and epoch."""

    __tablename__ = "in_channels"
    __table_args__ = (UniqueConstraint("sender", "lane", "epoch"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(CODE)
    lane: Mapped[str] = mapped_column(LANE)
    epoch: Mapped[int]
    head_seq: Mapped[int] = mapped_column(SERIAL, default=0)
    head_chain: Mapped[str] = mapped_column(DIGEST)


class InEntry(Base):
    """An entry that brought nothing new: refused, or a duplicate. Where a statement was stored its own row says."""

    __tablename__ = "in_entries"
    __table_args__ = (CheckConstraint("verdict IN ('duplicate', 'refused')", name="verdict"),)

    channel_id: Mapped[int] = mapped_column(ForeignKey("in_channels.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(DIGEST, index=True)
    verdict: Mapped[str] = mapped_column(String(9))
    reason: Mapped[str | None] = mapped_column(String(64))


class InBatch(Base):
    """A batch we receipted, with the receipt's bytes, so that a re-sent batch gets the very same."""

    __tablename__ = "in_batches"
    __table_args__ = (UniqueConstraint("channel_id", "first_seq", "digest"),)

    id: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    digest: Mapped[str] = mapped_column(DIGEST)
    channel_id: Mapped[int] = mapped_column(ForeignKey("in_channels.id"))
    first_seq: Mapped[int] = mapped_column(SERIAL)
    last_seq: Mapped[int] = mapped_column(SERIAL)
    token: Mapped[bytes] = mapped_column(LargeBinary)
    receipt: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]


class PeerRow(Base):
    """Another bureau's node as this node knows it."""

    __tablename__ = "peers"
    __table_args__ = (CheckConstraint("state IN ('pending', 'active', 'suspended')", name="state"),)

    unit_code: Mapped[str] = mapped_column(CODE, primary_key=True)
    name_zh: Mapped[str] = mapped_column(String(100))
    name_en: Mapped[str] = mapped_column(String(200))
    region: Mapped[str] = mapped_column(String(6))
    federation_url: Mapped[str] = mapped_column(String(500))
    duty_phone: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(9))
    fingerprint: Mapped[str] = mapped_column(String(80))
    card: Mapped[bytes] = mapped_column(LargeBinary)
    manifest_version: Mapped[int]
    manifest_digest: Mapped[str] = mapped_column(DIGEST)
    imported_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    activated_by: Mapped[str | None] = mapped_column(String(100))
    suspended_at: Mapped[datetime | None]
    suspended_reason: Mapped[str | None] = mapped_column(String(500))
    last_contact_at: Mapped[datetime | None]
    last_probe_at: Mapped[datetime | None]
    clock_skew_s: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(String(500))


class ManifestRow(Base):
    """One link of a bureau's key manifest chain, ours or a peer's: one or two tokens over the same payload."""

    __tablename__ = "manifests"

    unit_code: Mapped[str] = mapped_column(CODE, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(DIGEST)
    tokens: Mapped[list[str]]
    held_at: Mapped[datetime]


class PeerKey(Base):
    """A peer's signing key, present or past. Each has signed a manifest of its bureau, and belongs to it for ever."""

    __tablename__ = "peer_keys"

    kid: Mapped[str] = mapped_column(String(43), primary_key=True)
    unit_code: Mapped[str] = mapped_column(CODE, index=True)


class SeenRequest(Base):
    """A request token that was used; kept until it could no longer be accepted anyway."""

    __tablename__ = "seen_requests"

    iss: Mapped[str] = mapped_column(CODE, primary_key=True)
    jti: Mapped[str] = mapped_column(ID, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Equivocation(Base):
    """A second, verified statement under an id that another one holds. Both are kept: that is the proof."""

    __tablename__ = "equivocations"

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    iss: Mapped[str] = mapped_column(CODE)
    jti: Mapped[str] = mapped_column(ID)
    held_digest: Mapped[str] = mapped_column(DIGEST)
    token: Mapped[bytes] = mapped_column(LargeBinary)
    private: Mapped[bytes | None] = mapped_column(LargeBinary)
    at: Mapped[datetime]


class Alarm(Base):
    """Something an operator must look at: a fork, an equivocation, a restore, a peer whose log shows two pasts."""

    __tablename__ = "alarms"
    __table_args__ = (UniqueConstraint("kind", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    peer: Mapped[str | None] = mapped_column(CODE)
    details: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
