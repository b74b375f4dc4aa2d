"""What is still to be carried to a peer without a network."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from ecolink.storage.base import Base


class OwedReceipt(Base):
    """A carried batch whose receipt has to go back on the next disc.

    Gone once a bundle holds it: if that disc is lost, the peer sends the batch again, and it is owed again.
    """

    __tablename__ = "owed_receipts"

    peer: Mapped[str] = mapped_column(String(12), primary_key=True)
    batch: Mapped[str] = mapped_column(String(64), primary_key=True)
    since: Mapped[datetime]
