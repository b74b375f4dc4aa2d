"""Handing each kept statement to the room that understands it: one statement, exactly one effect.

A statement that fails is set aside with the reason, visible and retryable (`ecolink inbox parked`), and never
blocks the rest. A statement whose predecessors are not here yet is parked too, and tried again when its thread
grows. One that is not a legal move is answered with a signed `statement.rejected.v1`. One of ours that a peer gave
back after a restore is written into our records again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from ecolink.errors import NotFoundError, UnavailableError
from ecolink.federation import alone
from ecolink.federation.handling import Handlers, Park, Reject
from ecolink.federation.models import StatementRow
from ecolink.federation.outbox import Observer, Outbox
from ecolink.federation.statements import COLUMNS, Held, Stored, said_before, stored
from ecolink.kit.events import structlog
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward, Statement
from ecolink.storage.base import table_of
from ecolink.storage.bells import Bell, ring
from ecolink.storage.engine import Database
from ecolink.storage.faults import is_outage
from ecolink.storage.queries import Query, among

REJECTED: Final = "statement.rejected.v1"
UNSUPPORTED: Final = "unsupported"
WAITS: Final = "waits: "
"""Begins the reason of a statement that is tried again when its thread grows."""
KEEP_REJECTIONS: Final = timedelta(days=3 * 365)
AGAIN_AFTER: Final = timedelta(seconds=1)
"""When a statement is tried again that the database could not take: a deadlock, a full disk."""

TOGETHER: Final = 16
"""Statements at most that are applied in one transaction."""

MOST_THREADS: Final = 2_000
"""Threads at most of which what was set aside is tried again at once: PostgreSQL has room for some 6,400 locks."""

_STATEMENTS = table_of(StatementRow).c
_OLDEST = (
    # One after the other in each lane; all lanes together would be sorted.
    select(_STATEMENTS.n)
    .where(
        _STATEMENTS.state == "pending",
        _STATEMENTS.lane == bindparam("lane"),
        or_(_STATEMENTS.apply_after.is_(None), _STATEMENTS.apply_after <= bindparam("now")),
    )
    .order_by(_STATEMENTS.n)
    .limit(1)
)
_WAITING = Query(_OLDEST)
_TAKE = Query(_OLDEST.with_only_columns(*COLUMNS).with_for_update(skip_locked=True))
_TAKE_ELSEWHERE = Query(
    _OLDEST.where(~among(_STATEMENTS.thread, "busy")).with_only_columns(*COLUMNS).with_for_update(skip_locked=True)
)
_TAKE_THIS = Query(
    select(*COLUMNS)
    .where(_STATEMENTS.n == bindparam("this"), _STATEMENTS.state == "pending")
    .with_for_update(skip_locked=True)
)
_DUE = Query(
    select(func.min(_STATEMENTS.apply_after)).where(_STATEMENTS.state == "pending", among(_STATEMENTS.lane, "lanes"))
)
_SETTLE = Query(update(table_of(StatementRow)).where(_STATEMENTS.n == bindparam("settled")))
_SETTLED_AMONG = Query(
    select(_STATEMENTS.digest).where(
        _STATEMENTS.thread == bindparam("thread"),
        among(_STATEMENTS.digest, "digests"),
        _STATEMENTS.state.in_(("applied", "rejected", "unsupported")),
    )
)
_WAKE = Query(
    update(table_of(StatementRow))
    .where(
        _STATEMENTS.thread == bindparam("grown"),
        _STATEMENTS.state == "parked",
        _STATEMENTS.n != bindparam("by"),
        _STATEMENTS.state_reason.startswith(WAITS),
    )
    .values(state="pending", state_reason=None)
    .returning(_STATEMENTS.n)
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parked:
    """A statement that was set aside, for the operator."""

    n: int
    iss: str
    jti: str
    type: str
    thread: str
    received_at: datetime
    reason: str


class _ThreadIsTakenError(Exception):
    """Another one is just at work in the thread of the statement that was taken."""

    def __init__(self, row: Held) -> None:
        super().__init__()
        self.row = row


class _CannotBeAppliedError(Exception):
    """A statement has to be set aside, and what else its transaction did must not be undone with it."""


@dataclass(frozen=True, repr=False)
class Applier:
    """Applies what the inbox kept."""

    us: str
    database: Database
    outbox: Outbox
    handlers: Handlers
    kept: Observer
    returned: Observer
    """Told of a statement of ours that a peer gave back after a restore."""
    on_rejected: Mapping[str, Callable[[Session, Stored, datetime], None]] = field(default_factory=dict)
    """By the first word of the rejected statement's type: tells the room that its move came back."""

    def step(self, lanes: Sequence[Lane], now: datetime, *, is_free: Callable[[], bool] = lambda: True) -> bool:
        """Apply the oldest waiting statement of `lanes`; tell whether there was one.

        The next ones share its transaction, and so its wait for the disk, while it holds up nobody and `is_free` says
        that there is nothing better to do. Where one of them cannot be applied, all is undone and they are applied
        again, each in a savepoint of its own: that costs their work twice, and hardly any needs it.
        """
        with self.database.read() as session:
            # Look before taking the write lock: mostly there is nothing in most lanes.
            waiting = [lane for lane in lanes if _first(session, lane, now) is not None]
        if not waiting:
            return False
        taken: list[int] = []
        busy: list[Held] = []
        apart, is_done = False, False
        try:
            while not is_done:
                try:
                    self._apply_oldest(waiting, now, is_free, taken, apart=apart, busy=busy)
                    is_done = True
                except _ThreadIsTakenError as found:
                    busy.append(found.row)
                except _CannotBeAppliedError:
                    apart = True
        except UnavailableError:
            if not taken:
                raise
            self._put_off(taken[-1], now)
        return bool(taken)

    def _apply_oldest(
        self,
        lanes: Sequence[Lane],
        now: datetime,
        is_free: Callable[[], bool],
        taken: list[int],
        *,
        apart: bool,
        busy: Sequence[Held],
    ) -> None:
        """Apply the oldest, but for those of threads found `busy`; where there is no other, wait for the first thread.

        Raises:
            _ThreadIsTakenError: another one is at work in its thread; nothing is locked any more.
            _CannotBeAppliedError: something went wrong with it, and it is not apart.

        """
        with self.database.begin(urgent=Lane.EMERGENCY in lanes) as session:
            for _ in range(TOGETHER):
                row = _take_oldest(session, lanes, now, {each.thread for each in busy})
                if row is None and busy:
                    row = _take_behind(session, busy[0])
                if row is None:
                    return
                taken.append(row.n)
                with structlog.contextvars.bound_contextvars(statement=row.jti):
                    self._apply(session, row, now, apart=apart)
                if not (self.database.holds_up_nobody and is_free()):
                    return
                session.flush()
                session.expunge_all()  # what one statement's room had in hand may be old for the next

    def due(self, lanes: Sequence[Lane]) -> datetime | None:
        """Return when the next statement of `lanes` that was put off may be applied, or might have been."""
        named = {"lanes": [lane.value for lane in lanes]}
        with self.database.read() as session:
            put_off: datetime | None = _DUE.scalar(session, named)
        return put_off

    def parked(self, session: Session, *, limit: int = 200) -> list[Parked]:
        """Return what was set aside, oldest first."""
        rows = session.scalars(
            select(StatementRow).where(StatementRow.state == "parked").order_by(StatementRow.n).limit(limit)
        )
        return [
            Parked(row.n, row.iss, row.jti, row.type, row.thread, row.received_at, row.state_reason or "")
            for row in rows
        ]

    def retry(self, session: Session, jti: str | None = None) -> int:
        """Put one parked statement, or those of the `MOST_THREADS` oldest threads, back in the queue; return how many.

        Raises:
            NotFoundError: none is parked under that id.

        """
        chosen = [StatementRow.state == "parked", *([] if jti is None else [StatementRow.jti == jti])]
        by_age = select(StatementRow.thread).where(*chosen).group_by(StatementRow.thread)
        threads = session.scalars(by_age.order_by(func.min(StatementRow.n)).limit(MOST_THREADS)).all()
        count = 0
        for thread in sorted(threads):
            alone.wait(session, thread)
            again = update(StatementRow).where(*chosen, StatementRow.thread == thread)
            again = again.values(state="pending", state_reason=None)
            count += len(session.scalars(again.returning(StatementRow.n)).all())
        ring(session, Bell.APPLY_EMERGENCY, Bell.APPLY)
        if jti is not None and not count:
            raise NotFoundError(f"No statement {jti} is parked.", f"没有搁置的消息 {jti}。")
        return count

    def _put_off(self, n: int, now: datetime) -> None:
        """Let the others go first, and try this one again by itself."""
        _log.warning("applying.put_off", n=n)
        with self.database.begin() as session:
            again = update(StatementRow).where(StatementRow.n == n, StatementRow.state == "pending")
            session.execute(again.values(apply_after=now + AGAIN_AFTER))

    def _apply(self, session: Session, row: Held, now: datetime, *, apart: bool) -> None:
        """Apply one statement; `apart`, in a savepoint, so that what goes wrong with it is undone alone.

        Its thread is locked outside that: what is locked in a savepoint is free again once it is undone.

        Raises:
            _ThreadIsTakenError: another one is at work in its thread.
            _CannotBeAppliedError: something went wrong with it, and it is not apart.

        """
        if not alone.at_once(session, row.thread):
            raise _ThreadIsTakenError(row)
        try:
            with session.begin_nested() if apart else nullcontext():
                statement = stored(row)  # a row whose bytes are damaged holds up nobody either
                if statement.returned_at is not None:
                    # It was judged when it was made, and its predecessors were here then.
                    _settle(session, row, "applied", None)
                    self.returned(session, statement, now)
                else:
                    self._refuse_gaps(session, statement.statement)
                    self._hand_over(session, statement, now)
                session.flush()
        except Exception as fault:
            if isinstance(fault, UnavailableError) or is_outage(fault):
                raise  # the database's fault, not the statement's: nobody needs to look at it
            if not apart:
                raise _CannotBeAppliedError from fault
            self._set_aside(session, row, fault, now)
            if not isinstance(fault, Reject):
                return
        else:
            _settle(session, row, "applied", None)
        _wake_thread(session, row)

    def _set_aside(self, session: Session, row: Held, fault: Exception, now: datetime) -> None:
        """Write down why a statement was not applied; one that is no legal move is answered."""
        match fault:
            case Park():
                _settle(session, row, "parked", f"{WAITS}{fault}")
            case Reject():
                state = "unsupported" if fault.code == UNSUPPORTED else "rejected"
                _settle(session, row, state, f"{fault.code}: {fault.detail}")
                if row.type != REJECTED:
                    self._answer_rejected(session, stored(row), fault, now)
            case _:
                _log.error("applying.failed", jti=row.jti, type=row.type, exc_info=fault)
                _settle(session, row, "parked", f"{type(fault).__name__}: see the log for statement {row.jti}")

    def _refuse_gaps(self, session: Session, said: Statement) -> None:
        """Wait for named predecessors. A recall never waits: it may come before what it takes back."""
        if not said.parents or said.lane is Lane.CONTROL:
            return
        named = {"thread": said.thread, "digests": said.parents}
        here = set(_SETTLED_AMONG.scalars(session, named))
        missing = [parent for parent in said.parents if parent not in here]
        if missing:
            msg = f"{len(missing)} predecessor(s) of its thread are not here yet, the first is {missing[0]}"
            raise Park(msg)

    def _hand_over(self, session: Session, statement: Stored, now: datetime) -> None:
        said = statement.statement
        self.kept(session, statement, now)
        if said.type == REJECTED:
            self._tell_rejected(session, statement, now)
            return
        handler = self.handlers.get(said.type)
        if handler is None:
            raise Reject(UNSUPPORTED, f"this node does not know statements of type {said.type}")
        handler(session, statement, now)

    def _tell_rejected(self, session: Session, statement: Stored, now: datetime) -> None:
        target = session.scalar(
            select(StatementRow.type).where(
                StatementRow.thread == statement.statement.thread,
                StatementRow.digest == str(statement.statement.body.get("digest")),
                StatementRow.iss == self.us,
            )
        )
        room = self.on_rejected.get(target.partition(".")[0]) if target else None
        if room is not None:
            room(session, statement, now)

    def _answer_rejected(self, session: Session, rejected: Stored, wrong: Reject, now: datetime) -> None:
        said = rejected.statement
        if any(
            answer.body.get("digest") == said.digest for answer in said_before(session, self.us, said.thread, REJECTED)
        ):
            return
        draft = Draft(
            type=REJECTED,
            thread=said.thread,
            lane=Lane.BULK if said.is_exercise else said.lane,
            classification="internal",
            handling=Handling(code=HandlingCode.H0, onward=Onward.NONE),
            is_exercise=said.is_exercise,
            purpose="answer to a statement that could not be applied",
            legal_basis="co-operation agreement",
            author_role="node",
            retain_until=max(said.retain_until, now + KEEP_REJECTIONS),
            body={"digest": said.digest, "jti": said.jti, "code": wrong.code, "detail": wrong.detail},
        )
        if said.lane is Lane.CONTROL:
            return
        self.outbox.send(session, draft, now=now, recipients=[said.iss])


def _first(session: Session, lane: Lane, now: datetime) -> int | None:
    n: int | None = _WAITING.scalar(session, {"lane": lane.value, "now": now})
    return n


def _take_oldest(session: Session, lanes: Sequence[Lane], now: datetime, busy: Collection[str]) -> Held | None:
    """Return the oldest statement that waits in `lanes`, locked; None when others have taken them, or their threads.

    It is locked alone: the first of another lane would be kept from whoever erases in its thread.
    """
    if len(lanes) > 1:
        firsts = [(_first(session, lane, now), lane) for lane in lanes]
        lanes = [lane for _, lane in sorted((n, lane) for n, lane in firsts if n is not None)]
    take, but_for = (_TAKE_ELSEWHERE, {"busy": list(busy)}) if busy else (_TAKE, {})
    for lane in lanes:
        row = take.first(session, {"lane": lane.value, "now": now, **but_for})
        if row is not None:
            return Held(*row)
    return None


def _take_behind(session: Session, row: Held) -> Held | None:
    """Wait for whoever is at work in the thread of `row`, and take that; None when somebody else has meanwhile."""
    alone.wait(session, row.thread)
    again = _TAKE_THIS.first(session, {"this": row.n})
    return None if again is None else Held(*again)


def _settle(session: Session, row: Held, state: str, reason: str | None) -> None:
    settled = {"settled": row.n, "state": state, "state_reason": reason[:500] if reason else None}
    _SETTLE.run(session, settled)


def _wake_thread(session: Session, row: Held) -> None:
    """Try again what waited for this statement, in whatever lane it came."""
    if _WAKE.all(session, {"grown": row.thread, "by": row.n}):
        ring(session, Bell.APPLY_EMERGENCY, Bell.APPLY)
