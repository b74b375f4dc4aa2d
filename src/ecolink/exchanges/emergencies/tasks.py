"""Whom to call, and when: what an emergency makes people do when nothing is heard in time.

Every task is planned in the transaction that makes it needed, with the moment it falls due, and is closed in
the one that makes it needless: that of the receipt, the acknowledgement, the update. `watch` only opens what
has fallen due, so that it may run every second, twice at once, or after a night's sleep: a step happens once,
and never after its answer came.

| kind | falls due | closed by |
|---|---|---|
| receipt | our word went out, and the other node's receipt is not here | the receipt, an acknowledgement |
| signature | the other node has it, and nobody there signed; again for each escalation | an acknowledgement |
| acknowledge | their word is here, and nobody of ours signed | our acknowledgement |
| update | our emergency is open, and we said nothing new | an update |

A cancellation closes all of them but the receipt of the cancellation itself; a person may close any.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.cadence.deadlines import DeadlinePolicy
from ecolink.errors import IllegalMoveError, NotFoundError
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.emergencies.models import CallTask, Emergency
from ecolink.exchanges.emergencies.news import Happening, News, OnNews
from ecolink.kit.ids import new_id
from ecolink.storage.base import table_of
from ecolink.storage.bells import Bell, ring
from ecolink.storage.queries import Query
from ecolink.storage.upsert import insert_new

AT_ONCE = 500
"""Tasks opened in one transaction; the rest follow a second later."""


class TaskKind(StrEnum):
    """What is to be done."""

    RECEIPT = "receipt"
    """Call them: their node has not confirmed that it holds our message."""
    SIGNATURE = "signature"
    """Call them, higher up each time: nobody there has signed."""
    ACKNOWLEDGE = "acknowledge"
    """Sign for it: it is addressed to us."""
    UPDATE = "update"
    """Tell the others how it stands."""


class TaskState(StrEnum):
    """Where a task stands."""

    PLANNED = "planned"
    OPEN = "open"
    CLOSED = "closed"


class ClosedBecause(StrEnum):
    """Why nobody need do it any more."""

    RECEIPT = "receipt"
    ACKNOWLEDGED = "acknowledged"
    UPDATED = "updated"
    CANCELLED = "cancelled"
    PERSON = "person"


_LIVE = (TaskState.PLANNED.value, TaskState.OPEN.value)

_TASKS = table_of(CallTask).c
_STEP = (
    update(table_of(CallTask))
    .where(_TASKS.emergency_id == bindparam("of"), _TASKS.bureau == bindparam("whom"))
    .where(_TASKS.step == bindparam("which"))
)
_CLOSE_RECEIPT = Query(
    _STEP.where(_TASKS.state.in_(_LIVE))
    .values(state=TaskState.CLOSED.value, closed_because=ClosedBecause.RECEIPT.value, closed_at=bindparam("closed_at"))
    .returning(_TASKS.id)
)
_MOVE_SIGNATURE = Query(
    _STEP.where(_TASKS.statement == bindparam("word"), _TASKS.state == TaskState.PLANNED.value).values(
        due_at=bindparam("due_at")
    )
)
"""What every receipt of an emergency does: built once, for it is done while others wait."""


@dataclass(frozen=True, repr=False)
class TaskBoard:
    """Plans, opens and closes call tasks by what is agreed with each bureau on the day of the alert."""

    us: str
    agreed: Agreed
    on_news: Sequence[OnNews] = ()

    # Planned with what makes them needed --------------------------------------------------------------------

    def expect_answers(
        self, session: Session, emergency: Emergency, statement: str, recipients: Iterable[str], now: datetime
    ) -> None:
        """An alert of ours went out: receipts, signatures and our own next word are due."""
        recipients = tuple(recipients)
        self.expect_receipts(session, emergency, statement, recipients, now)
        # Until the receipt tells when it came there, a signature's time runs from our sending: silence is
        # no reason to wait longer.
        for bureau in recipients:
            self._plan(session, emergency, statement, TaskKind.SIGNATURE, bureau, now)
        self.expect_update(session, emergency, statement, now)

    def expect_receipts(
        self, session: Session, emergency: Emergency, statement: str, recipients: Iterable[str], now: datetime
    ) -> None:
        """A message of ours went out: each recipient's node is to confirm it."""
        for bureau in recipients:
            self._plan(session, emergency, statement, TaskKind.RECEIPT, bureau, now)

    def expect_update(self, session: Session, emergency: Emergency, statement: str, now: datetime) -> None:
        """We told how it stands: the next news is due again."""
        self.close(session, emergency.id, ClosedBecause.UPDATED, now, CallTask.kind == TaskKind.UPDATE)
        self._plan(session, emergency, statement, TaskKind.UPDATE, self.us, now)

    def expect_signature(self, session: Session, emergency: Emergency, statement: str, received_at: datetime) -> None:
        """A peer's alert came in: one of ours is to sign for it."""
        self._plan(session, emergency, statement, TaskKind.ACKNOWLEDGE, self.us, received_at)

    def plan_anew(self, session: Session, emergency: Emergency, begun: Callable[[CallTask], datetime]) -> None:
        """What is agreed became another: what did not fall due yet is counted by it, from when it had `begun`."""
        of_it = (CallTask.emergency_id == emergency.id, CallTask.state == TaskState.PLANNED)
        planned = session.scalars(select(CallTask).where(*of_it).with_for_update(of=CallTask)).all()
        terms = {(task.statement, TaskKind(task.kind), task.bureau): begun(task) for task in planned}
        session.execute(delete(CallTask).where(*of_it))
        for (statement, kind, bureau), moment in terms.items():
            self._plan(session, emergency, statement, kind, bureau, moment)

    def update_due(self, session: Session, emergency: Emergency, told_at: datetime) -> datetime:
        """Return when the author owes the next news: to us, or, where it is ours, to whom it is due first."""
        others = emergency.recipients if emergency.author == self.us else [emergency.author]
        return min(self._policy(session, emergency, each).emergency_update_due(told_at) for each in others)

    def _policy(self, session: Session, emergency: Emergency, bureau: str) -> DeadlinePolicy:
        return self.agreed.deadlines_with(session, bureau, china_day(emergency.sent_at or emergency.raised_at))

    def _plan(
        self, session: Session, emergency: Emergency, statement: str, kind: TaskKind, bureau: str, begun: datetime
    ) -> None:
        """Plan the steps of one kind at one bureau, counted from when it had `begun`; those there are stay."""
        rows = [
            {
                "id": new_id(begun),
                "emergency_id": emergency.id,
                "bureau": bureau,
                "step": step,
                "kind": kind.value,
                "status": emergency.status,
                "state": TaskState.PLANNED.value,
                "due_at": due_at,
                "statement": statement,
            }
            for step, due_at in self._steps(session, emergency, statement, kind, bureau, begun)
        ]
        insert_new(session, CallTask, rows)
        ring(session, Bell.WATCH)

    def _steps(
        self, session: Session, emergency: Emergency, statement: str, kind: TaskKind, bureau: str, begun: datetime
    ) -> list[tuple[str, datetime]]:
        match kind:
            case TaskKind.RECEIPT:
                due = self._policy(session, emergency, bureau).emergency_machine_due(begun)
                return [(f"receipt-{statement}", due)]
            case TaskKind.SIGNATURE:
                moments = self._policy(session, emergency, bureau).emergency_escalations(begun)
                return [(f"signature-{at}", due) for at, due in enumerate(moments, start=1)]
            case TaskKind.ACKNOWLEDGE:
                due = self._policy(session, emergency, emergency.author).emergency_person_due(begun)
                return [("acknowledge", due)]
            case TaskKind.UPDATE:
                return [(f"update-{statement}", self.update_due(session, emergency, begun))]

    # Closed with what makes them needless -------------------------------------------------------------------

    def close(
        self,
        session: Session,
        emergency_id: str,
        because: ClosedBecause,
        now: datetime,
        *which: ColumnElement[bool],
    ) -> int:
        """Close those tasks of an emergency that `which` names, planned or open; return how many."""
        closing = (
            update(CallTask)
            .where(CallTask.emergency_id == emergency_id, CallTask.state.in_(_LIVE), *which)
            .values(state=TaskState.CLOSED.value, closed_at=now, closed_because=because.value)
        )
        closed = session.execute(closing.returning(CallTask.id, CallTask.opened_at)).all()
        self._tell(session, Happening.TASK_CLOSED, [task_id for task_id, opened_at in closed if opened_at], now)
        return len(closed)

    def note_receipt(
        self, session: Session, emergency_id: str, bureau: str, statement: str, received_at: datetime, now: datetime
    ) -> None:
        """A bureau's node confirmed one of our messages: the time for a signature runs from its own word of when."""
        self.note_returned_receipt(session, emergency_id, bureau, statement, now)
        # A clock ahead of ours must not put off what is due.
        begins = min(received_at, now)
        emergency = session.get(Emergency, emergency_id)
        if emergency is None:
            return
        of = {"of": emergency_id, "whom": bureau, "word": statement}
        escalations = self._policy(session, emergency, bureau).emergency_escalations(begins)
        moved = [{**of, "which": f"signature-{at}", "due_at": due_at} for at, due_at in enumerate(escalations, start=1)]
        _MOVE_SIGNATURE.run_each(session, moved)

    def note_returned_receipt(
        self, session: Session, emergency_id: str, bureau: str, statement: str, now: datetime
    ) -> None:
        """A message that a restore had forgotten was confirmed long ago: nobody need be called about its receipt."""
        closed = {"of": emergency_id, "whom": bureau, "which": f"receipt-{statement}", "closed_at": now}
        late = _CLOSE_RECEIPT.scalars(session, closed)
        self._tell(session, Happening.TASK_CLOSED, late, now)

    def note_signature(self, session: Session, emergency_id: str, bureau: str, now: datetime) -> None:
        """A bureau (or we ourselves) signed: nobody need be called about its receipt or its silence."""
        kinds = (TaskKind.RECEIPT.value, TaskKind.SIGNATURE.value, TaskKind.ACKNOWLEDGE.value)
        self.close(
            session,
            emergency_id,
            ClosedBecause.ACKNOWLEDGED,
            now,
            CallTask.bureau == bureau,
            CallTask.kind.in_(kinds),
        )

    def note_end(self, session: Session, emergency_id: str, cancel: str, now: datetime) -> None:
        """It is over: nothing is owed any more but the receipt of the cancellation."""
        self.close(session, emergency_id, ClosedBecause.CANCELLED, now, CallTask.statement != cancel)

    def finish(self, session: Session, task_id: str, *, note: str | None, by: str, now: datetime) -> CallTask:
        """A person did it.

        Raises:
            NotFoundError: there is no such task, or it has not fallen due.
            IllegalMoveError: it is closed already.

        """
        task = session.get(CallTask, task_id, with_for_update={"of": CallTask}, populate_existing=True)
        if task is None or task.opened_at is None:
            raise NotFoundError
        if task.state != TaskState.OPEN:
            raise IllegalMoveError("This task is closed already.", "该任务已关闭。")
        task.state, task.closed_at, task.closed_because = TaskState.CLOSED, now, ClosedBecause.PERSON
        task.closed_by, task.note = by, note
        session.flush()
        self._tell(session, Happening.TASK_CLOSED, [task.id], now)
        return task

    def forget_names(self, session: Session, emergency_id: str) -> None:
        """Drop who closed an emergency's tasks, and what they wrote."""
        forgetting = update(CallTask).where(CallTask.emergency_id == emergency_id)
        session.execute(forgetting.values(closed_by=None, note=None))

    # Opened when their time comes ---------------------------------------------------------------------------

    def next_due(self, session: Session) -> datetime | None:
        """Return when the next planned task falls due, or fell due; None when none is planned."""
        return session.scalar(select(func.min(CallTask.due_at)).where(CallTask.state == TaskState.PLANNED))

    def watch(self, session: Session, now: datetime) -> int:
        """Open what has fallen due; return how many tasks that were."""
        due = session.scalars(_due(now).limit(AT_ONCE).with_for_update(skip_locked=True)).all()
        if not due:
            return 0
        opening = (
            update(CallTask)
            .where(CallTask.id.in_(due), CallTask.state == TaskState.PLANNED)
            .values(state=TaskState.OPEN.value, opened_at=now)
        )
        opened = session.scalars(opening.returning(CallTask.id)).all()
        self._tell(session, Happening.TASK_OPENED, opened, now)
        return len(opened)

    def _tell(self, session: Session, happening: Happening, tasks: Sequence[str], now: datetime) -> None:
        """Let it be known that tasks were opened or closed."""
        if not tasks or not self.on_news:
            return
        wanted = select(CallTask).where(CallTask.id.in_(tasks)).order_by(CallTask.due_at, CallTask.id)
        for task in session.scalars(wanted.execution_options(populate_existing=True)).all():
            for listener in self.on_news:
                listener(session, News(happening=happening, emergency=task.emergency, task=task), now)


def _due(now: datetime) -> Select[str]:
    return (
        select(CallTask.id)
        .where(CallTask.state == TaskState.PLANNED, CallTask.due_at <= now)
        .order_by(CallTask.due_at, CallTask.id)
    )
