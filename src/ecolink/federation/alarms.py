"""What an operator must look at, once each, until somebody closes it."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ecolink.federation.models import Alarm
from ecolink.storage.upsert import insert_new


def raise_alarm(session: Session, kind: str, subject: str, now: datetime, *, peer: str | None, **details: Any) -> bool:  # noqa: ANN401 - JSON
    """Raise an alarm unless the same (kind, subject) was raised before; tell whether it is new."""
    row = {"kind": kind, "subject": subject[:200], "peer": peer, "details": details, "at": now}
    return insert_new(session, Alarm, [row]) == 1
