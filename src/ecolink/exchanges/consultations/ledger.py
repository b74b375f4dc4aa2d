"""The rows of consultations: written from the fold of their threads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Self

from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import MORNING, Obligation
from ecolink.cadence.standing import Evidence
from ecolink.errors import NotFoundError
from ecolink.exchanges.consultations.models import Consultation, ConsultationTask
from ecolink.exchanges.consultations.rules import MOVE_OF_TYPE, Matter, Move, Side, State, fold
from ecolink.federation import threads
from ecolink.federation.statements import Stored
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.kinds.consultations import KINDS

REMIND_DAYS = (3, 0)
"""Our people are reminded of a task of ours so many days before it is due, and again on the morning after (P)."""

ENDS = ("done", "not_possible")
"""How a task ends."""

_BODIES: Mapping[str, type[Frozen]] = {kind.type: kind.body for kind in KINDS if issubclass(kind.body, Frozen)}


@dataclass(frozen=True)
class History:
    """One thread, read."""

    matter: Matter
    statements: Mapping[str, Stored]
    """Every statement of it that is held here, by digest."""

    @classmethod
    def load(cls, session: Session, thread: str, *, handed: Stored | None = None) -> Self:
        """Read what was applied of a thread, and the statement that is being applied just now, if any."""
        here = {each.statement.digest: each for each in threads.load(session, thread) if each.state == "applied"}
        if handed is not None:
            here[handed.statement.digest] = handed
        told = {digest: each for digest, each in here.items() if each.statement.type in MOVE_OF_TYPE}
        return cls(fold([_move(each) for each in told.values()]), told)


def row_of(session: Session, consultation: str, *, lock: bool = False) -> Consultation:
    """Return one consultation.

    Raises:
        NotFoundError: there is no such consultation.

    """
    row = session.get(Consultation, consultation, with_for_update=lock or None, populate_existing=lock)
    if row is None:
        raise NotFoundError
    return row


def write(session: Session, matter: Matter, us: str) -> Consultation | None:
    """Bring the rows of a consultation up to how its matter stands; None while its invitation is not here."""
    invitation, called = matter.invitation, matter.called
    if invitation is None or called is None:
        return None
    thread = invitation.thread
    row = session.get(Consultation, thread, with_for_update=True, populate_existing=True)
    if row is None:
        row = Consultation(id=thread)
        session.add(row)
    row.convener, row.chair = invitation.author, called.chair
    row.parties = " ".join(sorted(matter.parties))
    row.title, row.planned, row.agreement = called.title, called.planned, called.agreement
    row.trigger_kind = called.trigger.kind if called.trigger else None
    row.trigger_thread = called.trigger.thread if called.trigger else None
    row.invited_at, row.state = invitation.at, matter.state
    meeting = matter.meeting
    row.meets_at = meeting.at if meeting else None
    row.duration_minutes = (meeting or called).duration_minutes
    row.where = (meeting or called).where
    row.sequence = matter.settings + (matter.state is State.CANCELLED)
    row.held_at = matter.minuted.held_at if matter.minuted else None
    row.minutes = matter.minutes.digest if matter.minutes else None
    row.awaits_us = awaits(matter, us)
    row.told_at = max(step.move.at for step in matter.steps)
    session.flush()
    _write_tasks(session, row, matter, us)
    return row


def awaits(matter: Matter, us: str) -> bool:
    """Tell whether somebody waits for our word."""
    match matter.state:
        case State.PROPOSED:
            ours = Side.CONVENER in matter.sides(us)
            answered = len(matter.answers.keys() - {us}) == len(matter.parties) - 1
            return answered if ours else us not in matter.answers
        case State.MINUTED:
            cosigning = matter.cosigning
            return cosigning is not None and us in cosigning.missing - cosigning.objections.keys()
        case _:
            return False


def evidence_of(session: Session, obligation: Obligation) -> Evidence:
    """Return what signed minutes say of one obligation of consultation.

    A consultation counts that was held in the period between all the parties of the duty, planned or not.
    """
    first = datetime.combine(obligation.period.first, time(0, tzinfo=CHINA))
    after = datetime.combine(obligation.period.last + timedelta(days=1), time(0, tzinfo=CHINA))
    held = select(Consultation).where(Consultation.held_at >= first, Consultation.held_at < after)
    signed = [
        cosigning
        for row in session.scalars(held.order_by(Consultation.held_at, Consultation.id))
        if obligation.parties <= row.members
        if (cosigning := cosigning_of(session, row.id)) is not None
    ]
    return Evidence(records=[among(cosigning, obligation.parties) for cosigning in signed])


def cosigning_of(session: Session, consultation: str) -> Cosigning | None:
    """Return how far the minutes that count are signed; None: there are none."""
    return History.load(session, consultation).matter.cosigning


def among(cosigning: Cosigning, parties: frozenset[str]) -> Cosigning:
    """Return the signatures of `parties` alone: guests of other bureaus neither make a duty met nor hold it up."""
    kept = parties | {cosigning.author}
    return Cosigning(
        cosigning.digest,
        cosigning.author,
        kept,
        cosigning.written_at,
        {party: at for party, at in cosigning.signatures.items() if party in kept},
        {party: why for party, why in cosigning.objections.items() if party in kept},
    )


def next_reminder(due_on: date, after: datetime) -> datetime | None:
    """Return when our people are next told of a task, after a moment; None once it was told to be overdue."""
    days = (*(-days for days in REMIND_DAYS), 1)
    moments = [datetime.combine(due_on + timedelta(days=later), MORNING) for later in days]
    return min((moment for moment in moments if moment > after), default=None)


def _write_tasks(session: Session, row: Consultation, matter: Matter, us: str) -> None:
    """Write the tasks of minutes that all have signed; until then nobody owes them."""
    tasks = matter.minuted.tasks if matter.minuted and matter.state is State.CONCLUDED else ()
    codes = [task.code for task in tasks]
    gone = delete(ConsultationTask).where(ConsultationTask.consultation == row.id, ConsultationTask.code.not_in(codes))
    session.execute(gone)
    for task in tasks:
        kept = session.get(ConsultationTask, (row.id, task.code))
        if kept is None:
            kept = ConsultationTask(consultation=row.id, code=task.code, status="open")
            kept.next_at = (next_reminder(task.due_on, row.told_at) or row.told_at) if task.owner == us else None
            session.add(kept)
        kept.text, kept.owner, kept.due_on = task.text, task.owner, task.due_on
        if (update := matter.tasks.get(task.code)) is not None:
            kept.status, kept.note = update.status, update.note
        if kept.status in ENDS:
            kept.next_at = None
    session.flush()


def _move(stored: Stored) -> Move:
    said = stored.statement
    try:
        body = _BODIES[said.type].model_validate(said.body)
    except ValidationError:
        body = None
    return Move(
        digest=said.digest,
        parents=said.parents,
        thread=said.thread,
        author=said.iss,
        to=said.aud,
        at=said.iat,
        name=MOVE_OF_TYPE[said.type],
        body=body,
    )
