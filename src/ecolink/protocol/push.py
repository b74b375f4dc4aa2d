"""A push read as a whole: the batch, and of every statement beside it what its recipient keeps, or why not.

Reading one costs nearly all of what receiving costs. It is a function of its arguments alone, so it can be done
wherever there is a processor to spare.
"""

from datetime import datetime
from typing import NamedTuple

from ecolink.kit.times import to_text
from ecolink.protocol import jws
from ecolink.protocol.batch import ALL, Batch, Entry, open_batch, unpack
from ecolink.protocol.keys import FindKey
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.sealing import open_statements
from ecolink.protocol.statement import Lane, Statement


class Incoming(NamedTuple):
    """A verified statement as its recipient files it: the bytes, and what it is looked up by. All times are UTC."""

    token: bytes
    private: bytes | None
    digest: str
    private_digest: str | None
    iss: str
    jti: str
    iat: datetime
    type: str
    thread: str
    lane: Lane
    aud: tuple[str, ...]
    parents: tuple[str, ...]
    is_exercise: bool
    deliver_by: datetime | None
    retain_until: datetime


class Push(NamedTuple):
    """A batch that verified, with what became of its entries, or of a share of them, in their order."""

    batch: Batch
    entries: tuple[Incoming | Refused, ...]


def open_push(
    raw: bytes, *, find_key: FindKey, us: str, sender: str, received_at: datetime, share: slice = ALL
) -> Push:
    """Verify a push body from its size to the last claim of its last statement.

    Args:
        raw: the body as received.
        find_key: looks a kid up among pinned keys.
        us: our unit code: the audience of the batch and one of those of each statement.
        sender: the bureau the channel belongs to: the issuer of the batch and of each statement.
        received_at: the moment (UTC, our clock) at which keys and terms must have been valid.
        share: which of the statements to verify; others do the rest.

    Raises:
        Refused: the batch as a whole is not acceptable. A statement that is not is refused in its place.

    """
    token, parts = unpack(raw)
    batch = open_batch(token, find_key=find_key, us=us, sender=sender, received_at=received_at)
    opened = open_statements(parts[share], find_key=find_key, us=us, sender=batch.iss, received_at=received_at)
    told = zip(batch.pair(parts, share), opened, strict=True)
    return Push(batch, tuple(_place(entry, statement, batch, received_at) for entry, statement in told))


def _place(entry: Entry, statement: Statement | Refused, batch: Batch, received_at: datetime) -> Incoming | Refused:
    if isinstance(statement, Refused):
        entry.refuse_other(jws.digest_of(entry.token))
        return statement
    entry.refuse_other(statement.digest)
    try:
        _refuse_out_of_place(statement, batch, received_at)
    except Refused as refused:
        return refused
    return _filed(statement)


def _refuse_out_of_place(statement: Statement, batch: Batch, received_at: datetime) -> None:
    """Refuse also what is sound in itself but not in this batch, or not any more."""
    if statement.lane is not batch.lane:
        raise Refused(Reason.INVALID_CLAIM, f"a statement of lane {statement.lane} in a batch of {batch.lane}")
    if statement.deliver_by is not None and statement.deliver_by < received_at:
        raise Refused(Reason.EXPIRED, f"received after its deliver_by {to_text(statement.deliver_by)}")


def _filed(statement: Statement) -> Incoming:
    return Incoming(
        statement.token,
        statement.private,
        statement.digest,
        statement.private_digest,
        statement.iss,
        statement.jti,
        statement.iat,
        statement.type,
        statement.thread,
        statement.lane,
        statement.aud,
        statement.parents,
        statement.is_exercise,
        statement.deliver_by,
        statement.retain_until,
    )
