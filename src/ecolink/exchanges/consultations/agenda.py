"""Consultations and our tasks as entries of a calendar."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.exchanges.consultations.models import Consultation, ConsultationTask
from ecolink.exchanges.consultations.rules import State
from ecolink.exchanges.consultations.views import Views
from ecolink.exchanges.feeds.entries import Entry

LOOKED_BACK = timedelta(days=90)
"""How long what is over stays in a calendar."""

RINGS = (timedelta(days=1), timedelta(hours=1))


def entries(session: Session, views: Views, now: datetime) -> Iterator[Entry]:
    """Return the consultations that have a date and the tasks of ours, of the last months and all to come."""
    since = now - LOOKED_BACK
    meetings = select(Consultation).where(Consultation.meets_at >= since).order_by(Consultation.meets_at)
    for row in session.scalars(meetings):
        yield meeting(row, views.named(session, row.convener))
    tasks = (
        select(ConsultationTask, Consultation)
        .join(Consultation, Consultation.id == ConsultationTask.consultation)
        .where(ConsultationTask.owner == views.us, ConsultationTask.due_on >= china_day(since))
    )
    for task, row in session.execute(tasks):
        yield Entry(
            key=f"{row.id}/{task.code}",
            title=f"任务：{task.text}",
            starts=task.due_on,
            told_at=row.told_at,
            description=f"来自会商“{row.title}”",
            is_cancelled=task.status == "not_possible",
            alarms=() if task.status == "done" else (timedelta(days=3),),
        )


def meeting(row: Consultation, convener: str) -> Entry:
    """Return a consultation with a date as an entry; `convener` is its name."""
    assert row.meets_at is not None  # noqa: S101 - only those with a date are asked for
    return Entry(
        key=row.id,
        title=f"会商：{row.title}",
        starts=row.meets_at,
        lasts=timedelta(minutes=row.duration_minutes),
        told_at=row.told_at,
        sequence=row.sequence,
        where=row.where,
        organizer=convener,
        is_cancelled=row.state == State.CANCELLED,
        alarms=RINGS,
    )
