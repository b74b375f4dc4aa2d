"""The tables of the access log: a chain of entries, and its head."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base, JsonDocument

DIGEST = String(64)
SERIAL = BigInteger().with_variant(Integer(), "sqlite")


class AccessAction(StrEnum):
    """What somebody did; the first six are the operations the law wants logged, the rest are our own."""

    COLLECT = "collect"
    ALTER = "alter"
    CONSULT = "consult"
    DISCLOSE = "disclose"
    COMBINE = "combine"
    ERASE = "erase"
    REVEAL = "reveal"
    EXPORT = "export"
    LOGIN = "login"
    ADMINISTER = "administer"


class AccessRow(Base):
    """One entry. `n` counts from 1 without gaps; `digest` covers every other column and the digest before it."""

    __tablename__ = "access_entries"
    __table_args__ = (
        Index(None, "actor", "n"),
        Index(None, "case_number", "n"),
        Index(None, "object_id", "n"),
        Index(None, "action", "n"),
        CheckConstraint(f"action IN {tuple(action.value for action in AccessAction)}", name="action"),
    )

    n: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(32))
    action: Mapped[str] = mapped_column(String(10))
    object_type: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(64))
    case_number: Mapped[str | None] = mapped_column(String(64))
    recipient: Mapped[str | None] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(500))
    details: Mapped[dict[str, str]] = mapped_column(JsonDocument)
    prev: Mapped[str] = mapped_column(DIGEST)
    digest: Mapped[str] = mapped_column(DIGEST, unique=True)


class AccessHead(Base):
    """The one row that says where the chain ends; whoever appends holds its lock until the commit."""

    __tablename__ = "access_heads"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(SERIAL)
    digest: Mapped[str] = mapped_column(DIGEST)
