"""Erasing the personal data of a thread, here and at every bureau it was shared with.

The signed statements stay and still verify; their private parts go, salt included, so that nobody can guess
what the digest stood for. Each leaves a tombstone in the evidence log. What rooms keep beside the statements
(projections, drafts, attachments) they drop themselves, when told.

Who decides: the bureau that opened the thread decides for all of it, anyone else for what they themselves
said. On its own node a bureau may always erase everything, and the retention clock erases what is over.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.audit.log import EvidenceLog
from ecolink.audit.tombstones import bury
from ecolink.errors import NotFoundError
from ecolink.federation import alone
from ecolink.federation.erasure_models import ErasedThread, ErasureAnswer
from ecolink.federation.handling import Handlers, Park, Reject
from ecolink.federation.models import Equivocation, PeerRow, StatementRow
from ecolink.federation.outbox import Outbox
from ecolink.federation.peers import PeerState
from ecolink.federation.statements import Stored, audience_of, parents_of, said_before, stored
from ecolink.protocol.kinds.privacy import MAX_PARTS, ErasureReason, PersonalDataCompliedV1, PersonalDataErasedV1
from ecolink.protocol.statement import Draft, Lane, Statement
from ecolink.protocol.threads import Node, order
from ecolink.storage.upsert import insert_new

ERASED = "privacy.erased.v1"
COMPLIED = "privacy.complied.v1"
PURPOSE = "删除个人信息"
LEGAL_BASIS = "中华人民共和国个人信息保护法第四十七条"
RETENTION = "retention"
"""Who erases in tombstones and the access log when nobody ordered it and the time to keep something is over."""
RETENTION_OVER: ErasureReason = "retention-over"

Eraser = Callable[[Session, str, datetime], None]
"""Drops what a room keeps of a thread's persons; called after the private parts are gone, as often as need be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What an officer asks for, and in whose name."""

    reason: ErasureReason
    note: str | None
    username: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an erasure would do now."""

    statements: int
    """Whose private parts are held here still."""
    opened_by_us: bool
    """Whether the others are to erase all of the thread; else what we said ourselves."""
    ordered: list[str]
    """The bureaus that are ordered to erase too."""
    left_out: list[str]
    """Those it was shared with that no order reaches: they are no peers of ours any more, or not yet."""


@dataclass(frozen=True, slots=True)
class Compliance:
    """How far one recipient of an erasure is."""

    recipient: str
    ordered_at: datetime
    complied_at: datetime | None
    erased: int | None


@dataclass(frozen=True, repr=False)
class Erasure:
    """Erases, and answers for it. `erasers` are added by the rooms that keep personal data."""

    us: str
    log: EvidenceLog
    access: AccessLog
    outbox: Outbox
    erasers: list[Eraser] = field(default_factory=list)

    def erase(self, session: Session, thread: str, ordered: Ordered, *, now: datetime) -> list[str]:
        """Erase a thread's personal data here and order the other bureaus to; return the statements concerned.

        Raises:
            NotFoundError: no statement of this thread is held here.

        """
        rows = _substance(_rows(session, thread))
        if not rows:
            raise NotFoundError
        others = _reachable(session, self._shared(rows))
        concerned = self._clear(session, thread, rows, by=ordered.username, reason=ordered.reason, now=now)

        self.access.record(
            session,
            AccessEntry(
                at=now,
                actor=ordered.username,
                role=ordered.role,
                action=AccessAction.ERASE,
                object_type="thread",
                object_id=thread,
                recipient=others[0] if len(others) == 1 else None,
                reason=ordered.note or ordered.reason,
                details={"reason": ordered.reason, "statements": str(len(concerned))},
            ),
        )
        if others:
            self._order(session, stored(rows[0]).statement, ordered, concerned, others, now)
        return concerned

    def foresee(self, session: Session, thread: str) -> Outlook:
        """Return what `erase` would do now.

        Raises:
            NotFoundError: no statement of this thread is held here.

        """
        rows = _substance(_rows(session, thread, lock=False))
        if not rows:
            raise NotFoundError
        shared = self._shared(rows)
        ordered = _reachable(session, shared)
        return Outlook(
            statements=sum(row.private_digest is not None and row.erased_at is None for row in rows),
            opened_by_us=_opener(rows) == self.us,
            ordered=ordered,
            left_out=sorted(shared - set(ordered)),
        )

    def expire(self, session: Session, thread: str, *, now: datetime) -> int:
        """Erase here, and here only, what of a thread may be kept no longer; return of how many statements."""
        over = [row for row in _substance(_rows(session, thread)) if row.erased_at is None and row.retain_until <= now]
        if not over:
            return 0
        concerned = self._clear(session, thread, over, by=RETENTION, reason=RETENTION_OVER, now=now)
        self.access.record(
            session,
            AccessEntry(
                at=now,
                actor=RETENTION,
                role="node",
                action=AccessAction.ERASE,
                object_type="thread",
                object_id=thread,
                reason=RETENTION_OVER,
                details={"reason": RETENTION_OVER, "statements": str(len(concerned))},
            ),
        )
        return len(over)

    def erased(self, session: Session, thread: str) -> list[str]:
        """Return the statements of a thread whose private parts were erased here, in order of arrival."""
        return list(
            session.scalars(
                select(StatementRow.digest)
                .where(
                    StatementRow.thread == thread,
                    StatementRow.private_digest.is_not(None),
                    StatementRow.erased_at.is_not(None),
                )
                .order_by(StatementRow.n)
            )
        )

    def compliance(self, session: Session, thread: str) -> list[Compliance]:
        """Return how far each recipient of our orders for a thread is, oldest order first."""
        rows = session.scalars(select(ErasureAnswer).where(ErasureAnswer.thread == thread).order_by(ErasureAnswer.id))
        return [Compliance(row.recipient, row.ordered_at, row.complied_at, row.erased) for row in rows]

    def handlers(self) -> Handlers:
        """Return what applies a peer's order, and a peer's answer to ours."""
        return {ERASED: self._obey, COMPLIED: self._note_compliance}

    def take_back(self, session: Session, returned: Stored, now: datetime) -> None:
        """Carry out again an order of ours that a restore had forgotten."""
        said = returned.statement
        if said.type != ERASED:
            return
        body = _read(PersonalDataErasedV1, said)
        self._remember(session, said, body.reason, said.iat)
        self._await_answers(session, said, said.iat)
        self._erase_late(session, said.thread, now)

    def erase_latecomers(self, session: Session, now: datetime) -> int:
        """Erase what arrived after an erasure but was said before its author knew of it; return how many.

        Emergencies and cases travel on other lanes than the order, so that a reply may be overtaken by it.
        """
        late = session.scalars(
            select(StatementRow.thread)
            .join(ErasedThread, ErasedThread.thread == StatementRow.thread)
            .where(
                StatementRow.erased_at.is_(None),
                StatementRow.lane != Lane.CONTROL.value,
                StatementRow.state != "pending",
            )
            .distinct()
        ).all()
        return sum(self._erase_late(session, thread, now) for thread in sorted(late))  # locked in one order

    def _shared(self, rows: Sequence[StatementRow]) -> set[str]:
        """Return the bureaus that hold what we decide about."""
        return {code for row in _decided_by(rows, self.us) for code in (row.iss, *audience_of(row))} - {self.us}

    # Erasing --------------------------------------------------------------------------------------------

    def _clear(
        self, session: Session, thread: str, rows: Sequence[StatementRow], *, by: str, reason: str, now: datetime
    ) -> list[str]:
        """Delete the private parts of `rows` and all that rooms keep of them; return those that had one."""
        with_part = [row for row in rows if row.private_digest is not None]
        for row in rows:
            row.private = None
            row.erased_at = row.erased_at or now
        session.flush()
        for row in with_part:
            bury(
                self.log, session, statement=row.digest, private=str(row.private_digest), by=by, reason=reason, now=now
            )
        session.execute(
            update(Equivocation)
            .where(Equivocation.jti.in_([row.jti for row in rows]))
            .values(private=None)
            .execution_options(synchronize_session=False)
        )
        for eraser in self.erasers:
            eraser(session, thread, now)
        return [row.digest for row in with_part]

    def _order(
        self,
        session: Session,
        first: Statement,
        ordered: Ordered,
        concerned: Sequence[str],
        recipients: Sequence[str],
        now: datetime,
    ) -> None:
        body = PersonalDataErasedV1(
            reason=ordered.reason, note=ordered.note, erased_at=now, statements=tuple(concerned[:MAX_PARTS])
        )
        draft = _draft(ERASED, first, body.to_wire(), role=ordered.role)
        draft = replace(draft, approver={"name": ordered.name, "role": ordered.role})
        sent = self.outbox.send(session, draft, now=now, recipients=recipients).statement
        self._remember(session, sent, ordered.reason, now)
        self._await_answers(session, sent, now)

    def _await_answers(self, session: Session, order_: Statement, at: datetime) -> None:
        answers = [
            {"order": order_.digest, "thread": order_.thread, "recipient": recipient, "ordered_at": at}
            for recipient in order_.aud
        ]
        insert_new(session, ErasureAnswer, answers)

    def _remember(self, session: Session, order_: Statement, reason: str, now: datetime) -> None:
        row = {"order": order_.digest, "thread": order_.thread, "ordered_by": order_.iss, "reason": reason, "at": now}
        insert_new(session, ErasedThread, [row])

    def _erase_late(self, session: Session, thread: str, now: datetime) -> int:
        rows = _rows(session, thread)
        line = order([Node(row.digest, tuple(parents_of(row))) for row in rows])
        placed = {node.digest for node in line}
        spoken, cleared = _substance(rows), 0
        for erased in session.scalars(select(ErasedThread).where(ErasedThread.thread == thread)):
            late = [
                row
                for row in (spoken if erased.ordered_by == self.us else _decided_by(spoken, erased.ordered_by))
                if row.erased_at is None
                and not ({row.digest, erased.order} <= placed and line.descends(row.digest, erased.order))
            ]
            if late:
                self._clear(session, thread, late, by=erased.ordered_by, reason=erased.reason, now=now)
                cleared += len(late)
        return cleared

    # Obeying --------------------------------------------------------------------------------------------

    def _obey(self, session: Session, arrived: Stored, now: datetime) -> None:
        said = arrived.statement
        body = _read(PersonalDataErasedV1, said)
        rows = _substance(_rows(session, said.thread))
        if not rows:
            msg = "the thread it is about is not here yet"
            raise Park(msg)
        decided = _decided_by(rows, said.iss)
        if not decided:
            raise Reject("not-yours", "the sender neither opened this thread nor said anything in it")
        concerned = self._clear(session, said.thread, decided, by=said.iss, reason=body.reason, now=now)

        self._remember(session, said, body.reason, now)
        self.access.record(
            session,
            AccessEntry(
                at=now,
                actor=said.iss,
                role="node",
                action=AccessAction.ERASE,
                object_type="thread",
                object_id=said.thread,
                reason=body.note or body.reason,
                details={"order": said.digest, "statements": str(len(concerned))},
            ),
        )
        if any(
            told.body.get("erasure") == said.digest for told in said_before(session, self.us, said.thread, COMPLIED)
        ):
            return
        answer = PersonalDataCompliedV1(erasure=said.digest, erased_at=now, statements=tuple(concerned[:MAX_PARTS]))
        self.outbox.send(session, _draft(COMPLIED, said, answer.to_wire(), role="node"), now=now, recipients=[said.iss])

    def _note_compliance(self, session: Session, arrived: Stored, now: datetime) -> None:  # noqa: ARG002 - a handler's
        said = arrived.statement
        body = _read(PersonalDataCompliedV1, said)
        noted = session.scalars(
            update(ErasureAnswer)
            .where(ErasureAnswer.order == body.erasure, ErasureAnswer.recipient == said.iss)
            .values(complied_at=arrived.received_at, erased=len(body.statements))
            .returning(ErasureAnswer.id)
        ).all()
        if not noted:
            raise Reject("unknown-erasure", "we ordered no such erasure of the sender")


Body = TypeVar("Body", PersonalDataErasedV1, PersonalDataCompliedV1)


def _read(form: type[Body], said: Statement) -> Body:
    try:
        return form.model_validate(said.body)
    except ValidationError as wrong:
        raise Reject("invalid-body", f"{wrong.error_count()} members of the body are wrong") from wrong


def _rows(session: Session, thread: str, *, lock: bool = True) -> list[StatementRow]:
    """Return a thread's statements in order of arrival, locked unless they are only looked at."""
    if lock:
        alone.wait(session, thread)
    in_order = select(StatementRow).where(StatementRow.thread == thread).order_by(StatementRow.n)
    wanted = in_order.with_for_update().execution_options(populate_existing=True) if lock else in_order
    return list(session.scalars(wanted))


def _substance(rows: Sequence[StatementRow]) -> list[StatementRow]:
    """Return the statements of the matter itself, without recalls, orders to erase and answers to them."""
    return [row for row in rows if row.lane != Lane.CONTROL]


def _decided_by(rows: Sequence[StatementRow], bureau: str) -> list[StatementRow]:
    """Return the statements whose personal data `bureau` may have erased everywhere.

    Who opened the thread is told by arrival, which nobody else can forge: a peer learns of a thread of ours
    only from its first statement.
    """
    return [row for row in rows if bureau in {_opener(rows), row.iss}]


def _opener(rows: Sequence[StatementRow]) -> str:
    """Return who said the first that answers nothing; after a restore, ours come back before what they answer."""
    first = min(rows, key=lambda row: (bool(parents_of(row)), row.returned_at is not None, row.n))
    return first.iss


def _reachable(session: Session, codes: Collection[str]) -> list[str]:
    """Return those of `codes` that are onboarded peers; an order to erase also reaches a suspended one."""
    return list(
        session.scalars(
            select(PeerRow.unit_code)
            .where(PeerRow.unit_code.in_(codes), PeerRow.state != PeerState.PENDING)
            .order_by(PeerRow.unit_code)
        )
    )


def _draft(kind: str, about: Statement, body: dict[str, Any], *, role: str) -> Draft:
    return Draft(
        type=kind,
        thread=about.thread,
        lane=Lane.CONTROL,
        classification=about.classification,
        handling=about.handling,
        is_exercise=about.is_exercise,
        purpose=PURPOSE,
        legal_basis=LEGAL_BASIS,
        author_role=role,
        retain_until=about.retain_until,
        body=body,
    )
