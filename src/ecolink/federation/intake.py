"""Keeping a verified batch, within a transaction: its channel, its statements, the verdicts and the receipt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import bindparam, func, select, true, update
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog
from ecolink.federation.alarms import raise_alarm
from ecolink.federation.callers import Caller, Callers
from ecolink.federation.models import Equivocation, InBatch, InChannel, InEntry, StatementRow
from ecolink.federation.signer import Signer
from ecolink.federation.statements import ARRIVING, arriving
from ecolink.kit.meters import RECEIPTS_SENT
from ecolink.protocol.batch import GENESIS, Batch, chain, read_batch
from ecolink.protocol.jws import digest_of
from ecolink.protocol.leaves import LeafKind
from ecolink.protocol.limits import MAX_ENTRIES
from ecolink.protocol.push import Incoming, Push
from ecolink.protocol.receipt import Outcome, Verdict, read_receipt, seal_receipt
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane
from ecolink.storage.base import table_of
from ecolink.storage.bells import Bell, ring
from ecolink.storage.engine import after_commit
from ecolink.storage.queries import TEXTS, Query, among
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


PushResult = Receipted | Gap


class Arrival(NamedTuple):
    """A push that verified, received from `caller` at `now`."""

    caller: Caller
    push: Push
    now: datetime

    @property
    def batch(self) -> Batch:
        """The batch that was pushed."""
        return self.push.batch


class _Channel(NamedTuple):
    id: int
    epoch: int
    head_seq: int
    head_chain: str


class _Placed(NamedTuple):
    """A batch in its channel, which stands at its end."""

    channel: _Channel
    verdicts: Sequence[Verdict]


_CHANNELS, _IN_BATCHES, _STATEMENTS = table_of(InChannel).c, table_of(InBatch).c, table_of(StatementRow).c
_NEWEST_CHANNEL = Query(
    select(_CHANNELS.id, _CHANNELS.epoch, _CHANNELS.head_seq, _CHANNELS.head_chain)
    .where(_CHANNELS.sender == bindparam("sender"), _CHANNELS.lane == bindparam("lane"))
    .order_by(_CHANNELS.epoch.desc())
    .limit(1)
    .with_for_update()
)
_RECEIPT_GIVEN = Query(
    select(_IN_BATCHES.receipt)
    .join(table_of(InChannel), _CHANNELS.id == _IN_BATCHES.channel_id)
    .where(
        _CHANNELS.sender == bindparam("sender"),
        _CHANNELS.lane == bindparam("lane"),
        _CHANNELS.epoch == bindparam("epoch"),
        _IN_BATCHES.first_seq == bindparam("first_seq"),
        _IN_BATCHES.digest == bindparam("digest"),
    )
)
_OVERLAPPING = Query(
    select(_IN_BATCHES.token, _IN_BATCHES.receipt).where(
        _IN_BATCHES.channel_id == bindparam("channel"),
        _IN_BATCHES.first_seq > bindparam("first") - MAX_ENTRIES,
        _IN_BATCHES.first_seq <= bindparam("last"),
        _IN_BATCHES.last_seq >= bindparam("first"),
    )
)
_ASKED = func.unnest(bindparam("jtis", type_=TEXTS)).table_valued("jti").render_derived(name="asked")
_EACH = (
    select(_STATEMENTS.jti, _STATEMENTS.digest)
    .where(_STATEMENTS.iss == bindparam("iss"), _STATEMENTS.jti == _ASKED.c.jti)
    .limit(1)
    .lateral("each")
)
_HELD = Query(
    select(_STATEMENTS.jti, _STATEMENTS.digest).where(
        _STATEMENTS.iss == bindparam("iss"), among(_STATEMENTS.jti, "jtis")
    ),
    # Until it has counted them, PostgreSQL takes a bureau's statements for few, and would read all of them each time.
    on_postgresql=select(_EACH.c.jti, _EACH.c.digest).select_from(_ASKED).join(_EACH, true()),
)
_MOVE_HEAD = Query(update(table_of(InChannel)).where(_CHANNELS.id == bindparam("channel")))
_BATCHES = RowInsert.into(InBatch, "digest", "channel_id", "first_seq", "last_seq", "token", "receipt", "received_at")
_ENTRIES = RowInsert.into(InEntry, "channel_id", "seq", "digest", "verdict", "reason")


@dataclass(frozen=True, repr=False)
class Intake:
    """Keeps batches."""

    us: str
    callers: Callers
    signer: Signer
    log: EvidenceLog

    def keep(self, session: Session, arrivals: Sequence[Arrival]) -> list[PushResult]:
        """Keep batches that verified and return what became of each; see `inbox`.

        Raises:
            Refused: `request-replayed`, `stale-epoch`, `wrong-link`, `channel-fork`; roll back what was written.

        """
        # Every process locks peers and channels in this order, so that none waits for another in a ring.
        order = sorted(range(len(arrivals)), key=lambda i: (arrivals[i].batch.iss, arrivals[i].batch.lane))
        self.callers.spend_all(session, [(arrivals[i].caller, arrivals[i].now) for i in order])
        # The same batch may come twice at once; its digest says that it is the same, and one answer is for both.
        kept: dict[str, PushResult] = {}
        added: dict[str, tuple[Arrival, _Placed]] = {}
        for arrival in (arrivals[i] for i in order):
            digest = arrival.batch.digest
            if digest in kept or digest in added:
                continue
            placed = self._place(session, arrival)
            if isinstance(placed, _Placed):
                added[digest] = (arrival, placed)
            else:
                kept[digest] = placed
        receipts = self._receipts(session, list(added.values()))
        kept |= {digest: Receipted(receipt) for digest, receipt in zip(added, receipts, strict=True)}
        return [kept[arrival.batch.digest] for arrival in arrivals]

    def _place(self, session: Session, arrival: Arrival) -> _Placed | PushResult:
        batch = arrival.batch
        channel = self._newest_channel(session, batch)
        if channel is None or batch.epoch != channel.epoch or batch.first_seq <= channel.head_seq:
            receipt = _RECEIPT_GIVEN.scalar(
                session,
                {
                    "sender": batch.iss,
                    "lane": batch.lane.value,
                    "epoch": batch.epoch,
                    "first_seq": batch.first_seq,
                    "digest": batch.digest,
                },
            )
            if receipt is not None:
                return Receipted(receipt)
            channel = self._channel(session, channel, batch)
        if batch.first_seq > channel.head_seq + 1:
            if batch.lane is Lane.EMERGENCY:
                self._keep_early(session, channel, arrival)
            return Gap(channel.head_seq + 1)
        return self._add(session, channel, arrival)

    def _newest_channel(self, session: Session, batch: Batch) -> _Channel | None:
        """Return the newest channel of the sender and lane, locked."""
        named = {"sender": batch.iss, "lane": batch.lane.value}
        row = _NEWEST_CHANNEL.first(session, named)
        return None if row is None else _Channel(*row)

    def _channel(self, session: Session, newest: _Channel | None, batch: Batch) -> _Channel:
        """Return the channel of `batch`, locked; open it when this is its first entry."""
        if newest is not None and batch.epoch == newest.epoch:
            return newest
        if newest is not None and batch.epoch < newest.epoch:
            raise Refused(STALE_EPOCH, f"epoch {newest.epoch} is open; epoch {batch.epoch} is closed")
        # A new epoch goes on from the head of the old one, so that a restore cannot hide what was said before it.
        start = newest.head_chain if newest is not None else GENESIS.hex()
        if batch.first_seq == 1 and batch.prev.hex() != start:
            raise Refused(WRONG_LINK, "a new epoch starts from the head that is held of the last one")
        opened = {
            "sender": batch.iss,
            "lane": batch.lane.value,
            "epoch": batch.epoch,
            "head_seq": 0,
            "head_chain": start,
        }
        insert_new(session, InChannel, [opened])
        # Another process may have opened a later one meanwhile: then this one is closed.
        return self._channel(session, self._newest_channel(session, batch), batch)

    def _add(self, session: Session, channel: _Channel, arrival: Arrival) -> _Placed:
        """Store what is new of a batch that joins its channel, and move the channel's head over it."""
        batch, now = arrival.batch, arrival.now
        verdicts = _given_verdicts(session, channel, batch)
        given = len(verdicts)
        fresh = arrival.push.entries[given:]
        if fresh and not given and batch.prev.hex() != channel.head_chain:
            raise ForkFound(batch, channel.head_seq)
        held = self._held(session, batch.iss, fresh)
        rows, leaves, told_otherwise = [], [], []
        for seq, (digest, entry) in enumerate(zip(batch.entries[given:], fresh, strict=True), batch.first_seq + given):
            if isinstance(entry, Incoming) and entry.jti not in held:
                held[entry.jti] = digest
                rows.append(arriving(entry, channel.id, seq, now))
                leaves.append((LeafKind.RECEIVED, digest, entry.jti))
                verdicts.append(Verdict(digest, Outcome.STORED))
            else:
                verdict = self._tell_otherwise(session, digest, entry, held, now)
                told_otherwise.append((channel.id, seq, digest, verdict.verdict.value, verdict.reason))
                verdicts.append(verdict)
        ARRIVING.run(session, rows)
        _ENTRIES.run(session, told_otherwise)
        self.log.append_all(session, leaves)
        ring(session, Bell.applying(batch.lane))
        return _Placed(_advance(session, channel, batch.entries[given:]), verdicts)

    def _held(self, session: Session, iss: str, entries: Sequence[Incoming | Refused]) -> dict[str, str]:
        """Return the digests already held under the ids that came in."""
        jtis = [one.jti for one in entries if isinstance(one, Incoming)]
        if not jtis:
            return {}
        return {row.jti: row.digest for row in _HELD.all(session, {"iss": iss, "jtis": jtis})}

    def _tell_otherwise(
        self, session: Session, digest: str, entry: Incoming | Refused, held: dict[str, str], now: datetime
    ) -> Verdict:
        """Return the verdict on an entry that is not stored: refused, here before, or another under its id."""
        if isinstance(entry, Refused):
            self.log.append(session, LeafKind.REFUSED, digest, entry.reason)
            return Verdict(digest, Outcome.REFUSED, entry.reason)
        twin = held[entry.jti]
        if twin == digest:
            return Verdict(digest, Outcome.DUPLICATE)
        row = {
            "digest": digest,
            "iss": entry.iss,
            "jti": entry.jti,
            "held_digest": twin,
            "token": entry.token,
            "private": entry.private,
            "at": now,
        }
        insert_new(session, Equivocation, [row])
        raise_alarm(session, "equivocation", f"{entry.iss}/{entry.jti}", now, peer=entry.iss, held=twin, other=digest)
        self.log.append(session, LeafKind.EQUIVOCATION, digest, entry.jti)
        return Verdict(digest, Outcome.REFUSED, Reason.EQUIVOCATION)

    def _keep_early(self, session: Session, channel: _Channel, arrival: Arrival) -> None:
        """Keep emergencies that overtook their predecessors; the batch itself comes again and gets its receipt then."""
        held = self._held(session, arrival.batch.iss, arrival.push.entries)
        rows, leaves = [], []
        for seq, entry in enumerate(arrival.push.entries, arrival.batch.first_seq):
            if isinstance(entry, Incoming) and entry.jti not in held:
                held[entry.jti] = entry.digest
                rows.append(arriving(entry, channel.id, seq, arrival.now))
                leaves.append((LeafKind.RECEIVED, entry.digest, entry.jti))
        if rows:
            ARRIVING.run(session, rows)
            self.log.append_all(session, leaves)
            ring(session, Bell.APPLY_EMERGENCY)

    def _receipts(self, session: Session, placed: Sequence[tuple[Arrival, _Placed]]) -> list[bytes]:
        """Seal the receipts, over one checkpoint that covers the statements of all."""
        if not placed:
            return []
        checkpoint = self.log.checkpoint(session)
        receipts = [
            seal_receipt(
                iss=self.us,
                aud=batch.iss,
                batch=batch.digest,
                lane=batch.lane,
                epoch=batch.epoch,
                received_at=now,
                verdicts=verdicts,
                head_seq=channel.head_seq,
                head_chain=bytes.fromhex(channel.head_chain),
                checkpoint=checkpoint,
                key=self.signer.key,
            )
            for (_, (batch, _), now), (channel, verdicts) in placed
        ]
        rows = []
        for ((_, (batch, _), now), (channel, _)), receipt in zip(placed, receipts, strict=True):
            # The receipt's own digest is a leaf under a later checkpoint: it cannot be under the one it carries.
            self.log.append(session, LeafKind.RECEIPT, digest_of(receipt), batch.digest)
            rows.append((batch.digest, channel.id, batch.first_seq, batch.last_seq, batch.token, receipt, now))
        _BATCHES.run(session, rows)
        after_commit(session, partial(RECEIPTS_SENT.inc, len(rows)))
        return receipts


def _given_verdicts(session: Session, channel: _Channel, batch: Batch) -> list[Verdict]:
    """Return the verdicts already given to the first entries of an overlapping batch; they never change."""
    if batch.first_seq > channel.head_seq:
        return []
    given: dict[int, Verdict] = {}
    overlapping = {"channel": channel.id, "first": batch.first_seq, "last": batch.last_seq}
    for row in _OVERLAPPING.all(session, overlapping):
        given.update(enumerate(read_receipt(row.receipt).verdicts, read_batch(row.token).first_seq))
    held = range(batch.first_seq, min(batch.last_seq, channel.head_seq) + 1)
    if not given.keys() >= set(held):
        msg = "what it overlaps is being kept in the same group and has no receipt yet: it is tried again by itself"
        raise LookupError(msg)
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
        _MOVE_HEAD.run(session, {"channel": channel.id, "head_seq": seq, "head_chain": head.hex()})
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
