"""A peer's receipt, verified and recorded: from here on the author sees 'delivered', or why not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog
from ecolink.federation.alarms import raise_alarm
from ecolink.federation.keystore import BureauKeys
from ecolink.federation.models import OutBatch, OutChannel, OutEntry, StatementRow
from ecolink.protocol.receipt import Outcome, Receipt, Verdict, open_receipt
from ecolink.protocol.refusal import Refused

UNKNOWN_BATCH: Final = "unknown-batch"
WRONG_VERDICTS: Final = "wrong-verdicts"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a peer said of one of our statements."""

    thread: str
    type: str
    jti: str
    digest: str
    recipient: str
    outcome: Outcome
    reason: str | None
    received_at: datetime
    """The peer's signed word, UTC."""


OnReceipt = Callable[[Session, Sequence[Confirmed], datetime], None]
"""Told in the receipt's own transaction; features move their deadlines and close their tasks there."""


KeepCheckpoint = Callable[[Session, BureauKeys, str, datetime], None]
"""Keeps the checkpoint of a peer's evidence log, so that the peer can never show another past."""


@dataclass(frozen=True)
class Receipts:
    """Records receipts, however they came: as the answer to a push, posted, or on a disc."""

    us: str
    log: EvidenceLog
    keep_checkpoint: KeepCheckpoint
    on_receipt: OnReceipt

    def record(self, session: Session, keys: BureauKeys, token: bytes, now: datetime) -> Receipt:
        """Record the receipt `token` of the bureau with `keys`, received at `now`; doing it twice is doing it once.

        Raises:
            Refused: it does not verify, or speaks of no batch of ours.

        """
        receipt = open_receipt(token, find_key=keys.find, us=self.us, sender=keys.unit_code, received_at=now)
        self.take(session, keys, receipt, now)
        return receipt

    def take(self, session: Session, keys: BureauKeys, receipt: Receipt, now: datetime) -> None:
        """Do for a receipt that was verified what `record` does.

        Raises:
            Refused: it speaks of no batch of ours.

        """
        batch = session.get(OutBatch, receipt.batch, with_for_update=True)
        if batch is None or self._recipient(session, batch) != receipt.iss:
            raise Refused(UNKNOWN_BATCH, "the receipt speaks of a batch that this node never sealed")
        entries = self._entries(session, batch)
        verdicts = dict(enumerate(receipt.verdicts, batch.first_seq))
        if len(verdicts) != batch.last_seq - batch.first_seq + 1 or any(
            verdicts[entry.seq].digest != entry.digest for entry in entries
        ):
            raise Refused(WRONG_VERDICTS, "the receipt's verdicts are not about the batch's entries")
        self.keep_checkpoint(session, keys, receipt.checkpoint, now)
        if batch.receipt is None:
            batch.receipt, batch.receipted_at = receipt.token, now
            self.log.append(session, "receipt-held", receipt.digest, receipt.batch)
        self._settle(session, entries, verdicts, receipt, now)
        # The channel is locked after the rooms were told: a room that sends locks its own rows first, then the channel.
        channel = session.get_one(OutChannel, batch.channel_id, with_for_update=True)
        self._advance(channel, batch, now)
        self._compare_heads(session, channel, receipt, now)

    def _recipient(self, session: Session, batch: OutBatch) -> str | None:
        return session.scalar(select(OutChannel.recipient).where(OutChannel.id == batch.channel_id))

    def _entries(self, session: Session, batch: OutBatch) -> Sequence[OutEntry]:
        """Return the batch's entries; after a restore, one that was refused and is nowhere held may be missing."""
        return session.scalars(
            select(OutEntry)
            .where(
                OutEntry.channel_id == batch.channel_id,
                OutEntry.seq.between(batch.first_seq, batch.last_seq),
            )
            .order_by(OutEntry.seq)
        ).all()

    def _settle(
        self,
        session: Session,
        entries: Sequence[OutEntry],
        verdicts: Mapping[int, Verdict],
        receipt: Receipt,
        now: datetime,
    ) -> None:
        """Give each entry its verdict. The first one stays: a restored peer's second receipt changes nothing."""
        fresh = {}
        for entry in entries:
            if entry.verdict is None:
                verdict = verdicts[entry.seq]
                entry.verdict, entry.reason = verdict.verdict.value, verdict.reason
                entry.received_at = receipt.received_at
                fresh[entry.statement_n] = verdict
        if not fresh:
            return
        session.flush()
        rows = session.execute(
            select(StatementRow.n, StatementRow.thread, StatementRow.type, StatementRow.jti, StatementRow.digest).where(
                StatementRow.n.in_(fresh)
            )
        )
        confirmed = [
            Confirmed(
                thread=row.thread,
                type=row.type,
                jti=row.jti,
                digest=row.digest,
                recipient=receipt.iss,
                outcome=fresh[row.n].verdict,
                reason=fresh[row.n].reason,
                received_at=receipt.received_at,
            )
            for row in rows
        ]
        self.on_receipt(session, confirmed, now)

    def _advance(self, channel: OutChannel, batch: OutBatch, now: datetime) -> None:
        if batch.first_seq <= channel.receipted_seq + 1:
            channel.receipted_seq = max(channel.receipted_seq, batch.last_seq)
        channel.attempts = 0
        channel.last_error = channel.last_error_at = None
        channel.next_try_at = now
        channel.waiting_since = now if channel.last_seq > channel.receipted_seq else None

    def _compare_heads(self, session: Session, channel: OutChannel, receipt: Receipt, now: datetime) -> None:
        """Alarm when the peer's chain is not ours: one of the two shows a past that never was."""
        ours = session.scalar(
            select(OutEntry.chain).where(OutEntry.channel_id == channel.id, OutEntry.seq == receipt.head_seq)
        )
        if ours is not None and ours != receipt.head_chain.hex():
            subject = f"{receipt.iss}/{channel.lane}/{channel.epoch}/{receipt.head_seq}"
            raise_alarm(session, "chain-mismatch", subject, now, peer=receipt.iss, receipt=receipt.token.decode())
