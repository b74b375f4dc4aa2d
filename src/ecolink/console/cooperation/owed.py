"""What is owed now: the obligations that are open and not met."""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from ecolink.exchanges.obligations.filters import ObligationFilters
from ecolink.exchanges.obligations.models import ObligationRow
from ecolink.exchanges.obligations.schemas import ObligationLineOut
from ecolink.web.cooperation import Cooperation

MOST: Final = 6
"""On one page; the list shows all."""


def owed_now(session: Session, rooms: Cooperation, wanted: ObligationFilters, now: datetime) -> list[ObligationLineOut]:
    """Return those of the `wanted` that are open and not met: whatever is overdue first, then what falls due next."""
    opened = wanted.model_copy(update={"owed": True}).select().where(ObligationRow.opens_at <= now)
    return rooms.obligations.views.lines(session, session.scalars(opened.order_by(*wanted.order).limit(MOST)).all())
