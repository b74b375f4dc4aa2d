"""A long queue, put into a node's database directly: what a neighbour finds that was away for weeks."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select

from benchmarks.author import draft
from ecolink.entrypoints.wiring import Node
from ecolink.federation.models import OutChannel, OutEntry, StatementRow
from ecolink.federation.outbox import begin_channel
from ecolink.kit.ids import new_id
from ecolink.protocol.batch import GENESIS, chain
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Lane, Statement
from ecolink.storage.rows import RowInsert

AT_ONCE = 1000

_STATEMENTS = RowInsert.into(
    StatementRow,
    "n",
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
    "state",
    "clock_suspect",
)
_ENTRIES = RowInsert.into(
    OutEntry, "channel_id", "seq", "statement_n", "digest", "chain", "size", "queued_at", "deliver_by"
)


def prepare(node: Node, recipient: str, count: int) -> None:
    """Queue `count` bulletins for `recipient`, each with its row, its place in the channel and its leaf in the log."""
    now = node.clock.now()
    with node.database.begin() as session:
        begin_channel(session, recipient, Lane.BULK, epoch=1, start_chain=GENESIS.hex(), now=now)
        n = session.scalar(select(func.max(StatementRow.n))) or 0
    head, seq = GENESIS, 0
    while seq < count:
        rows, places = [], []
        with node.database.begin() as session:
            channel = session.scalars(select(OutChannel).filter_by(recipient=recipient, lane=Lane.BULK.value)).one()
            for _ in range(min(AT_ONCE, count - seq)):
                said = _sealed(node, recipient)
                n, seq = n + 1, seq + 1
                head = chain(head, seq, said.digest)
                rows.append(_row(n, said))
                size = len(said.token)
                places.append((channel.id, seq, n, said.digest, head.hex(), size, said.iat, said.deliver_by))
                node.log.append(session, "sent", said.digest, said.jti)
            _STATEMENTS.run(session, rows)
            _ENTRIES.run(session, places)
            channel.last_seq, channel.last_chain, channel.waiting_since = seq, head.hex(), now


def _sealed(node: Node, recipient: str) -> Statement:
    now = node.clock.now()
    jti = new_id(now)
    said = replace(draft(Lane.BULK, now), aud=(recipient,), thread=jti, deliver_by=now + timedelta(days=90))
    return seal(said, iss=node.us, jti=jti, iat=now, key=node.signer.key)


def _row(n: int, said: Statement) -> tuple[object, ...]:
    return (
        n,
        said.iss,
        said.jti,
        said.digest,
        "out",
        said.type,
        said.thread,
        said.lane.value,
        said.aud,
        said.parents,
        said.is_exercise,
        said.iat,
        said.iat,
        said.deliver_by,
        said.retain_until,
        said.token,
        "applied",
        False,
    )
