"""Due days as entries of a calendar."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.cadence.standing import State
from ecolink.exchanges.cosigned.models import CosignedDocument
from ecolink.exchanges.feeds.entries import Entry
from ecolink.exchanges.obligations.book import obligation_of
from ecolink.exchanges.obligations.models import ObligationRow

LOOKED_BACK = timedelta(days=90)
"""How long what is over stays in a calendar."""


def entries(session: Session, now: datetime) -> Iterator[Entry]:
    """Return the due days of the last months and all to come, as far as they are written down."""
    due = (
        select(ObligationRow, CosignedDocument.completed_at)
        .join(CosignedDocument, CosignedDocument.digest == ObligationRow.terms)
        .where(ObligationRow.due_at >= now - LOOKED_BACK)
        .order_by(ObligationRow.due_at)
    )
    for row, signed_at in session.execute(due):
        duty = obligation_of(row).duty
        owed = row.binds and row.state not in {State.FULFILLED, State.WAIVED}
        yield Entry(
            key=row.key,
            title=f"{duty.name_zh}（{row.period}）" + ("" if owed else " 已办结" if row.binds else ""),
            starts=row.due_on,
            told_at=row.fulfilled_at or (row.opens_at if row.opens_at <= now else signed_at or now),
            sequence=int(row.settled),
            description=row.definition.agreement_zh,
            is_cancelled=not row.binds,
            alarms=tuple(timedelta(days=days) for days in duty.remind_days) if owed else (),
        )
