"""What our people are told: whom, at which level, of what, and whether they have seen it.

Every reminder and escalation of a node is a row here, written in the transaction that finds it due, and once only: the
subject, the step and the level are its name. Channels such as e-mail begin here and nowhere else.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ecolink.errors import NotFoundError
from ecolink.exchanges.obligations.models import Notice
from ecolink.identity.principal import Principal
from ecolink.kit.ids import new_id
from ecolink.protocol.kinds.agreements import Level
from ecolink.storage.upsert import insert_new

OnNotice = Callable[[Session, Notice, datetime], None]
"""Told of each notice in the transaction that makes it."""

OnSeen = Callable[[Session, Notice, Principal, datetime], None]
"""Told who has seen a notice first, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What somebody is told."""

    subject: str
    """What it is about: an obligation's key, or `consultation/ID/TASK`."""
    step: str
    kind: Literal["reminder", "overdue", "escalation"]
    title_zh: str
    title_en: str
    due_at: datetime


@dataclass(frozen=True, repr=False)
class Notices:
    """Tells our people."""

    on_notice: Sequence[OnNotice] = ()
    on_seen: list[OnSeen] = field(default_factory=list)
    on_closed: list[OnNotice] = field(default_factory=list)
    """Told of each notice that was closed, likewise."""

    def tell(self, session: Session, message: Message, to: Collection[Level], now: datetime) -> None:
        """Tell these levels; whoever was told this step already is not told again."""
        for level in to:
            made = _write(session, message, level, "open", now)
            if made is not None:
                for listener in self.on_notice:
                    listener(session, made, now)

    def pass_over(self, session: Session, message: Message, level: Level, now: datetime) -> None:
        """Write down that a step's time passed before anybody could be told, and that it is never told."""
        _write(session, message, level, "skipped", now)

    def steps(self, session: Session, subject: str) -> Sequence[str]:
        """Return the steps that were told or passed over."""
        return session.scalars(select(Notice.step).where(Notice.subject == subject)).all()

    def of(self, session: Session, subject: str) -> Sequence[Notice]:
        """Return everything that was told of a subject, oldest first."""
        return session.scalars(select(Notice).where(Notice.subject == subject).order_by(Notice.id)).all()

    def close(self, session: Session, subject: str, now: datetime) -> None:
        """Nothing is owed any more: nobody need see to it."""
        standing = update(Notice).where(Notice.subject == subject, Notice.state.in_(("open", "seen")))
        closed = session.scalars(standing.values(state="closed", closed_at=now).returning(Notice.id)).all()
        for notice in session.scalars(select(Notice).where(Notice.id.in_(closed))) if self.on_closed else ():
            for listener in self.on_closed:
                listener(session, notice, now)

    def see(self, session: Session, notice_id: str, *, by: Principal, now: datetime) -> Notice:
        """Somebody of the level it addresses has seen it; of several the first.

        Raises:
            NotFoundError: there is no such notice for the caller's roles.

        """
        found = select(Notice).where(Notice.id == notice_id).with_for_update()
        notice = session.scalar(found.execution_options(populate_existing=True))
        if notice is None or notice.state == "skipped" or notice.role not in by.roles:
            raise NotFoundError
        if notice.seen_at is None:
            notice.seen_at, notice.seen_by = now, by.username
            for listener in self.on_seen:
                listener(session, notice, by, now)
        if notice.state == "open":
            notice.state = "seen"
        session.flush()
        return notice


def _write(session: Session, message: Message, level: Level, state: str, now: datetime) -> Notice | None:
    """Write one notice; None when it stands already."""
    row = {
        "id": new_id(now),
        "subject": message.subject,
        "step": message.step,
        "kind": message.kind,
        "role": level,
        "title_zh": message.title_zh,
        "title_en": message.title_en,
        "due_at": message.due_at,
        "at": now,
        "state": state,
    }
    return session.get_one(Notice, row["id"]) if insert_new(session, Notice, [row]) else None
