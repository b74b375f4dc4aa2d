"""Statements as they are kept: the signed bytes, and beside them the members that we look things up by."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ecolink.errors import NotFoundError
from ecolink.federation.models import StatementRow
from ecolink.protocol.statement import Statement, read_statement


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


def columns(statement: Statement, *, direction: str, state: str, received_at: datetime) -> dict[str, Any]:
    """Return the row of a statement, for the bulk insert of the inbox and the single one of the outbox."""
    return {
        "iss": statement.iss,
        "jti": statement.jti,
        "digest": statement.digest,
        "direction": direction,
        "type": statement.type,
        "thread": statement.thread,
        "lane": statement.lane.value,
        "aud": list(statement.aud),
        "parents": list(statement.parents),
        "is_exercise": statement.is_exercise,
        "created_at": statement.iat,
        "received_at": received_at,
        "deliver_by": statement.deliver_by,
        "retain_until": statement.retain_until,
        "token": statement.token,
        "private": statement.private,
        "private_digest": statement.private_digest,
        "state": state,
        "clock_suspect": False,
    }


def keep(session: Session, statement: Statement, *, direction: str, state: str, received_at: datetime) -> StatementRow:
    """Insert one statement and return its row."""
    row = columns(statement, direction=direction, state=state, received_at=received_at)
    return session.scalars(insert(StatementRow).returning(StatementRow), [row]).one()


def stored(row: StatementRow, statement: Statement | None = None) -> Stored:
    """Return the view of a row that other rooms use. Its bytes were verified when they came; that is not repeated."""
    return Stored(
        n=row.n,
        statement=statement or read_statement(row.token, row.private),
        direction=row.direction,
        received_at=row.received_at,
        state=row.state,
        state_reason=row.state_reason,
        clock_suspect=row.clock_suspect,
        erased_at=row.erased_at,
    )


def find(session: Session, iss: str, jti: str) -> Stored:
    """Return the statement `jti` of bureau `iss`.

    Raises:
        NotFoundError: it is not held here.

    """
    row = session.query(StatementRow).filter_by(iss=iss, jti=jti).one_or_none()
    if row is None:
        raise NotFoundError
    return stored(row)
