"""Statements as they are kept: the signed bytes, and beside them the members that we look things up by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ecolink.errors import NotFoundError
from ecolink.federation.models import StatementRow
from ecolink.protocol.limits import CLOCK_SKEW
from ecolink.protocol.push import Incoming
from ecolink.protocol.sealing import read_statement
from ecolink.protocol.statement import Lane, Statement
from ecolink.storage.base import table_of
from ecolink.storage.queries import Query
from ecolink.storage.rows import Row, RowInsert


@dataclass(frozen=True, slots=True)
class Stored:
    """A statement this node holds. `received_at` is this node's clock (UTC): arrival, or sealing if it is ours."""

    n: int
    statement: Statement
    direction: str
    """`in` or `out`."""
    received_at: datetime
    state: str
    """pending | applied | parked | rejected | unsupported."""
    state_reason: str | None = None
    clock_suspect: bool = False
    erased_at: datetime | None = None
    returned_at: datetime | None = None
    """When a peer gave it back to us, one of ours that a restore had forgotten."""


class Held(NamedTuple):
    """What is read of a stored statement, past the mapper."""

    n: int
    iss: str
    jti: str
    digest: str
    direction: str
    type: str
    thread: str
    lane: str
    received_at: datetime
    token: bytes
    private: bytes | None
    state: str
    state_reason: str | None
    clock_suspect: bool
    erased_at: datetime | None
    returned_at: datetime | None


COLUMNS: Final = [table_of(StatementRow).c[name] for name in Held._fields]
"""The columns of a `Held`."""

_KEEP = Query(insert(table_of(StatementRow)).returning(table_of(StatementRow).c.n))
ARRIVING: Final = RowInsert.into(
    StatementRow,
    "iss",
    "jti",
    "digest",
    "direction",
    "type",
    "thread",
    "lane",
    "aud",
    "parents",
    "is_exercise",
    "created_at",
    "received_at",
    "deliver_by",
    "retain_until",
    "token",
    "private",
    "private_digest",
    "state",
    "apply_after",
    "clock_suspect",
    "in_channel_id",
    "in_seq",
)
"""How a peer's statements are kept, many at a time; see `arriving`."""


def arriving(statement: Incoming, channel_id: int, seq: int, now: datetime) -> Row:
    """Return the row of a statement that came in at `now` in a place of a channel."""
    suspect = statement.iat > now + CLOCK_SKEW
    # A statement from the future waits for its own time; an emergency is applied at once, with the flag.
    waits = suspect and statement.lane is not Lane.EMERGENCY
    return (
        statement.iss,
        statement.jti,
        statement.digest,
        "in",
        statement.type,
        statement.thread,
        statement.lane.value,
        statement.aud,
        statement.parents,
        statement.is_exercise,
        statement.iat,
        now,
        statement.deliver_by,
        statement.retain_until,
        statement.token,
        statement.private,
        statement.private_digest,
        "pending",
        statement.iat - CLOCK_SKEW if waits else None,
        suspect,
        channel_id,
        seq,
    )


def keep(
    session: Session,
    statement: Statement,
    *,
    now: datetime,
    state: str = "applied",
    returned_at: datetime | None = None,
) -> Stored:
    """Keep one statement of ours, sealed at `now`; `returned_at` says that it comes from a peer."""
    row = {
        "iss": statement.iss,
        "jti": statement.jti,
        "digest": statement.digest,
        "direction": "out",
        "type": statement.type,
        "thread": statement.thread,
        "lane": statement.lane.value,
        "aud": list(statement.aud),
        "parents": list(statement.parents),
        "is_exercise": statement.is_exercise,
        "created_at": statement.iat,
        "received_at": now,
        "deliver_by": statement.deliver_by,
        "retain_until": statement.retain_until,
        "token": statement.token,
        "private": statement.private,
        "private_digest": statement.private_digest,
        "state": state,
        "clock_suspect": False,
        "returned_at": returned_at,
    }
    n = _KEEP.scalar(session, row)
    return Stored(n, statement, "out", now, state, returned_at=returned_at)


def stored(row: StatementRow | Held) -> Stored:
    """Return the view of a row that other rooms use. Its bytes were verified when they came; that is not repeated."""
    return Stored(
        n=row.n,
        statement=read_statement(row.token, row.private),
        direction=row.direction,
        received_at=row.received_at,
        state=row.state,
        state_reason=row.state_reason,
        clock_suspect=row.clock_suspect,
        erased_at=row.erased_at,
        returned_at=row.returned_at,
    )


def parents_of(row: StatementRow) -> Sequence[str]:
    """Return the digests a statement answers: from its row, or from its signed bytes where the row is damaged.

    Raises:
        Refused: its bytes are damaged too.

    """
    return read_statement(row.token, row.private).parents if row.parents is None else row.parents


def audience_of(row: StatementRow) -> Sequence[str]:
    """Return the bureaus a statement is for: from its row, or from its signed bytes where the row is damaged.

    Raises:
        Refused: its bytes are damaged too.

    """
    return read_statement(row.token, row.private).aud if row.aud is None else row.aud


def audience(session: Session, n: int, written: Sequence[str] | None) -> Sequence[str]:
    """Return the bureaus a statement is for; its bytes are fetched only where what is `written` there is damaged.

    Raises:
        Refused: its bytes are damaged too.

    """
    return audience_of(session.get_one(StatementRow, n)) if written is None else written


def find(session: Session, iss: str, jti: str) -> Stored:
    """Return the statement `jti` of bureau `iss`.

    Raises:
        NotFoundError: it is not held here.

    """
    row = session.query(StatementRow).filter_by(iss=iss, jti=jti).one_or_none()
    if row is None:
        raise NotFoundError
    return stored(row)


def said_before(session: Session, us: str, thread: str, type_: str) -> list[Statement]:
    """Return what we said of one type in a thread, applied or not: what was answered once is not answered again."""
    rows = session.execute(
        select(StatementRow.token, StatementRow.private).where(
            StatementRow.thread == thread, StatementRow.iss == us, StatementRow.type == type_
        )
    )
    return [read_statement(token, private) for token, private in rows]
