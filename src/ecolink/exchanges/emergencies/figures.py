"""How often we and others alerted each other. Drills and tests do not count."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.exchanges.emergencies.models import Emergency
from ecolink.protocol.kinds.emergencies import CancelReason, EmergencyKind, Status


def count(session: Session, us: str, partners: Collection[str], begin: datetime, end: datetime) -> dict[str, int]:
    """Return how many emergencies were told from `begin` until before `end`, by code; not those told by mistake."""
    told = select(Emergency.author, Emergency.kind, Emergency.recipients, Emergency.cancel_reason).where(
        Emergency.status == Status.ACTUAL, Emergency.sent_at >= begin, Emergency.sent_at < end
    )
    raised = received = wildfires = 0
    for author, kind, recipients, cancel_reason in session.execute(told):
        ours = author == us and not {*partners}.isdisjoint(recipients)
        if cancel_reason == CancelReason.RETRACTION or not (ours or author in partners):
            continue
        raised, received = raised + ours, received + (not ours)
        wildfires += kind == EmergencyKind.WILDFIRE
    return {"emergencies_raised": raised, "emergencies_received": received, "wildfires": wildfires}
