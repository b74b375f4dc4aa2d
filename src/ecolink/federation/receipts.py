"""A peer's receipt, verified and recorded: from here on the author sees 'delivered', or why not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog
from ecolink.federation.alarms import raise_alarm
from ecolink.federation.keystore import BureauKeys
from ecolink.federation.models import OutBatch, OutChannel, OutEntry, StatementRow
from ecolink.protocol.leaves import LeafKind
from ecolink.protocol.receipt import Outcome, Receipt, Verdict, open_receipt
from ecolink.protocol.refusal import Refused
from ecolink.storage.base import table_of
from ecolink.storage.queries import Query

UNKNOWN_BATCH: Final = "unknown-batch"
WRONG_VERDICTS: Final = "wrong-verdicts"

_Row = Row[*tuple[Any, ...]]
_BATCHES, _CHANNELS = table_of(OutBatch).c, table_of(OutChannel).c
_ENTRIES, _STATEMENTS = table_of(OutEntry).c, table_of(StatementRow).c
_BATCH = Query(
    select(
        _BATCHES.channel_id,
        _BATCHES.first_seq,
        _BATCHES.last_seq,
        _BATCHES.receipt.is_not(None).label("is_receipted"),
        _CHANNELS.recipient,
    )
    .join(table_of(OutChannel), _CHANNELS.id == _BATCHES.channel_id)
    .where(_BATCHES.digest == bindparam("digest"))
    .with_for_update(of=table_of(OutBatch))
)
_ENTRIES_OF = Query(
    select(_ENTRIES.seq, _ENTRIES.digest, _ENTRIES.verdict, _STATEMENTS.thread, _STATEMENTS.type, _STATEMENTS.jti)
    .join(table_of(StatementRow), _STATEMENTS.n == _ENTRIES.statement_n)
    .where(
        _ENTRIES.channel_id == bindparam("channel"),
        _ENTRIES.seq >= bindparam("first"),
        _ENTRIES.seq <= bindparam("last"),
    )
    .order_by(_ENTRIES.seq)
)
_HOLD = Query(update(table_of(OutBatch)).where(_BATCHES.digest == bindparam("held")))
_SETTLE = Query(
    update(table_of(OutEntry)).where(
        _ENTRIES.channel_id == bindparam("channel"),
        _ENTRIES.seq >= bindparam("first"),
        _ENTRIES.seq <= bindparam("last"),
        _ENTRIES.verdict.is_(None),
    )
)
_CHANNEL = Query(
    select(_CHANNELS.id, _CHANNELS.lane, _CHANNELS.epoch, _CHANNELS.last_seq, _CHANNELS.receipted_seq)
    .where(_CHANNELS.id == bindparam("channel"))
    .with_for_update()
)
_ADVANCE = Query(update(table_of(OutChannel)).where(_CHANNELS.id == bindparam("channel")))
_CHAIN = Query(
    select(_ENTRIES.chain).where(_ENTRIES.channel_id == bindparam("channel"), _ENTRIES.seq == bindparam("seq"))
)


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


@dataclass(frozen=True, repr=False)
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
        batch = _BATCH.first(session, {"digest": receipt.batch})
        if batch is None or batch.recipient != receipt.iss:
            raise Refused(UNKNOWN_BATCH, "the receipt speaks of a batch that this node never sealed")
        place = {"channel": batch.channel_id, "first": batch.first_seq, "last": batch.last_seq}
        # After a restore, an entry that was refused and is nowhere held may be missing.
        entries = _ENTRIES_OF.all(session, place)
        verdicts = dict(enumerate(receipt.verdicts, batch.first_seq))
        if len(verdicts) != batch.last_seq - batch.first_seq + 1 or any(
            verdicts[entry.seq].digest != entry.digest for entry in entries
        ):
            raise Refused(WRONG_VERDICTS, "the receipt's verdicts are not about the batch's entries")
        self.keep_checkpoint(session, keys, receipt.checkpoint, now)
        if not batch.is_receipted:
            _HOLD.run(session, {"held": receipt.batch, "receipt": receipt.token, "receipted_at": now})
            self.log.append(session, LeafKind.RECEIPT_HELD, receipt.digest, receipt.batch)
        fresh = [(entry, verdicts[entry.seq]) for entry in entries if entry.verdict is None]
        self._settle(session, batch.channel_id, fresh, receipt, now)
        # The channel is locked after the rooms were told: a room that sends locks its own rows first, then the channel.
        channel = _CHANNEL.one(session, {"channel": batch.channel_id})
        self._advance(session, channel, batch, now)
        self._compare_heads(session, channel, receipt, now)

    def _settle(
        self,
        session: Session,
        channel_id: int,
        fresh: Sequence[tuple[_Row, Verdict]],
        receipt: Receipt,
        now: datetime,
    ) -> None:
        """Give entries their verdicts. The first one stays: a restored peer's second receipt changes nothing."""
        if not fresh:
            return
        for (outcome, reason), alike in groupby(fresh, key=lambda pair: (pair[1].verdict.value, pair[1].reason)):
            seqs = [entry.seq for entry, _ in alike]
            told = {"verdict": outcome, "reason": reason, "received_at": receipt.received_at}
            run = {"channel": channel_id, "first": seqs[0], "last": seqs[-1]}
            _SETTLE.run(session, {**run, **told})
        confirmed = [
            Confirmed(
                thread=entry.thread,
                type=entry.type,
                jti=entry.jti,
                digest=entry.digest,
                recipient=receipt.iss,
                outcome=verdict.verdict,
                reason=verdict.reason,
                received_at=receipt.received_at,
            )
            for entry, verdict in fresh
        ]
        self.on_receipt(session, confirmed, now)

    def _advance(self, session: Session, channel: _Row, batch: _Row, now: datetime) -> None:
        receipted = channel.receipted_seq
        if batch.first_seq <= receipted + 1:
            receipted = max(receipted, batch.last_seq)
        moved = {
            "receipted_seq": receipted,
            "attempts": 0,
            "last_error": None,
            "last_error_at": None,
            "next_try_at": now,
            "waiting_since": now if channel.last_seq > receipted else None,
        }
        _ADVANCE.run(session, {"channel": channel.id, **moved})

    def _compare_heads(self, session: Session, channel: _Row, receipt: Receipt, now: datetime) -> None:
        """Alarm when the peer's chain is not ours: one of the two shows a past that never was."""
        ours = _CHAIN.scalar(session, {"channel": channel.id, "seq": receipt.head_seq})
        if ours is not None and ours != receipt.head_chain.hex():
            subject = f"{receipt.iss}/{channel.lane}/{channel.epoch}/{receipt.head_seq}"
            raise_alarm(session, "chain-mismatch", subject, now, peer=receipt.iss, receipt=receipt.token.decode())
