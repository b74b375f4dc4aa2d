"""Our batches: the entries of a channel sealed once, kept, and sent in the same bytes until the peer's receipt is here.

However a batch travels (pushed, pulled, on a disc), it comes from here. The statements in it are read past the mapper:
a long queue goes out in thousands of them.
"""

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.orm import Session

from ecolink.federation.models import OutBatch, OutChannel, OutEntry, StatementRow
from ecolink.federation.signer import Signer
from ecolink.protocol.batch import pack, seal_batch
from ecolink.protocol.jws import digest_of
from ecolink.protocol.limits import MAX_PUSH_BYTES
from ecolink.protocol.statement import Lane
from ecolink.storage.base import table_of
from ecolink.storage.queries import Query

EMERGENCY_ENTRIES: Final = 20
"""Emergency batches stay small, so that the first of them is there soonest."""

MOST_ENTRIES: Final = 200
"""Entries of any other batch: twice as many would go hardly faster, and an emergency may find one being kept."""

ENTRY_OVERHEAD: Final = 200
"""Bytes an entry costs beside its statement: digest in the batch token, JSON around it."""

_ENTRIES, _STATEMENTS = table_of(OutEntry).c, table_of(StatementRow).c
_ENTRIES_FROM = Query(
    select(_ENTRIES.digest, _ENTRIES.size)
    .where(_ENTRIES.channel_id == bindparam("channel"), _ENTRIES.seq >= bindparam("seq"))
    .order_by(_ENTRIES.seq)
    .limit(bindparam("most"))
)
_PARTS = Query(
    select(_STATEMENTS.token, _STATEMENTS.private)
    .join(table_of(OutEntry), _ENTRIES.statement_n == _STATEMENTS.n)
    .where(
        _ENTRIES.channel_id == bindparam("channel"),
        _ENTRIES.seq >= bindparam("first"),
        _ENTRIES.seq <= bindparam("last"),
    )
    .order_by(_ENTRIES.seq)
)


class Channel(NamedTuple):
    """One of our channels, as far as sealing on it goes."""

    id: int
    recipient: str
    lane: str
    epoch: int
    start_chain: str
    last_seq: int
    receipted_seq: int
    batch_limit: int


class Batch(NamedTuple):
    """A sealed batch of ours."""

    digest: str
    channel_id: int
    first_seq: int
    last_seq: int
    token: bytes

    @property
    def entries(self) -> int:
        """How many entries it holds."""
        return self.last_seq - self.first_seq + 1


_OUT_CHANNELS, _OUT_BATCHES = table_of(OutChannel).c, table_of(OutBatch).c
CHANNEL: Final = [_OUT_CHANNELS[name] for name in Channel._fields]
"""The columns of a `Channel`."""

_SEALED = Query(
    select(*(_OUT_BATCHES[name] for name in Batch._fields))
    .where(
        _OUT_BATCHES.channel_id == bindparam("channel"),
        _OUT_BATCHES.first_seq <= bindparam("seq"),
        _OUT_BATCHES.last_seq >= bindparam("seq"),
    )
    .order_by(_OUT_BATCHES.sealed_at.desc())
    .limit(1)
)
_SEAL = Query(insert(table_of(OutBatch)))
_UNSEAL = Query(
    delete(table_of(OutBatch)).where(_OUT_BATCHES.digest == bindparam("digest"), _OUT_BATCHES.receipt.is_(None))
)
_CHAIN = Query(
    select(_ENTRIES.chain).where(_ENTRIES.channel_id == bindparam("channel"), _ENTRIES.seq == bindparam("seq"))
)


def batch_from(session: Session, us: str, signer: Signer, channel: Channel, seq: int, now: datetime) -> Batch:
    """Return the batch that holds entry `seq`: the sealed one, byte for byte, or a new one that begins there."""
    sealed = _SEALED.first(session, {"channel": channel.id, "seq": seq})
    return Batch(*sealed) if sealed else _seal(session, us, signer, channel, seq, now)


def push_body(session: Session, batch: Batch) -> bytes:
    """Return the body of a push: the sealed batch and its statements, in the bytes they were signed in."""
    named = {"channel": batch.channel_id, "first": batch.first_seq, "last": batch.last_seq}
    parts = _PARTS.all(session, named)
    return pack(batch.token, [(token, private) for token, private in parts])


def unseal(session: Session, batch: Batch) -> None:
    """Forget a batch that will not be sent again: its entries are sealed anew. One with a receipt stays."""
    _UNSEAL.run(session, {"digest": batch.digest})


def _seal(session: Session, us: str, signer: Signer, channel: Channel, first_seq: int, now: datetime) -> Batch:
    """Seal the entries from `first_seq` on, as many as fit, and keep the batch before it is ever sent."""
    most = min(channel.batch_limit, EMERGENCY_ENTRIES if channel.lane == Lane.EMERGENCY else MOST_ENTRIES)
    room = MAX_PUSH_BYTES
    fitting: list[str] = []
    for digest, size in _ENTRIES_FROM.all(session, {"channel": channel.id, "seq": first_seq, "most": most}):
        # Private parts travel as JSON text, where a quotation mark takes two bytes.
        room -= 2 * size + ENTRY_OVERHEAD
        if fitting and room < 0:
            break
        fitting.append(digest)
    token = seal_batch(
        iss=us,
        aud=channel.recipient,
        lane=Lane(channel.lane),
        epoch=channel.epoch,
        first_seq=first_seq,
        prev=bytes.fromhex(_chain_before(session, channel, first_seq)),
        entries=fitting,
        key=signer.key,
    )
    batch = Batch(digest_of(token), channel.id, first_seq, first_seq + len(fitting) - 1, token)
    _SEAL.run(session, {**batch._asdict(), "sealed_at": now})
    return batch


def _chain_before(session: Session, channel: Channel, seq: int) -> str:
    """Return the channel's chain value before `seq`."""
    if seq == 1:
        return channel.start_chain
    chained: str = _CHAIN.scalar(session, {"channel": channel.id, "seq": seq - 1})
    return chained
