"""Putting a batch that came back into its channel again, as if it had never been forgotten.

The channel's chain says where it belongs: a batch must go on from what we know, and what we queued in its place and
the peer never took gives way to it. With the batch go its statements, their leaves in the evidence log and the peer's
receipt. Asking for batches, and seeing that they are ours, is `reclaiming`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog
from ecolink.federation import statements
from ecolink.federation.keystore import BureauKeys
from ecolink.federation.models import OutBatch, OutChannel, OutEntry, StatementRow
from ecolink.federation.outbox import begin_channel
from ecolink.federation.receipts import Receipts
from ecolink.federation.reclaimed import Checked
from ecolink.protocol.batch import GENESIS, Batch, chain
from ecolink.protocol.leaves import LeafKind
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Statement
from ecolink.storage.bells import Bell, ring


@dataclass(frozen=True, repr=False)
class Reinstating:
    """Puts our own batches back."""

    us: str
    receipts: Receipts
    log: EvidenceLog

    def put_back(self, session: Session, keys: BureauKeys, checked: Checked, now: datetime) -> None:
        """Put a batch back into its channel, as if it had never been forgotten.

        Raises:
            Refused: it does not go on from what we know, or it contradicts what we hold.

        """
        batch = checked.batch
        channel = self._channel(session, batch, now)
        self._make_room(session, channel, batch)
        for seq, (digest, statement) in enumerate(zip(batch.entries, checked.statements, strict=True), batch.first_seq):
            if seq <= channel.last_seq:
                continue
            row = self._statement(session, channel, digest, statement, now)
            channel.last_seq = seq
            channel.last_chain = chain(bytes.fromhex(channel.last_chain), seq, digest).hex()
            if row is not None:
                session.add(_entry(channel, row))
        if session.get(OutBatch, batch.digest) is None:
            session.add(
                OutBatch(
                    digest=batch.digest,
                    channel_id=channel.id,
                    first_seq=batch.first_seq,
                    last_seq=batch.last_seq,
                    token=batch.token,
                    sealed_at=checked.receipt.received_at,
                )
            )
        session.flush()
        self.receipts.take(session, keys, checked.receipt, now)
        ring(session, Bell.applying(batch.lane))

    def _channel(self, session: Session, batch: Batch, now: datetime) -> OutChannel:
        """Return the channel a batch belongs in, locked; one we know nothing of any more is opened, and closed."""
        newest = (
            select(OutChannel)
            .where(OutChannel.recipient == batch.aud, OutChannel.lane == batch.lane, OutChannel.epoch <= batch.epoch)
            .order_by(OutChannel.epoch.desc())
            .limit(1)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        channel = session.scalar(newest)
        if channel is None or channel.epoch < batch.epoch:
            start = channel.last_chain if channel else GENESIS.hex()
            begin_channel(session, batch.aud, batch.lane, epoch=batch.epoch, start_chain=start, now=now)
            channel = session.scalars(newest).one()
        channel.closed = True
        return channel

    def _make_room(self, session: Session, channel: OutChannel, batch: Batch) -> None:
        """See that a batch goes on from what we know; drop what we queued in its place and the peer never took.

        Raises:
            Refused: it does not go on from there, or it contradicts a receipt we hold.

        """
        rows = session.scalars(
            select(OutEntry).where(
                OutEntry.channel_id == channel.id, OutEntry.seq.between(batch.first_seq - 1, batch.last_seq)
            )
        )
        known = {entry.seq: entry for entry in rows}
        value = _chain_before(channel, known, batch.first_seq)
        if value != batch.prev:
            raise Refused(Reason.CHANNEL_FORK, f"the batch from seq {batch.first_seq} does not go on from what we sent")
        for seq, digest in enumerate(batch.entries, batch.first_seq):
            entry = known.get(seq)
            if entry is not None and entry.digest != digest:
                if seq <= channel.receipted_seq:
                    raise Refused(Reason.CHANNEL_FORK, f"at seq {seq} it receipted another statement before")
                self._cut(session, channel, seq, value)
                return
            value = chain(value, seq, digest)

    def _cut(self, session: Session, channel: OutChannel, seq: int, value: bytes) -> None:
        """Drop the end of a closed channel from `seq` on: it was queued again in the next epoch."""
        session.execute(delete(OutEntry).where(OutEntry.channel_id == channel.id, OutEntry.seq >= seq))
        session.execute(
            delete(OutBatch).where(
                OutBatch.channel_id == channel.id, OutBatch.last_seq >= seq, OutBatch.receipt.is_(None)
            )
        )
        channel.last_seq, channel.last_chain = seq - 1, value.hex()

    def _statement(
        self, session: Session, channel: OutChannel, digest: str, statement: Statement | None, now: datetime
    ) -> StatementRow | None:
        """Return the row of one that came back, kept now if need be; None of one that nobody holds, only its place."""
        if statement is None:
            return self._held_already(session, channel, digest)
        row = session.scalar(select(StatementRow).filter_by(iss=self.us, jti=statement.jti))
        if row is None:
            kept = statements.keep(session, statement, state="pending", now=statement.iat, returned_at=now)
            row = session.get_one(StatementRow, kept.n)
            self.log.append(session, LeafKind.SENT, statement.digest, statement.jti)
        elif row.digest != digest:
            raise Refused(Reason.EQUIVOCATION, f"we hold another statement of ours as {statement.jti}")
        return row

    def _held_already(self, session: Session, channel: OutChannel, digest: str) -> StatementRow | None:
        """Return a statement that another peer gave back, or that stands in an earlier epoch."""
        earlier = (
            select(StatementRow)
            .join(OutEntry, OutEntry.statement_n == StatementRow.n)
            .join(OutChannel, OutChannel.id == OutEntry.channel_id)
            .where(
                OutChannel.recipient == channel.recipient, OutChannel.lane == channel.lane, OutEntry.digest == digest
            )
            .limit(1)
        )
        given = select(StatementRow).where(
            StatementRow.digest == digest, StatementRow.iss == self.us, StatementRow.returned_at.is_not(None)
        )
        return session.scalar(given) or session.scalar(earlier)


def _entry(channel: OutChannel, row: StatementRow) -> OutEntry:
    return OutEntry(
        channel_id=channel.id,
        seq=channel.last_seq,
        statement_n=row.n,
        digest=row.digest,
        chain=channel.last_chain,
        size=len(row.token) + len(row.private or b""),
        queued_at=row.created_at,
        deliver_by=row.deliver_by,
    )


def _chain_before(channel: OutChannel, known: Mapping[int, OutEntry], seq: int) -> bytes | None:
    if seq == 1:
        return bytes.fromhex(channel.start_chain)
    if seq == channel.last_seq + 1:
        return bytes.fromhex(channel.last_chain)
    return bytes.fromhex(known[seq - 1].chain) if seq - 1 in known else None
