"""How long it took until each of our people heard of something: read from what was told, sent, opened and signed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import Dispatch, DispatchState
from ecolink.alerts.models import Alert, Telling
from ecolink.alerts.people import names_of


@dataclass(frozen=True, slots=True)
class Timing:
    """When one person was told of an alert, when a service took the message, when they opened and signed it."""

    name: str
    told_at: datetime
    sent_at: datetime | None
    read_at: datetime | None
    acknowledged_at: datetime | None


def timings(session: Session, subject: str) -> list[Timing]:
    """Return how an alert reached each of our people, those told first before the others; empty if none was raised."""
    alert = session.scalars(select(Alert).where(Alert.subject == subject)).one_or_none()
    if alert is None:
        return []
    sent = (
        select(Dispatch.account_id, func.min(Dispatch.ended_at))
        .where(Dispatch.alert_id == alert.id, Dispatch.state == DispatchState.SENT.value)
        .group_by(Dispatch.account_id)
    )
    sent_at = {row[0]: row[1] for row in session.execute(sent)}
    told = select(Telling).where(Telling.alert_id == alert.id).order_by(Telling.first_at, Telling.account_id)
    tellings = session.scalars(told).all()
    names = names_of(session, [telling.account_id for telling in tellings])
    return [
        Timing(
            name=names[telling.account_id],
            told_at=telling.first_at,
            sent_at=sent_at.get(telling.account_id),
            read_at=telling.read_at,
            acknowledged_at=alert.acknowledged_at if alert.acknowledged_by == telling.account_id else None,
        )
        for telling in tellings
    ]
