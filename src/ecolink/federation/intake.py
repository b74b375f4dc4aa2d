"""Keeping a verified batch, within a transaction: its channel, its statements, the verdicts and the receipt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog
from ecolink.federation.alarms import raise_alarm
from ecolink.federation.models import Equivocation, InBatch, InChannel, InEntry, StatementRow
from ecolink.federation.signer import Signer
from ecolink.federation.statements import ARRIVING, arriving
from ecolink.protocol.batch import GENESIS, Batch, chain, read_batch
from ecolink.protocol.jws import digest_of
from ecolink.protocol.leaves import LeafKind
from ecolink.protocol.limits import MAX_ENTRIES
from ecolink.protocol.receipt import Outcome, Verdict, read_receipt, seal_receipt
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane, Statement
from ecolink.storage.base import table_of
from ecolink.storage.engine import after_commit
from ecolink.storage.rows import RowInsert
from ecolink.storage.upsert import insert_new

STALE_EPOCH: Final = "stale-epoch"
WRONG_LINK: Final = "wrong-link"


@dataclass(frozen=True, slots=True)
class Receipted:
    """The batch is durably held; these are the receipt's bytes, the same for every re-send of it."""

    receipt: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """The batch starts beyond what is held: nothing was receipted, `expected` is the seq that is wanted."""

    expected: int


Kept = Receipted | Gap

Judged = Statement | Refused
"""What verification made of one entry."""


class _Channel(NamedTuple):
    id: int
    epoch: int
    head_seq: int
    head_chain: str


_CHANNEL_COLUMNS = (InChannel.id, InChannel.epoch, InChannel.head_seq, InChannel.head_chain)
_NEWEST_CHANNEL = (
    select(*_CHANNEL_COLUMNS)
    .where(InChannel.sender == bindparam("sender"), InChannel.lane == bindparam("lane"))
    .order_by(InChannel.epoch.desc())
    .limit(1)
    .with_for_update()
)
_RECEIPT_GIVEN = (
    select(InBatch.receipt)
    .join(InChannel, InChannel.id == InBatch.channel_id)
    .where(
        InChannel.sender == bindparam("sender"),
        InChannel.lane == bindparam("lane"),
        InChannel.epoch == bindparam("epoch"),
        InBatch.first_seq == bindparam("first_seq"),
        InBatch.digest == bindparam("digest"),
    )
)
_OVERLAPPING = select(InBatch.token, InBatch.receipt).where(
    InBatch.channel_id == bindparam("channel"),
    InBatch.first_seq > bindparam("first") - MAX_ENTRIES,
    InBatch.first_seq <= bindparam("last"),
    InBatch.last_seq >= bindparam("first"),
)
_HELD = select(StatementRow.jti, StatementRow.digest).where(
    StatementRow.iss == bindparam("iss"), StatementRow.jti.in_(bindparam("jtis", expanding=True))
)
_CHANNELS = table_of(InChannel)
_MOVE_HEAD = update(_CHANNELS).where(_CHANNELS.c.id == bindparam("channel"))
_BATCHES = RowInsert.into(InBatch, "digest", "channel_id", "first_seq", "last_seq", "token", "receipt", "received_at")
_ENTRIES = RowInsert.into(InEntry, "channel_id", "seq", "digest", "verdict", "reason")


@dataclass(frozen=True)
class Intake:
    """Keeps batches. `wake` tells the worker that there is something to apply in a lane."""

    us: str
    signer: Signer
    log: EvidenceLog
    wake: Callable[[Lane], None]

    def keep(self, session: Session, batch: Batch, judged: Sequence[Judged], now: datetime) -> Kept:
        """Keep a batch that verified, `judged` being what became of its entries; see `inbox`.

        Raises:
            Refused: `stale-epoch`, `wrong-link`, `channel-fork`; roll back what was written.

        """
        named = {"sender": batch.iss, "lane": batch.lane.value}
        known = session.execute(
            _RECEIPT_GIVEN, {**named, "epoch": batch.epoch, "first_seq": batch.first_seq, "digest": batch.digest}
        ).scalar()
        if known is not None:
            return Receipted(known)
        channel = self._channel(session, batch)
        if batch.first_seq > channel.head_seq + 1:
            if batch.lane is Lane.EMERGENCY:
                self._keep_early(session, channel, batch, judged, now)
            return Gap(channel.head_seq + 1)
        return Receipted(self._keep(session, channel, batch, judged, now))

    def _channel(self, session: Session, batch: Batch) -> _Channel:
        """Return the channel of `batch`, locked; open it when this is its first entry."""
        named = {"sender": batch.iss, "lane": batch.lane.value}
        row = session.execute(_NEWEST_CHANNEL, named).first()
        newest = None if row is None else _Channel(*row)
        if newest is not None and batch.epoch == newest.epoch:
            return newest
        if newest is not None and batch.epoch < newest.epoch:
            raise Refused(STALE_EPOCH, f"epoch {newest.epoch} is open; epoch {batch.epoch} is closed")
        # A new epoch goes on from the head of the old one, so that a restore cannot hide what was said before it.
        start = newest.head_chain if newest is not None else GENESIS.hex()
        if batch.first_seq == 1 and batch.prev.hex() != start:
            raise Refused(WRONG_LINK, "a new epoch starts from the head that is held of the last one")
        opened = {**named, "epoch": batch.epoch, "head_seq": 0, "head_chain": start}
        insert_new(session, InChannel, [opened])
        return _Channel(*session.execute(_NEWEST_CHANNEL, named).one())

    def _keep(
        self, session: Session, channel: _Channel, batch: Batch, judged: Sequence[Judged], now: datetime
    ) -> bytes:
        verdicts = _given_verdicts(session, channel, batch)
        fresh = judged[len(verdicts) :]
        if fresh and not verdicts and batch.prev.hex() != channel.head_chain:
            raise ForkFound(batch, channel.head_seq)
        first_fresh = batch.first_seq + len(verdicts)
        held = self._held(session, batch.iss, fresh)
        rows, told_otherwise = [], []
        for seq, (digest, each) in enumerate(zip(batch.entries[len(verdicts) :], fresh, strict=True), first_fresh):
            verdict = self._decide(session, digest, each, held, now)
            verdicts.append(verdict)
            if verdict.verdict is Outcome.STORED and isinstance(each, Statement):
                rows.append(arriving(each, channel.id, seq, now))
                held[each.jti] = digest
            else:
                told_otherwise.append((channel.id, seq, digest, verdict.verdict.value, verdict.reason))
        ARRIVING.run(session, rows)
        _ENTRIES.run(session, told_otherwise)
        channel = _advance(session, channel, batch.entries[len(verdicts) - len(fresh) :])
        receipt = self._receipt(session, channel, batch, verdicts, now)
        after_commit(session, partial(self.wake, batch.lane))
        return receipt

    def _held(self, session: Session, iss: str, judged: Sequence[Judged]) -> dict[str, str]:
        """Return the digests already held under the ids that came in."""
        jtis = [one.jti for one in judged if isinstance(one, Statement)]
        if not jtis:
            return {}
        return {row.jti: row.digest for row in session.execute(_HELD, {"iss": iss, "jtis": jtis})}

    def _decide(self, session: Session, digest: str, judged: Judged, held: dict[str, str], now: datetime) -> Verdict:
        if isinstance(judged, Refused):
            self.log.append(session, LeafKind.REFUSED, digest, judged.reason)
            return Verdict(digest, Outcome.REFUSED, judged.reason)
        twin = held.get(judged.jti)
        if twin is None:
            self.log.append(session, LeafKind.RECEIVED, digest, judged.jti)
            return Verdict(digest, Outcome.STORED)
        if twin == digest:
            return Verdict(digest, Outcome.DUPLICATE)
        row = {
            "digest": digest,
            "iss": judged.iss,
            "jti": judged.jti,
            "held_digest": twin,
            "token": judged.token,
            "private": judged.private,
            "at": now,
        }
        insert_new(session, Equivocation, [row])
        raise_alarm(
            session, "equivocation", f"{judged.iss}/{judged.jti}", now, peer=judged.iss, held=twin, other=digest
        )
        self.log.append(session, LeafKind.EQUIVOCATION, digest, judged.jti)
        return Verdict(digest, Outcome.REFUSED, Reason.EQUIVOCATION)

    def _keep_early(
        self, session: Session, channel: _Channel, batch: Batch, judged: Sequence[Judged], now: datetime
    ) -> None:
        """Keep emergencies that overtook their predecessors; the batch itself comes again and gets its receipt then."""
        held = self._held(session, batch.iss, judged)
        rows = []
        for seq, one in enumerate(judged, batch.first_seq):
            if isinstance(one, Statement) and one.jti not in held:
                held[one.jti] = one.digest
                rows.append(arriving(one, channel.id, seq, now))
                self.log.append(session, LeafKind.RECEIVED, one.digest, one.jti)
        if rows:
            ARRIVING.run(session, rows)
            after_commit(session, partial(self.wake, Lane.EMERGENCY))

    def _receipt(
        self, session: Session, channel: _Channel, batch: Batch, verdicts: Sequence[Verdict], now: datetime
    ) -> bytes:
        receipt = seal_receipt(
            iss=self.us,
            aud=batch.iss,
            batch=batch.digest,
            lane=batch.lane,
            epoch=batch.epoch,
            received_at=now,
            verdicts=verdicts,
            head_seq=channel.head_seq,
            head_chain=bytes.fromhex(channel.head_chain),
            checkpoint=self.log.checkpoint(session),
            key=self.signer.key,
        )
        # The receipt's own digest is a leaf under a later checkpoint: it cannot be under the one it carries.
        self.log.append(session, LeafKind.RECEIPT, digest_of(receipt), batch.digest)
        _BATCHES.run(session, [(batch.digest, channel.id, batch.first_seq, batch.last_seq, batch.token, receipt, now)])
        return receipt


def _given_verdicts(session: Session, channel: _Channel, batch: Batch) -> list[Verdict]:
    """Return the verdicts already given to the first entries of an overlapping batch; they never change."""
    if batch.first_seq > channel.head_seq:
        return []
    given: dict[int, Verdict] = {}
    overlapping = {"channel": channel.id, "first": batch.first_seq, "last": batch.last_seq}
    for row in session.execute(_OVERLAPPING, overlapping):
        given.update(enumerate(read_receipt(row.receipt).verdicts, read_batch(row.token).first_seq))
    held = range(batch.first_seq, min(batch.last_seq, channel.head_seq) + 1)
    for seq, digest in zip(held, batch.entries, strict=False):
        if given[seq].digest != digest:
            raise ForkFound(batch, seq)
    return [given[seq] for seq in held]


def _advance(session: Session, channel: _Channel, entries: Sequence[str]) -> _Channel:
    """Move the channel's head over `entries`."""
    seq, head = channel.head_seq, bytes.fromhex(channel.head_chain)
    for digest in entries:
        seq += 1
        head = chain(head, seq, digest)
    if entries:
        session.execute(_MOVE_HEAD, {"channel": channel.id, "head_seq": seq, "head_chain": head.hex()})
    return channel._replace(head_seq=seq, head_chain=head.hex())


class ForkFound(Refused):
    """Another digest at a seq that is held: the sender shows two pasts. The signed batch is the evidence."""

    def __init__(self, batch: Batch, seq: int) -> None:
        """Keep what the alarm needs; it is raised in a transaction of its own, since this refusal rolls back."""
        super().__init__(Reason.CHANNEL_FORK, f"another digest is held at or before seq {seq} of this channel")
        self.batch = batch
        self.seq = seq

    def report(self, session: Session, now: datetime) -> None:
        """Raise the alarm."""
        raise_alarm(
            session,
            "channel-fork",
            f"{self.batch.iss}/{self.batch.lane}/{self.batch.epoch}/{self.batch.digest}",
            now,
            peer=self.batch.iss,
            seq=self.seq,
            batch=self.batch.token.decode(),
        )
