"""What other bureaus say of an emergency, applied on arrival: nothing waits but for the alert itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement
from ecolink.exchanges.duties import Settle
from ecolink.exchanges.emergencies.history import History
from ecolink.exchanges.emergencies.models import CallTask, Emergency
from ecolink.exchanges.emergencies.news import Happening, News, OnNews
from ecolink.exchanges.emergencies.register import Register
from ecolink.exchanges.emergencies.rules import MOVE_OF_TYPE, EmergencyState, Verdict
from ecolink.exchanges.emergencies.tasks import TaskBoard, TaskKind
from ecolink.exchanges.governance import lane_of
from ecolink.federation import threads
from ecolink.federation.handling import Handlers, Park, Reject
from ecolink.federation.models import StatementRow
from ecolink.federation.receipts import Confirmed
from ecolink.federation.statements import Stored
from ecolink.federation.threads import DeliveryState
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.emergencies import EmergencyAlertV1, Status
from ecolink.protocol.receipt import Outcome
from ecolink.protocol.statement import Lane
from ecolink.storage.base import table_of
from ecolink.storage.queries import Query

MAX_STATEMENTS: Final = 1000
"""A thread that has grown beyond this is being flooded; a cancellation still gets through."""

_COUNT = Query(select(func.count()).where(table_of(StatementRow).c.thread == bindparam("thread")))
_EXPLANATIONS = {
    "status-mixed": "an exercise, a test and the real thing never share a thread",
    "not-a-party": "the bureau is neither the author nor among those the alert was told to",
    "wrong-side": "this move belongs to the other side",
    "wrong-audience": "it is told to a bureau that never had the alert",
    "not-an-opening": "this thread has its alert already",
    "already-cancelled": "its author had seen the cancellation",
}


@dataclass(frozen=True, repr=False)
class Arrivals:
    """Applies peers' statements, and takes note of their receipts."""

    register: Register
    tasks: TaskBoard
    on_news: Sequence[OnNews] = ()
    drilled: list[Settle] = field(default_factory=list, repr=False)
    """Told between whom a drill was told or signed for: an agreement may ask for one."""

    def handlers(self) -> Handlers:
        """Return what applies each type of statement."""
        return dict.fromkeys(MOVE_OF_TYPE, self._apply)

    def note_drill(self, session: Session, row: Emergency, now: datetime) -> None:
        """Have what agreements ask of drills judged anew, if this is one."""
        if row.status == Status.EXERCISE:
            for settle in self.drilled:
                settle(session, {row.author, *row.recipients}, now)

    def note_receipts(self, session: Session, confirmed: Sequence[Confirmed], now: datetime) -> None:
        """Peers' nodes confirmed that they hold some of our statements, or refused them."""
        for each in confirmed:
            if each.type in MOVE_OF_TYPE and each.outcome is not Outcome.REFUSED:
                self.tasks.note_receipt(session, each.thread, each.recipient, each.jti, each.received_at, now)

    def note_agreement(self, session: Session, agreement: Agreement, now: datetime) -> None:
        """What is agreed became another: whom to call in emergencies told since then is planned anew by it."""
        if not agreement.versions:
            return
        since = datetime.combine(agreement.versions[-1].first, time(0, tzinfo=CHINA))
        open_ = select(Emergency.id).where(Emergency.state == EmergencyState.OPEN, Emergency.sent_at >= since)
        for emergency_id in session.scalars(open_.order_by(Emergency.id)).all():
            row = session.get_one(Emergency, emergency_id, with_for_update=True, populate_existing=True)
            if {row.author, *row.recipients} & agreement.members - {self.tasks.us}:
                self._plan_anew(session, row, now)

    def _plan_anew(self, session: Session, row: Emergency, now: datetime) -> None:
        said = {each.statement.jti: each for each in threads.load(session, row.id)}
        came = {(each.digest, each.recipient): each.at for each in threads.delivery(session, row.id, now)}

        def begun(task: CallTask) -> datetime:
            stored = said[task.statement]
            match task.kind:
                case TaskKind.ACKNOWLEDGE:
                    return stored.received_at
                case TaskKind.SIGNATURE:
                    told = came.get((stored.statement.digest, task.bureau))
                    return stored.statement.iat if told is None else min(told, now)
                case _:
                    return stored.statement.iat

        self.tasks.plan_anew(session, row, begun)

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:
        """Write the row anew for a statement of ours that a restore had forgotten, and plan what is due from now on.

        The terms begin anew: nobody is called about an answer that may come back a moment later.
        """
        said = stored.statement
        move = MOVE_OF_TYPE.get(said.type)
        row = session.get(Emergency, said.thread, with_for_update=True, populate_existing=True)
        if move is None or (row is None and move != "alert"):
            return  # a peer's emergency comes by itself, and brings the row
        history = History.load(session, said.thread, author=row.author if row else None)
        if row is None:
            row = self.register.open(session, stored)
        if move == "alert":
            _name_who_raised(row, stored)
        self.register.write(session, row, history)
        self.note_drill(session, row, now)
        match move:
            case "alert":
                self.tasks.expect_answers(session, row, said.jti, said.aud, now)
            case "update":
                self.tasks.expect_receipts(session, row, said.jti, said.aud, now)
                self.tasks.expect_update(session, row, said.jti, now)
            case "cancel":
                self.tasks.expect_receipts(session, row, said.jti, said.aud, now)
                self.tasks.note_end(session, row.id, said.jti, now)
                self._tell(session, Happening.OVER, row, now)
            case "acknowledged":
                self.tasks.note_signature(session, row.id, said.iss, now)
                self._tell(session, Happening.SIGNED, row, now)
        for each in threads.delivery(session, said.thread, now):
            if each.digest == said.digest and each.state is DeliveryState.DELIVERED:
                self.tasks.note_returned_receipt(session, row.id, each.recipient, said.jti, now)

    def _apply(self, session: Session, stored: Stored, now: datetime) -> None:
        said = stored.statement
        _refuse_flood(session, stored)
        row = session.get(Emergency, said.thread, with_for_update=True, populate_existing=True)
        history = History.load(session, said.thread, author=row.author if row else None, handed=stored)
        _refuse_unfit(stored, history)
        _refuse_illegal(stored, history)

        if row is None:
            row = self.register.open(session, stored)
        self.register.write(session, row, history)
        self.note_drill(session, row, now)
        match MOVE_OF_TYPE[said.type]:
            case "alert":
                self.tasks.expect_signature(session, row, said.jti, stored.received_at)
                self._tell(session, Happening.RECEIVED, row, now)
                if self.tasks.us in history.matter.acknowledgements:  # signed before a restore, and given back
                    self.tasks.note_signature(session, row.id, self.tasks.us, now)
                    self._tell(session, Happening.SIGNED, row, now)
                if row.state == EmergencyState.CANCELLED:  # its end came first
                    self._tell(session, Happening.OVER, row, now)
            case "update":
                self._tell(session, Happening.UPDATED, row, now, said.jti)
            case "acknowledged":
                self.tasks.note_signature(session, row.id, said.iss, now)
            case "cancel":
                self.tasks.note_end(session, row.id, said.jti, now)
                self._tell(session, Happening.OVER, row, now)

    def _tell(self, session: Session, happening: Happening, row: Emergency, now: datetime, statement: str = "") -> None:
        news = News(happening=happening, emergency=row, statement=statement)
        for listener in self.on_news:
            listener(session, news, now)


def _name_who_raised(row: Emergency, alert: Stored) -> None:
    """Write who raised and approved an emergency of ours, as its alert says."""
    said = alert.statement
    private = said.private_data or {}
    row.raised_by_role = said.author_role
    row.raised_by_name = (private.get("by") or {}).get("name")
    row.approved_by_name = (private.get("approver") or {}).get("name")
    row.attachments = [{"digest": ref.digest, "name": ref.name} for ref in said.attachments]


def _refuse_flood(session: Session, stored: Stored) -> None:
    count = _COUNT.scalar(session, {"thread": stored.statement.thread})
    if count > MAX_STATEMENTS and MOVE_OF_TYPE[stored.statement.type] != "cancel":
        raise Reject("thread-full", f"the emergency has more than {MAX_STATEMENTS} statements; raise another")


def _refuse_unfit(stored: Stored, history: History) -> None:
    """Refuse what is wrong by itself: its body, its lane, a roster its audience does not stand on."""
    said = stored.statement
    body = history.bodies.get(said.digest)
    if body is None:
        raise Reject("invalid-body", f"the body is not that of {said.type}")
    is_exercise = getattr(body, "status", None) != Status.ACTUAL
    if said.is_exercise is not is_exercise or said.lane is not lane_of(Lane.EMERGENCY, is_exercise=is_exercise):
        raise Reject("status-mixed", "status, exercise flag and lane do not agree")
    roster = body.alliance if isinstance(body, EmergencyAlertV1) else None
    if roster is not None and not {said.iss, *said.aud} <= set(roster.members):
        raise Reject("roster-mismatch", "it is told to a bureau that does not stand on the roster it names")


def _refuse_illegal(stored: Stored, history: History) -> None:
    step = history.matter.step(stored.statement.digest)
    if step is None:
        raise Park("the alert is not here yet")
    if step.verdict is Verdict.ILLEGAL:
        raise Reject(step.why, _EXPLANATIONS[step.why])
