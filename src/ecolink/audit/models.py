"""The tables of the evidence log: our own, and what we keep of others' logs."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base

SERIAL = BigInteger().with_variant(Integer(), "sqlite")


class LogHead(Base):
    """One log of this node. The last one is open; whoever appends holds its row's lock until the commit."""

    __tablename__ = "log_heads"

    log_epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(BigInteger)
    peaks: Mapped[list[str]]
    declaration: Mapped[str | None] = mapped_column(Text)
    """Why this log begins where an older one ended: the restore declaration, its first leaf."""
    closed_at: Mapped[datetime | None]


class LogLeaf(Base):
    """One leaf. `ref` finds it: a statement's jti, a row's id; it is not part of what is hashed."""

    __tablename__ = "log_leaves"
    # Clustered by place: leaves are appended and read in order.
    __table_args__ = (Index("ix_log_leaves_ref", "ref"), {"sqlite_with_rowid": False})

    log_epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    idx: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64))
    ref: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]


class LogTile(Base):
    """The root of one full tile: 256 leaves at level 1, 256 tiles of the level below at every further one."""

    __tablename__ = "log_tiles"
    __table_args__ = ({"sqlite_with_rowid": False},)

    log_epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    idx: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))


class PeerCheckpoint(Base):
    """A checkpoint of another bureau's log, from its receipts or passed on by a third."""

    __tablename__ = "peer_checkpoints"
    __table_args__ = (
        UniqueConstraint("unit_code", "log_epoch", "size", "root"),
        CheckConstraint("state IN ('kept', 'verified', 'forked')", name="state"),
    )

    id: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    unit_code: Mapped[str] = mapped_column(String(12))
    log_epoch: Mapped[int]
    size: Mapped[int] = mapped_column(BigInteger)
    root: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(String(512))
    told_by: Mapped[str] = mapped_column(String(12))
    held_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(8))
    checked_at: Mapped[datetime | None]


class Tombstone(Base):
    """What is left of an erased private part: who erased it, when and why."""

    __tablename__ = "tombstones"

    statement: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    document: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class Attestation(Base):
    """A peer's signed word on which checkpoints of our log it held, and since when: what proves time one day."""

    __tablename__ = "attestations"
    __table_args__ = (UniqueConstraint("unit_code", "log_epoch", "size"),)

    id: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    unit_code: Mapped[str] = mapped_column(String(12))
    log_epoch: Mapped[int]
    size: Mapped[int] = mapped_column(BigInteger)
    since: Mapped[datetime]
    token: Mapped[bytes] = mapped_column(LargeBinary)
    held_at: Mapped[datetime]
