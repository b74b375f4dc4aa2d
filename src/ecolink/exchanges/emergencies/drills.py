"""Drills as a duty of an agreement: what the exercises of a period say of it.

A drill is an emergency that says it is an exercise. It meets the duty once the other party has signed for it: alert and
acknowledgement are both parties' signed words on the same alert. Tests, the real thing and what was told by mistake
count for nothing, and nothing makes a drill up that was not held.
"""

from contextlib import suppress
from datetime import datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import Obligation
from ecolink.cadence.standing import Evidence
from ecolink.exchanges.emergencies.models import Answer, Emergency
from ecolink.federation import threads
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.emergencies import CancelReason, Status

ALERT, ACKNOWLEDGED = "emergency.alert.v1", "emergency.acknowledged.v1"
HELD_BACK = timedelta(days=1)
"""How long before its alert was signed a row may have been entered: none is looked for among older ones."""


def evidence_of(session: Session, obligation: Obligation) -> Evidence:
    """Return what signed words say of one obligation to hold a drill in its period."""
    first = datetime.combine(obligation.period.first, time(0, tzinfo=CHINA))
    after = datetime.combine(obligation.period.last + timedelta(days=1), time(0, tzinfo=CHINA))
    held = select(Emergency).where(
        Emergency.status == Status.EXERCISE,
        Emergency.raised_at >= first - HELD_BACK,
        Emergency.sent_at >= first,
        Emergency.sent_at < after,
        Emergency.author.in_(obligation.parties),
    )
    return Evidence(
        records=[
            record
            for row in session.scalars(held.order_by(Emergency.sent_at, Emergency.id))
            if obligation.parties <= {row.author, *row.recipients} and row.cancel_reason != CancelReason.RETRACTION
            if (record := _record(session, row, obligation.parties)) is not None
        ]
    )


def _record(session: Session, row: Emergency, parties: frozenset[str]) -> Cosigning | None:
    """Return the alert as its author signed it, and as each party has signed for it, by its first word.

    What is being applied just now counts: it stands in the rows already, though not marked as applied.
    """
    answers = set(session.scalars(select(Answer.digest).where(Answer.emergency_id == row.id)))
    stored = threads.load(session, row.id)
    told = (each.statement for each in stored if each.statement.type == ALERT and each.state != "rejected")
    alert = next((said for said in told if said.iss == row.author and said.iat == row.sent_at), None)
    if alert is None:
        return None
    record = Cosigning.begin(alert.digest, alert.iss, parties, alert.iat)
    for each in stored:
        said = each.statement
        counts = said.type == ACKNOWLEDGED and (each.state == "applied" or said.digest in answers)
        if counts and said.iss in parties - {row.author}:
            with suppress(ValueError):  # its author's clock stood before the alert: such a word proves nothing
                record = record.sign(said.iss, said.iat)
    return record
