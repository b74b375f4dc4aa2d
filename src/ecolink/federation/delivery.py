"""Sending what is queued: lease a channel, send its next batch with no transaction open, record what came of it.

A lease carries a fencing number. A worker that hangs past its lease finds another number in the row when it
comes back, and what it has to say about the channel is then ignored: the receipt it may hold comes again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import structlog
from sqlalchemy import Select, and_, delete, or_, select, update
from sqlalchemy.orm import Session

from ecolink.errors import UnavailableError
from ecolink.federation import operations
from ecolink.federation.backoff import (
    Decision,
    Delivered,
    Reseal,
    ResendFrom,
    RetryAt,
    SendManifest,
    Split,
    cap_s,
    pause,
    pause_asked,
)
from ecolink.federation.callers import SEND_MANIFEST
from ecolink.federation.client import PeerClient, asked_to_wait, problem, reason_of
from ecolink.federation.egress import Unreachable
from ecolink.federation.keystore import Keystore
from ecolink.federation.models import OutBatch, OutChannel, OutEntry, PeerRow, StatementRow
from ecolink.federation.operations import Answer
from ecolink.federation.peers import PeerState
from ecolink.federation.receipts import Receipts
from ecolink.federation.signer import Signer
from ecolink.protocol.batch import pack, seal_batch
from ecolink.protocol.jws import digest_of
from ecolink.protocol.limits import MAX_PUSH_BYTES
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane
from ecolink.storage.engine import Database

LEASE = timedelta(seconds=60)
"""Longer than any call may take (`client.DEADLINE_S`)."""

EMERGENCY_ENTRIES = 20
"""Emergency batches stay small, so that the first of them is there soonest."""

ENTRY_OVERHEAD = 200
"""Bytes an entry costs beside its statement: digest in the batch token, JSON around it."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Leased:
    """A channel that is this worker's until the lease ends, and the batch to send on it."""

    channel_id: int
    fence: int
    recipient: str
    url: str
    lane: Lane
    attempts: int
    batch: str
    body: bytes


@dataclass(frozen=True)
class Delivery:
    """Works the queue; any number of workers may do so at once."""

    us: str
    database: Database
    keystore: Keystore
    signer: Signer
    client: PeerClient
    receipts: Receipts
    random: Random
    _out: set[Leased] = field(default_factory=set)
    """What this process is sending just now."""
    _unrecorded: set[Leased] = field(default_factory=set)
    """What it could not write down because the database was away: these leases are given back first."""

    def take_over(self) -> None:
        """Believe no lease from before this start: whoever held it is dead, or is fenced off and does no harm.

        Nothing, and no emergency above all, waits after a crash for a dead worker's lease to end. What a living
        one has under way is at worst sent twice.
        """
        freed = update(OutChannel).where(OutChannel.leased_until.is_not(None))
        with self.database.begin() as session:
            session.execute(freed.values(leased_until=None, lease_fence=OutChannel.lease_fence + 1))

    def step(self, lanes: Sequence[Lane], clock: Callable[[], datetime]) -> bool:
        """Send one batch on the channel that has waited longest among `lanes`; tell whether there was one."""
        self._free(self._unrecorded)
        leased = self._lease(lanes, clock())
        if leased is None:
            return False
        self._out.add(leased)
        try:
            with structlog.contextvars.bound_contextvars(batch=leased.batch):
                self._record(leased, self._push(leased, clock()), clock())
        except UnavailableError:
            self._unrecorded.add(leased)
            raise
        finally:
            self._out.discard(leased)
        return True

    def give_back(self) -> None:
        """End the leases of what is out still: this process stops, and nobody need wait for them to run out."""
        self._free(self._out | self._unrecorded)

    def _free(self, leases: set[Leased]) -> None:
        out = tuple(leases)
        if not out:
            return
        with self.database.begin() as session:
            for leased in out:
                ours = (OutChannel.id == leased.channel_id, OutChannel.lease_fence == leased.fence)
                freed = update(OutChannel).where(*ours)
                session.execute(freed.values(leased_until=None, lease_fence=OutChannel.lease_fence + 1))
        leases.difference_update(out)

    def _push(self, leased: Leased, now: datetime) -> Answer | Unreachable:
        try:
            return self.client.call(leased.recipient, leased.url, operations.PUSH, body=leased.body, now=now)
        except Unreachable as silence:
            return silence

    def _lease(self, lanes: Sequence[Lane], now: datetime) -> Leased | None:
        # Look before taking the write lock: most of the time there is nothing to send.
        with self.database.read() as session:
            if session.scalar(_waiting(lanes, now).with_only_columns(OutChannel.id)) is None:
                return None
        with self.database.begin() as session:
            found = session.execute(_waiting(lanes, now).with_for_update(of=OutChannel, skip_locked=True)).first()
            if found is None:
                return None
            channel, url = found
            channel.lease_fence += 1
            channel.leased_until = now + LEASE
            batch = self._next_batch(session, channel, now)
            return Leased(
                channel_id=channel.id,
                fence=channel.lease_fence,
                recipient=channel.recipient,
                url=url,
                lane=Lane(channel.lane),
                attempts=channel.attempts,
                batch=batch.digest,
                body=push_body(session, batch),
            )

    def _next_batch(self, session: Session, channel: OutChannel, now: datetime) -> OutBatch:
        """Return the batch that holds the first unreceipted entry: the sealed one, byte for byte, or a new one."""
        wanted = channel.receipted_seq + 1
        sealed = session.scalar(
            select(OutBatch)
            .where(OutBatch.channel_id == channel.id, OutBatch.first_seq <= wanted, OutBatch.last_seq >= wanted)
            .order_by(OutBatch.sealed_at.desc())
            .limit(1)
        )
        return sealed or seal_next(session, self.us, self.signer, channel, wanted, now)

    def _record(self, leased: Leased, answer: Answer | Unreachable, now: datetime) -> None:
        with self.database.begin() as session:
            # A receipt counts whoever brings it; what to do next is for the holder of the lease alone to say.
            decision = self._decide(session, leased, answer, now)
            channel = session.get_one(OutChannel, leased.channel_id, with_for_update=True)
            if channel.lease_fence != leased.fence:
                return
            channel.leased_until = None
            self._follow(session, channel, leased, decision, now)
        if isinstance(decision, SendManifest):
            self._send_manifest(leased, now)

    def _decide(self, session: Session, leased: Leased, answer: Answer | Unreachable, now: datetime) -> Decision:
        """Say what to do after one try; a good receipt is recorded on the way."""
        if isinstance(answer, Unreachable):
            return self._later(leased, str(answer), now)
        if answer.status == 200:  # noqa: PLR2004 - the one status that carries a receipt
            return self._accept(session, leased, answer.body, now)
        said = problem(answer)
        expected = said.get("expected")
        match answer.status, said.get("reason"):
            case 409, "gap" if isinstance(expected, int) and expected >= 1:
                decision: Decision = ResendFrom(expected)
            case 413, _:
                decision = Split()
            case 401 | 400, Reason.KEY_REVOKED | Reason.KEY_EXPIRED:
                decision = Reseal()
            case 401, reason if reason == SEND_MANIFEST:
                decision = SendManifest()
            case _:  # whatever else it says, it did not take the batch: the queue waits, and goes on from here
                decision = self._later(leased, reason_of(answer), now, asked_to_wait(answer))
        return decision

    def _accept(self, session: Session, leased: Leased, token: bytes, now: datetime) -> Decision:
        keys = self.keystore.keys_of(session, leased.recipient)
        if keys is None:
            return self._later(leased, "the peer is not known here any more", now)
        try:
            receipt = self.receipts.record(session, keys, token, now)
        except Refused as refused:
            return self._later(leased, f"the receipt does not verify: {refused}", now)
        return Delivered() if receipt.batch == leased.batch else self._later(leased, "a receipt for another batch", now)

    def _later(self, leased: Leased, why: str, now: datetime, asked: int = 0) -> RetryAt:
        """Try again after our own pause, or after the one the peer asked for if that is longer."""
        own = pause(leased.lane, leased.attempts + 1, self.random)
        return RetryAt(now + max(own, pause_asked(leased.lane, asked)), why)

    def _follow(self, session: Session, channel: OutChannel, leased: Leased, decision: Decision, now: datetime) -> None:
        match decision:
            case Delivered():
                pass
            case RetryAt(at, why):
                channel.attempts += 1
                channel.next_try_at, channel.last_error, channel.last_error_at = at, why[:500], now
                _log.info("delivery.retry", peer=leased.recipient, lane=leased.lane, at=at.isoformat(), why=why)
            case ResendFrom(seq):
                channel.receipted_seq = min(seq - 1, channel.last_seq)
                channel.attempts += 1
                channel.next_try_at = now + pause(leased.lane, channel.attempts, self.random)
            case Split() | Reseal():
                if isinstance(decision, Split):
                    channel.batch_limit = max(1, channel.batch_limit // 2)
                session.execute(delete(OutBatch).where(OutBatch.digest == leased.batch, OutBatch.receipt.is_(None)))
                channel.attempts += 1
                channel.next_try_at = now + pause(leased.lane, channel.attempts, self.random)
            case SendManifest():
                # At once the first time; a peer that does not take the manifest is not asked without end.
                channel.next_try_at = (
                    now + pause(leased.lane, channel.attempts, self.random) if channel.attempts else now
                )
                channel.attempts += 1

    def _send_manifest(self, leased: Leased, now: datetime) -> None:
        with self.database.read() as session:
            documents = self.keystore.documents(session, self.us)
        try:
            self.client.tell_keys(leased.recipient, leased.url, documents, now=now)
        except Unreachable as silence:
            _log.info("delivery.manifest", peer=leased.recipient, why=str(silence))


def _waiting(lanes: Sequence[Lane], now: datetime) -> Select[OutChannel, str]:
    longest = timedelta(seconds=max(cap_s(lane) for lane in lanes))
    return (
        select(OutChannel, PeerRow.federation_url)
        .join(PeerRow, PeerRow.unit_code == OutChannel.recipient)
        .where(
            OutChannel.last_seq > OutChannel.receipted_seq,
            # No pause reaches beyond the lane's cap: a clock that ran ahead when it was set is right by now.
            or_(OutChannel.next_try_at <= now, OutChannel.next_try_at > now + longest),
            OutChannel.closed.is_(False),
            OutChannel.lane.in_([lane.value for lane in lanes]),
            or_(OutChannel.leased_until.is_(None), OutChannel.leased_until < now),
            or_(
                PeerRow.state == PeerState.ACTIVE,
                and_(PeerRow.state == PeerState.SUSPENDED, OutChannel.lane == Lane.CONTROL),
            ),
        )
        .order_by(OutChannel.next_try_at)
        .limit(1)
    )


def seal_next(
    session: Session, us: str, signer: Signer, channel: OutChannel, first_seq: int, now: datetime
) -> OutBatch:
    """Seal the entries from `first_seq` on, as many as fit, and keep the batch before it is ever sent."""
    most = min(channel.batch_limit, EMERGENCY_ENTRIES) if channel.lane == Lane.EMERGENCY else channel.batch_limit
    entries = session.execute(
        select(OutEntry.digest, OutEntry.size)
        .where(OutEntry.channel_id == channel.id, OutEntry.seq >= first_seq)
        .order_by(OutEntry.seq)
        .limit(most)
    ).all()
    room = MAX_PUSH_BYTES
    fitting: list[str] = []
    for digest, size in entries:
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
        prev=bytes.fromhex(chain_before(session, channel, first_seq)),
        entries=fitting,
        key=signer.key,
    )
    batch = OutBatch(
        digest=digest_of(token),
        channel_id=channel.id,
        first_seq=first_seq,
        last_seq=first_seq + len(fitting) - 1,
        token=token,
        sealed_at=now,
    )
    session.add(batch)
    session.flush()
    return batch


def push_body(session: Session, batch: OutBatch) -> bytes:
    """Return the body of a push: the sealed batch and its statements, in the bytes they were signed in."""
    parts = session.execute(
        select(StatementRow.token, StatementRow.private)
        .join(OutEntry, OutEntry.statement_n == StatementRow.n)
        .where(
            OutEntry.channel_id == batch.channel_id,
            OutEntry.seq.between(batch.first_seq, batch.last_seq),
        )
        .order_by(OutEntry.seq)
    ).all()
    return pack(batch.token, [(token, private) for token, private in parts])


def chain_before(session: Session, channel: OutChannel, seq: int) -> str:
    """Return the channel's chain value before `seq`."""
    if seq == 1:
        return channel.start_chain
    return session.scalars(
        select(OutEntry.chain).where(OutEntry.channel_id == channel.id, OutEntry.seq == seq - 1)
    ).one()
