"""The tables of the alliances: one row each, and every roster they ever had."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base


class Alliance(Base):
    """One alliance as it stands. `version` counts the changes of this row."""

    __tablename__ = "alliances"
    __table_args__ = (CheckConstraint("state IN ('active', 'dissolved')", name="state"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name_zh: Mapped[str] = mapped_column(String(100))
    name_en: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(9), default="active")
    roster_version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class AllianceRoster(Base):
    """The members at one time; never changed once written."""

    __tablename__ = "alliance_rosters"

    alliance_id: Mapped[str] = mapped_column(ForeignKey("alliances.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name_zh: Mapped[str] = mapped_column(String(100))
    name_en: Mapped[str] = mapped_column(String(100))
    members: Mapped[list[str]]
    digest: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(300))
    made_by: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime]
