"""What this room tells whoever wants to hear of it, in the transaction in which it happens: where alerts begin."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from ecolink.exchanges.emergencies.models import CallTask, Emergency
from ecolink.identity.principal import Principal


class Happening(StrEnum):
    """What happened to an emergency."""

    RECEIVED = "received"
    """A peer told us of it."""
    UPDATED = "updated"
    """A peer told how it stands now."""
    SIGNED = "signed"
    """One of ours signed for it."""
    OVER = "over"
    """It was ended or taken back, by them or by us."""
    TASK_OPENED = "task_opened"
    TASK_CLOSED = "task_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing that happened."""

    happening: Happening
    emergency: Emergency
    task: CallTask | None = None
    statement: str = ""
    """By its jti, where a signed word is the news."""
    by: Principal | None = None
    """Who signed; None where a restore brought the signature back."""
    decision: str | None = None
    in_charge: str | None = None
    """Whom they put in charge, as they wrote it."""


OnNews = Callable[[Session, News, datetime], None]
