"""What passed between us and others about case leads, counted and listed: no case, no person. Drills do not count."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.table import ENDED, State
from ecolink.federation.models import StatementRow
from ecolink.protocol.kinds.exchange import MAX_LINES, OpenRequestV1

_ANSWERED = (State.REPLIED, State.FEEDBACK, State.TRANSFERRED, *ENDED)


def count(session: Session, partners: Collection[str], begin: datetime, end: datetime) -> dict[str, int]:
    """Return how many leads were asked, answered and closed from `begin` until before `end`, by code."""
    asked = select(Lead.direction, func.count()).where(
        Lead.peer.in_(partners), Lead.is_exercise.is_not(True), Lead.sent_at >= begin, Lead.sent_at < end
    )
    by_direction = dict(session.execute(asked.group_by(Lead.direction)).all())
    return {
        "leads_asked": by_direction.get("out", 0),
        "leads_received": by_direction.get("in", 0),
        "lead_replies_given": _moves(session, "replied", "in", partners, begin, end),
        "lead_replies_received": _moves(session, "replied", "out", partners, begin, end),
        "leads_closed": _moves(session, "closed", "in", partners, begin, end)
        + _moves(session, "closed", "out", partners, begin, end),
    }


def open_with(session: Session, us: str, partner: str) -> list[OpenRequestV1]:
    """Return the leads between us and `partner` that still want an answer, the oldest first."""
    unfinished = select(Lead).where(
        Lead.peer == partner,
        Lead.is_exercise.is_not(True),
        Lead.sent_at.is_not(None),
        Lead.state.not_in(_ANSWERED),
    )
    return [
        OpenRequestV1(
            thread=lead.id,
            letter_number=lead.letter_number,
            kind=lead.kind,
            urgency=lead.urgency,
            state=lead.state,
            asked_by=us if lead.direction == "out" else partner,
            asked_on=china_day(lead.sent_at or lead.created_at),
            answer_due=lead.answer_due,
        )
        for lead in session.scalars(unfinished.order_by(Lead.sent_at, Lead.id).limit(MAX_LINES))
    ]


def _moves(
    session: Session, move: str, direction: str, partners: Collection[str], begin: datetime, end: datetime
) -> int:
    """Count the leads in which a move was made: a lead answered twice was answered once."""
    made = (
        select(func.count(Lead.id.distinct()))
        .join(StatementRow, StatementRow.thread == Lead.id)
        .where(
            Lead.peer.in_(partners),
            Lead.is_exercise.is_not(True),
            Lead.direction == direction,
            Lead.updated_at >= begin,
            StatementRow.type == f"lead.{move}.v1",
            StatementRow.state == "applied",
            StatementRow.created_at >= begin,
            StatementRow.created_at < end,
        )
    )
    return session.scalar(made) or 0
