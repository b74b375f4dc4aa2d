"""Reading a thread: every statement in order of arrival, and how far each of ours came at each recipient."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from ecolink.federation.models import OutChannel, OutEntry, StatementRow
from ecolink.federation.statements import COLUMNS, Held, Stored, audience, stored
from ecolink.storage.base import table_of
from ecolink.storage.queries import Query

_STATEMENTS = table_of(StatementRow).c
_OF_THREAD = Query(select(*COLUMNS).where(_STATEMENTS.thread == bindparam("thread")).order_by(_STATEMENTS.n))


class DeliveryState(StrEnum):
    """How far one statement came at one recipient; each step past `queued` is signed by the other side."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one statement at one recipient."""

    digest: str
    recipient: str
    state: DeliveryState
    queued_at: datetime
    at: datetime | None
    """When the recipient received it: its own signed word, UTC. Deadlines run from here."""
    reason: str | None
    overdue_since: datetime | None
    """`deliver_by`, once it passed with no receipt: the author sees 'unconfirmed'."""


def load(session: Session, thread: str, known: Stored | None = None) -> list[Stored]:
    """Return what this node holds of a thread, in order of arrival, applied or not; `known` as it is."""
    if session.autoflush:
        session.flush()
    rows = _OF_THREAD.all(session, {"thread": thread})
    return [known if known and row.n == known.n else stored(Held(*row)) for row in rows]


def bureaus_of(session: Session, thread: str, word: str) -> frozenset[str]:
    """Return the bureaus that said, or were told, anything in a thread whose types begin with `word`; us among them."""
    of_kind = StatementRow.type.startswith(f"{word}.", autoescape=True)
    said = select(StatementRow.n, StatementRow.iss, StatementRow.aud).where(StatementRow.thread == thread, of_kind)
    rows = session.execute(said).all()
    return frozenset(bureau for n, iss, aud in rows for bureau in (iss, *audience(session, n, aud)))


def delivery(session: Session, thread: str, now: datetime) -> list[Delivery]:
    """Return what became of each statement we sent in a thread, in order of queueing."""
    rows = session.execute(
        select(OutEntry, OutChannel.recipient)
        .join(OutChannel, OutChannel.id == OutEntry.channel_id)
        .join(StatementRow, StatementRow.n == OutEntry.statement_n)
        .where(StatementRow.thread == thread)
        .order_by(OutEntry.statement_n, OutChannel.recipient)
    )
    # After a restore an entry may stand in two epochs; the receipted one counts.
    latest: dict[tuple[str, str], Delivery] = {}
    for entry, recipient in rows:
        told = _delivery(entry, recipient, now)
        held = latest.get((told.digest, recipient))
        if held is None or held.at is None:
            latest[told.digest, recipient] = told
    return list(latest.values())


def _delivery(entry: OutEntry, recipient: str, now: datetime) -> Delivery:
    unconfirmed = entry.verdict is None and entry.deliver_by is not None and entry.deliver_by < now
    return Delivery(
        digest=entry.digest,
        recipient=recipient,
        state=_state(entry),
        queued_at=entry.queued_at,
        at=entry.received_at,
        reason=entry.reason,
        overdue_since=entry.deliver_by if unconfirmed else None,
    )


def _state(entry: OutEntry) -> DeliveryState:
    if entry.verdict is None:
        return DeliveryState.QUEUED
    if entry.verdict == "refused":
        return DeliveryState.EXPIRED if entry.reason == "expired" else DeliveryState.REFUSED
    return DeliveryState.DELIVERED
