"""Sending what is queued: lease a channel, send its next batch with no transaction open, record what came of it.

A lease carries a fencing number. A worker that hangs past its lease finds another number in the row when it
comes back, and what it has to say about the channel is then ignored: the receipt it may hold comes again.

Whoever holds a channel stays with it while batches are receipted: recording one receipt and sealing the next batch are
one transaction. Channels whose last try failed are taken up apart (`again`), so that silent peers, each of which costs
a thread some seconds, hold up only one another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from sqlalchemy import and_, bindparam, case, delete, func, or_, select, update
from sqlalchemy.orm import Session

from ecolink.egress import Unreachable
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
from ecolink.federation.batches import CHANNEL, Batch, Channel, batch_from, push_body
from ecolink.federation.callers import SEND_MANIFEST
from ecolink.federation.client import DEADLINE_S, PeerClient, asked_to_wait, problem, reason_of
from ecolink.federation.keystore import Keystore
from ecolink.federation.models import OutBatch, OutChannel, PeerRow
from ecolink.federation.operations import Answer
from ecolink.federation.peers import PeerState
from ecolink.federation.receipts import Receipts
from ecolink.federation.signer import Signer
from ecolink.kit.events import structlog
from ecolink.protocol.limits import MAX_ENTRIES
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane
from ecolink.storage.base import table_of
from ecolink.storage.bells import Bell, ring
from ecolink.storage.engine import Database
from ecolink.storage.queries import Query

LEASE: Final = timedelta(seconds=60)
"""Longer than any call may take (`client.DEADLINE_S`)."""

FIRST_DEADLINE_S: Final = 3.0
"""The most the first try of an emergency may take, in all: peers that went silent since they were last heard hold a
thread for so long that those who answer wait for. Then it is tried again, with more patience, by threads for which
nobody waits; if it had got through after all, the peer answers with the receipt it gave it then."""

AT_A_STRETCH: Final = 16
"""Batches sent on one channel before another one gets its turn."""

LARGER_AFTER: Final = timedelta(hours=1)
"""How long a peer that found a batch too large gets none that is larger than those it took. Then each that is full and
gets through lets the next be twice as large: a spell is over soon, and a peer that never takes more says so seldom."""

WORTH_SENDING: Final = 50
GATHER: Final = timedelta(milliseconds=50)
"""After a batch of the bulk lane fewer than so many are given so long for others to join them: a push costs both nodes
as much as a dozen statements do. What comes after a pause goes at once."""

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
    batch: Batch
    body: bytes = field(compare=False, repr=False)
    """What to push: the batch and its statements."""
    others_wait: bool = False
    """Whether another channel waits for somebody to take it up."""


class _Lease(NamedTuple):
    """What of a lease does not come from the channel's own row."""

    fence: int
    url: str
    attempts: int
    others_wait: bool = False


class _Look(NamedTuple):
    """Which channels somebody looks for."""

    lanes: Sequence[Lane]
    again: bool | None

    def ever(self) -> dict[str, object]:
        least, most = {None: (0, _MOST), False: (0, 0), True: (1, _MOST)}[self.again]
        return {"lanes": [lane.value for lane in self.lanes], "least": least, "most": most}

    def at(self, now: datetime) -> dict[str, object]:
        longest = timedelta(seconds=max(cap_s(lane) for lane in self.lanes))
        return {**self.ever(), "now": now, "gathered": now + GATHER, "longest": now + longest}


_MOST = 2**31 - 1
_CHANNELS, _PEERS, _BATCHES = table_of(OutChannel).c, table_of(PeerRow).c, table_of(OutBatch).c
_OPEN = and_(
    _CHANNELS.last_seq > _CHANNELS.receipted_seq,
    _CHANNELS.closed.is_(False),
    _CHANNELS.lane.in_(bindparam("lanes", expanding=True)),
    _CHANNELS.attempts.between(bindparam("least"), bindparam("most")),
    or_(_PEERS.state == PeerState.ACTIVE, and_(_PEERS.state == PeerState.SUSPENDED, _CHANNELS.lane == Lane.CONTROL)),
)
_FREE = and_(
    # No pause reaches beyond the lane's cap, none that follows no failure beyond the time to gather, and no failure is
    # still to come: a clock that ran ahead when it was written down is right by now.
    or_(
        _CHANNELS.next_try_at <= bindparam("now"),
        _CHANNELS.next_try_at > bindparam("longest"),
        and_(_CHANNELS.attempts == 0, _CHANNELS.next_try_at > bindparam("gathered")),
        _CHANNELS.last_error_at > bindparam("now"),
    ),
    or_(_CHANNELS.leased_until.is_(None), _CHANNELS.leased_until < bindparam("now")),
)
_WITH_PEER = table_of(OutChannel).join(table_of(PeerRow), _PEERS.unit_code == _CHANNELS.recipient)
_LOOK = Query(select(_CHANNELS.id).select_from(_WITH_PEER).where(_OPEN, _FREE).order_by(_CHANNELS.next_try_at).limit(2))
_TAKE = Query(
    select(*CHANNEL, _CHANNELS.attempts, _CHANNELS.lease_fence, _PEERS.federation_url)
    .select_from(_WITH_PEER)
    .where(_OPEN, _FREE)
    .order_by(_CHANNELS.next_try_at)
    .limit(1)
    .with_for_update(of=table_of(OutChannel), skip_locked=True)
)
_LOCK = Query(
    select(*CHANNEL, _CHANNELS.attempts, _CHANNELS.lease_fence)
    .where(_CHANNELS.id == bindparam("channel"))
    .with_for_update()
)
_LEASE = Query(update(table_of(OutChannel)).where(_CHANNELS.id == bindparam("channel")))
_ENLARGE = Query(
    update(table_of(OutChannel)).where(
        _CHANNELS.id == bindparam("channel"),
        or_(
            _CHANNELS.split_at.is_(None),
            _CHANNELS.split_at <= bindparam("long_ago"),
            _CHANNELS.split_at > bindparam("now"),  # written down by a clock that ran ahead
        ),
    )
)
_UNSEAL = Query(delete(table_of(OutBatch)).where(_BATCHES.digest == bindparam("digest"), _BATCHES.receipt.is_(None)))
_LATER = case((_CHANNELS.leased_until > _CHANNELS.next_try_at, _CHANNELS.leased_until), else_=_CHANNELS.next_try_at)
_DUE = Query(select(func.min(_LATER)).select_from(_WITH_PEER).where(_OPEN))


@dataclass(frozen=True, repr=False)
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
        leased = self.take(lanes, clock())
        if leased is not None:
            self.carry(leased, clock, most=1)
        return leased is not None

    def due(self, lanes: Sequence[Lane], *, again: bool | None = None) -> datetime | None:
        """Return when the next channel of `lanes` may be taken up, or might have been; None when nothing waits."""
        with self.database.read() as session:
            due: datetime | None = _DUE.scalar(session, _Look(lanes, again).ever())
        return due

    def take(self, lanes: Sequence[Lane], now: datetime, *, again: bool | None = None) -> Leased | None:
        """Lease the channel that has waited longest among `lanes`, and seal its next batch; None when nothing waits.

        With `again` it is one whose last try failed, or (False) one whose last try did not.
        """
        self._free(self._unrecorded)
        look = _Look(lanes, again).at(now)
        # Look before taking the write lock: most of the time there is nothing to send.
        with self.database.read() as session:
            waiting = len(_LOOK.all(session, look))
        if not waiting:
            return None
        with self.database.begin(urgent=Lane.EMERGENCY in lanes) as session:
            found = _TAKE.first(session, look)
            if found is None:
                return None
            *channel, attempts, fence, url = found
            lease = _Lease(fence + 1, url, attempts, others_wait=waiting > 1)
            return self._lease(session, Channel(*channel), lease, now)

    def carry(self, leased: Leased, clock: Callable[[], datetime], *, most: int = AT_A_STRETCH) -> None:
        """Send the batch that was taken up, and at most `most` in all of those that wait on its channel."""
        following: Leased | None = leased
        for left in reversed(range(most)):
            if following is None:
                return
            leased = following
            self._out.add(leased)
            try:
                with structlog.contextvars.bound_contextvars(batch=leased.batch.digest):
                    following = self._record(leased, self._push(leased, clock()), clock(), go_on=left > 0)
            except UnavailableError:
                self._unrecorded.add(leased)
                raise
            finally:
                self._out.discard(leased)

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
                ring(session, Bell.sending(leased.lane, again=leased.attempts > 0))
        leases.difference_update(out)

    def _lease(self, session: Session, channel: Channel, lease: "_Lease", now: datetime) -> Leased:
        _LEASE.run(session, {"channel": channel.id, "leased_until": now + LEASE, "lease_fence": lease.fence})
        batch = batch_from(session, self.us, self.signer, channel, channel.receipted_seq + 1, now)
        return Leased(
            channel_id=channel.id,
            recipient=channel.recipient,
            lane=Lane(channel.lane),
            batch=batch,
            body=push_body(session, batch),
            **lease._asdict(),
        )

    def _push(self, leased: Leased, now: datetime) -> Answer | Unreachable:
        is_first = leased.lane is Lane.EMERGENCY and not leased.attempts
        try:
            answer = self.client.call(
                leased.recipient,
                leased.url,
                operations.PUSH,
                body=leased.body,
                now=now,
                deadline_s=FIRST_DEADLINE_S if is_first else DEADLINE_S,
            )
        except Unreachable as silence:
            return silence
        if answer.status == 401 and problem(answer).get("reason") == SEND_MANIFEST:  # noqa: PLR2004
            self._send_manifest(leased, now)  # before anybody tries again
        return answer

    def _record(
        self, leased: Leased, answer: Answer | Unreachable, now: datetime, *, go_on: bool = False
    ) -> Leased | None:
        """Record what came of a try; return the next batch to send if the channel is kept for it."""
        with self.database.begin(urgent=leased.lane is Lane.EMERGENCY) as session:
            # A receipt counts whoever brings it; what to do next is for the holder of the lease alone to say.
            decision = self._decide(session, leased, answer, now)
            *columns, attempts, fence = _LOCK.one(session, {"channel": leased.channel_id})
            channel = Channel(*columns)
            if fence != leased.fence:
                return None
            if isinstance(decision, Delivered):
                channel = _enlarged(session, channel, leased.batch, now)
            goes_on = isinstance(decision, Delivered) and go_on and channel.last_seq > channel.receipted_seq
            if goes_on and not _gathers(channel):
                return self._lease(session, channel, _Lease(fence, leased.url, attempts), now)
            if goes_on:
                decision = Delivered(next_at=now + GATHER)
            self._let_go(session, channel, leased, decision, attempts, now)
        return None

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
        return (
            Delivered()
            if receipt.batch == leased.batch.digest
            else self._later(leased, "a receipt for another batch", now)
        )

    def _later(self, leased: Leased, why: str, now: datetime, asked: int = 0) -> RetryAt:
        """Try again after our own pause, or after the one the peer asked for if that is longer."""
        own = pause(leased.lane, leased.attempts + 1, self.random)
        return RetryAt(now + max(own, pause_asked(leased.lane, asked)), why)

    def _let_go(
        self, session: Session, channel: Channel, leased: Leased, decision: Decision, attempts: int, now: datetime
    ) -> None:
        """End the lease, and write down what is to be done next."""
        failed = attempts + 1
        soon = now + pause(leased.lane, failed, self.random)
        then: dict[str, object] = {}
        match decision:
            case Delivered(next_at):
                failed = attempts
                then = {"next_try_at": next_at} if next_at else {}
            case RetryAt(at, why):
                then = {"next_try_at": at, "last_error": why[:500], "last_error_at": now}
                _log.info("delivery.retry", peer=leased.recipient, lane=leased.lane, at=at.isoformat(), why=why)
            case ResendFrom(seq):
                then = {"next_try_at": soon, "receipted_seq": min(seq - 1, channel.last_seq)}
            case Split() | Reseal():
                then = {"next_try_at": soon}
                if isinstance(decision, Split):
                    then["batch_limit"] = max(1, min(channel.batch_limit, leased.batch.entries) // 2)
                    then["split_at"] = now
                _UNSEAL.run(session, {"digest": leased.batch.digest})
            case SendManifest():
                # At once the first time; a peer that does not take the manifest is not asked without end.
                then = {"next_try_at": soon if attempts else now}
        ended: dict[str, object] = {"channel": channel.id, "leased_until": None, "attempts": failed, **then}
        _LEASE.run(session, ended)
        if then or channel.last_seq > channel.receipted_seq:
            ring(session, Bell.sending(leased.lane, again=failed > 0))

    def _send_manifest(self, leased: Leased, now: datetime) -> None:
        with self.database.read() as session:
            documents = self.keystore.documents(session, self.us)
        try:
            self.client.tell_keys(leased.recipient, leased.url, documents, now=now)
        except Unreachable as silence:
            _log.info("delivery.manifest", peer=leased.recipient, why=str(silence))


def _enlarged(session: Session, channel: Channel, delivered: Batch, now: datetime) -> Channel:
    """Let batches of a channel be larger again, if one that was as large as they may be got through."""
    if delivered.entries < channel.batch_limit:
        return channel  # also where nothing was ever too large: no batch is as large as that
    larger = min(2 * channel.batch_limit, MAX_ENTRIES)
    named = {"channel": channel.id, "long_ago": now - LARGER_AFTER, "now": now}
    return channel._replace(batch_limit=larger) if _ENLARGE.run(session, {**named, "batch_limit": larger}) else channel


def _gathers(channel: Channel) -> bool:
    """Tell whether what waits on a channel had better wait a moment for more."""
    waiting = channel.last_seq - channel.receipted_seq
    return channel.lane == Lane.BULK and 0 < waiting < min(WORTH_SENDING, channel.batch_limit)
