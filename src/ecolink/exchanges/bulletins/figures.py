"""What was told between us and others in bulletins, counted and listed. Drills do not count."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.exchanges.bulletins.models import Bulletin, BulletinRecipient
from ecolink.exchanges.bulletins.rules.tables import STANDING, State
from ecolink.federation.models import StatementRow
from ecolink.protocol.kinds.exchange import MAX_LINES, ToldBulletinV1


def count(session: Session, partners: Collection[str], begin: datetime, end: datetime) -> dict[str, int]:
    """Return how many bulletins were told, and answered with feedback, from `begin` until before `end`, by code."""
    told = select(func.count(Bulletin.id.distinct())).where(*_told(begin, end))
    ours = told.join(BulletinRecipient, BulletinRecipient.bulletin_id == Bulletin.id).where(
        Bulletin.direction == "out", BulletinRecipient.unit_code.in_(partners)
    )
    theirs = told.where(Bulletin.direction == "in", Bulletin.author.in_(partners))
    feedback = (
        select(StatementRow.direction, func.count())
        .join(Bulletin, (Bulletin.thread == StatementRow.thread) & Bulletin.is_exercise.is_not(True))
        .where(
            StatementRow.type == "bulletin.feedback.v1",
            StatementRow.state == "applied",
            StatementRow.created_at >= begin,
            StatementRow.created_at < end,
            (Bulletin.author.in_(partners) & (StatementRow.direction == "out"))
            | ((Bulletin.direction == "out") & StatementRow.iss.in_(partners)),
        )
        .group_by(StatementRow.direction)
    )
    answered = dict(session.execute(feedback).all())
    return {
        "bulletins_told": session.scalar(ours) or 0,
        "bulletins_received": session.scalar(theirs) or 0,
        "bulletin_feedback_given": answered.get("out", 0),
        "bulletin_feedback_received": answered.get("in", 0),
    }


def told_to_all(session: Session, partners: Collection[str], begin: datetime, end: datetime) -> list[ToldBulletinV1]:
    """Return the bulletins of ours that stand and that every one of `partners` holds, the latest first."""
    holders = (
        select(BulletinRecipient.bulletin_id)
        .where(BulletinRecipient.unit_code.in_(partners))
        .group_by(BulletinRecipient.bulletin_id)
        .having(func.count() == len(partners))
    )
    told = select(Bulletin).where(
        *_told(begin, end), Bulletin.direction == "out", Bulletin.state.in_(STANDING), Bulletin.id.in_(holders)
    )
    return [
        ToldBulletinV1(
            thread=bulletin.thread,
            number=bulletin.number,
            kind=bulletin.kind or "other",
            title=bulletin.title or "",
            told_on=china_day(bulletin.told_at),
        )
        for bulletin in session.scalars(told.order_by(Bulletin.told_at.desc(), Bulletin.id).limit(MAX_LINES))
    ]


def _told(begin: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Bulletin.is_exercise.is_(False),
        Bulletin.state.in_([*STANDING, State.RECALLED]),
        Bulletin.told_at >= begin,
        Bulletin.told_at < end,
    )
