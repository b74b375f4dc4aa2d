"""What an operator must look at, once each, until somebody closes it."""

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from ecolink.federation.models import Alarm
from ecolink.storage.upsert import insert_new


def raise_alarm(session: Session, kind: str, subject: str, now: datetime, *, peer: str | None, **details: Any) -> bool:  # noqa: ANN401 - JSON
    """Raise an alarm unless the same (kind, subject) was raised before; tell whether it is new."""
    row = {"kind": kind, "subject": subject[:200], "peer": peer, "details": details, "at": now}
    return insert_new(session, Alarm, [row]) == 1


def close_alarms(session: Session, kind: str, peer: str, now: datetime) -> None:
    """Close the alarms of a kind about a peer: what they told of is in order again."""
    session.execute(
        update(Alarm).where(Alarm.kind == kind, Alarm.peer == peer, Alarm.closed_at.is_(None)).values(closed_at=now)
    )
