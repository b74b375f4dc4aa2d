"""The table of calendar feeds: whose they are, and by what they are known."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base


class CalendarFeed(Base):
    """One address under which somebody's calendar program fetches what is due."""

    __tablename__ = "calendar_feeds"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the secret in the address. It has 256 random bits, so nothing slower is needed."""
    label: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    """When a program last fetched it, to the hour."""
