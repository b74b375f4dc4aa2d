"""Giving a bureau back its own words: batches it sent us and lost, each with the receipt we gave for it then.

A node brought back from a backup has forgotten what it sent since; whoever received it holds it, signed by its
author. Only the author itself is given it, and nothing but what came in that bureau's own channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ecolink.federation.callers import Caller, Callers
from ecolink.federation.keystore import Keystore
from ecolink.federation.models import InBatch, InChannel, StatementRow
from ecolink.federation.pulling import MOST_BATCHES, lane_in, number_in
from ecolink.protocol.batch import read_batch
from ecolink.protocol.limits import MAX_ENTRIES, MAX_EPOCH
from ecolink.protocol.returned import Returned, pack_returned
from ecolink.protocol.statement import Lane
from ecolink.storage.engine import Database


@dataclass(frozen=True, repr=False)
class ReturnDesk:
    """Hands a peer the batches it had sent us."""

    database: Database
    callers: Callers
    keystore: Keystore

    def returned(self, caller: Caller, params: Mapping[str, str], now: datetime) -> bytes:
        """Return the caller's batches beyond entry `after` of `epoch`, oldest first, `MOST_BATCHES` at most.

        Its key manifests come along when it knows fewer of them than we do.

        Raises:
            Refused: `invalid-claim`: the lane or a number is none.

        """
        lane, after = lane_in(params), number_in(params, "after", 0)
        epoch = number_in(params, "epoch", 1, most=MAX_EPOCH)
        known = number_in(params, "manifest", caller.keys.version)
        with self.database.begin() as session:
            self.callers.spend(session, caller, now)
        with self.database.read() as session:
            batches = self._batches(session, caller.unit_code, lane, epoch, after)
            manifests = self.keystore.documents(session, caller.unit_code) if known < caller.keys.version else []
            return pack_returned([self._with_statements(session, batch) for batch in batches], manifests)

    def _batches(self, session: Session, sender: str, lane: Lane, epoch: int, after: int) -> Sequence[InBatch]:
        # No batch is longer than MAX_ENTRIES: the index finds where to begin.
        rest = and_(InChannel.epoch == epoch, InBatch.first_seq > after - MAX_ENTRIES, InBatch.last_seq > after)
        return session.scalars(
            select(InBatch)
            .join(InChannel, InChannel.id == InBatch.channel_id)
            .where(InChannel.sender == sender, InChannel.lane == lane.value, or_(InChannel.epoch > epoch, rest))
            .order_by(InChannel.epoch, InBatch.first_seq, InBatch.id)
            .limit(MOST_BATCHES)
        ).all()

    def _with_statements(self, session: Session, batch: InBatch) -> Returned:
        rows = session.execute(
            select(StatementRow.digest, StatementRow.token, StatementRow.private).where(
                StatementRow.in_channel_id == batch.channel_id,
                StatementRow.in_seq.between(batch.first_seq, batch.last_seq),
            )
        )
        held = {digest: (token, private) for digest, token, private in rows}
        entries = read_batch(batch.token).entries
        return Returned(batch.token, batch.receipt, tuple(held.get(digest) for digest in entries))
