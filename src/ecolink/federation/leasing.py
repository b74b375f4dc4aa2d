"""Whose turn it is: which channel waits, who holds it, when it may be taken up again and with how large a batch.

All of it stands in the channel's row. What is sent by whoever holds it, and what the answer means, is `delivery`'s.

A lease carries a fencing number. A worker that hangs past its lease finds another number in the row when it
comes back, and what it has to say about the channel is then ignored: the receipt it may hold comes again.
Channels whose last try failed are taken up apart (`again`), so that silent peers, each of which costs a thread some
seconds, hold up only one another.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from ecolink.federation.backoff import (
    Decision,
    Delivered,
    Reseal,
    ResendFrom,
    RetryAt,
    SendManifest,
    Split,
    cap_s,
)
from ecolink.federation.batches import CHANNEL, Batch, Channel
from ecolink.federation.models import OutChannel, PeerRow
from ecolink.federation.peers import PeerState
from ecolink.protocol.limits import MAX_ENTRIES
from ecolink.protocol.statement import Lane
from ecolink.storage.base import table_of
from ecolink.storage.bells import Bell, ring
from ecolink.storage.queries import Query, among

LEASE: Final = timedelta(seconds=60)
"""Longer than any call may take (`client.DEADLINE_S`)."""

LARGER_AFTER: Final = timedelta(hours=1)
"""How long a peer that found a batch too large gets none that is larger than those it took. Then each that is full and
gets through lets the next be twice as large: a spell is over soon, and a peer that never takes more says so seldom."""

WORTH_SENDING: Final = 50
GATHER: Final = timedelta(milliseconds=50)
"""After a batch of the bulk lane fewer than so many are given so long for others to join them: a push costs both nodes
as much as a dozen statements do. What comes after a pause goes at once."""


class Lease(NamedTuple):
    """A channel that is one worker's until the lease ends, as it stood when that worker last looked."""

    channel: Channel
    fence: int
    url: str
    attempts: int

    @property
    def lane(self) -> Lane:
        """The channel's lane."""
        return Lane(self.channel.lane)

    @property
    def peer(self) -> str:
        """Who is sent to on it."""
        return self.channel.recipient


class Wanted(NamedTuple):
    """Which channels somebody would take up; with `again` those whose last try failed, or (False) did not."""

    lanes: Sequence[Lane]
    again: bool | None

    def ever(self) -> dict[str, object]:
        """Return the values by which they are found, whenever their time comes."""
        least, most = {None: (0, _MOST), False: (0, 0), True: (1, _MOST)}[self.again]
        return {"lanes": [lane.value for lane in self.lanes], "least": least, "most": most}

    def at(self, now: datetime) -> dict[str, object]:
        """Return the values by which those are found whose time has come."""
        longest = timedelta(seconds=max(cap_s(lane) for lane in self.lanes))
        return {**self.ever(), "now": now, "gathered": now + GATHER, "longest": now + longest}


_MOST = 2**31 - 1
_CHANNELS, _PEERS = table_of(OutChannel).c, table_of(PeerRow).c
_OPEN = and_(
    _CHANNELS.last_seq > _CHANNELS.receipted_seq,
    _CHANNELS.closed.is_(False),
    among(_CHANNELS.lane, "lanes"),
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
_WRITE = Query(update(table_of(OutChannel)).where(_CHANNELS.id == bindparam("channel")))
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
_LATER = case((_CHANNELS.leased_until > _CHANNELS.next_try_at, _CHANNELS.leased_until), else_=_CHANNELS.next_try_at)
_DUE = Query(select(func.min(_LATER)).select_from(_WITH_PEER).where(_OPEN))
_FREED: Final = {OutChannel.leased_until: None, OutChannel.lease_fence: OutChannel.lease_fence + 1}


def due(session: Session, wanted: Wanted) -> datetime | None:
    """Return when the next channel may be taken up, or might have been; None when nothing waits."""
    soonest: datetime | None = _DUE.scalar(session, wanted.ever())
    return soonest


def count_waiting(session: Session, wanted: Wanted, now: datetime) -> int:
    """Return how many channels wait to be taken up; of many, 2."""
    return len(_LOOK.all(session, wanted.at(now)))


def take(session: Session, wanted: Wanted, now: datetime) -> Lease | None:
    """Lease the channel that has waited longest; None when others have taken what waited."""
    found = _TAKE.first(session, wanted.at(now))
    if found is None:
        return None
    *channel, attempts, fence, url = found
    return hold(session, Lease(Channel(*channel), fence + 1, url, attempts), now)


def hold(session: Session, lease: Lease, now: datetime) -> Lease:
    """Let a lease begin, or begin anew."""
    _WRITE.run(session, {"channel": lease.channel.id, "leased_until": now + LEASE, "lease_fence": lease.fence})
    return lease


def still_ours(session: Session, lease: Lease) -> Lease | None:
    """Return the lease with the channel as it stands now, locked; None when somebody else got it meanwhile."""
    *channel, attempts, fence = _LOCK.one(session, {"channel": lease.channel.id})
    return Lease(Channel(*channel), fence, lease.url, attempts) if fence == lease.fence else None


def let_go(session: Session, lease: Lease, decision: Decision, batch: Batch, soon: datetime, now: datetime) -> None:
    """End a lease, and write down when the channel is to be taken up again: at `soon`, where nothing else is said."""
    channel, failed = lease.channel, lease.attempts + 1
    then: dict[str, object] = {}
    match decision:
        case Delivered(next_at):
            failed = lease.attempts
            then = {"next_try_at": next_at} if next_at else {}
        case RetryAt(at, why):
            then = {"next_try_at": at, "last_error": why[:500], "last_error_at": now}
        case ResendFrom(seq):
            then = {"next_try_at": soon, "receipted_seq": min(seq - 1, channel.last_seq)}
        case Split():
            half = max(1, min(channel.batch_limit, batch.entries) // 2)
            then = {"next_try_at": soon, "batch_limit": half, "split_at": now}
        case Reseal():
            then = {"next_try_at": soon}
        case SendManifest():
            # At once the first time; a peer that does not take the manifest is not asked without end.
            then = {"next_try_at": soon if lease.attempts else now}
    _WRITE.run(session, {"channel": channel.id, "leased_until": None, "attempts": failed, **then})
    if then or channel.last_seq > channel.receipted_seq:
        ring(session, Bell.sending(lease.lane, again=failed > 0))


def free(session: Session, lease: Lease) -> None:
    """End a lease, if it has not ended, with nothing to say of the channel: whoever looks next may have it."""
    ours = (OutChannel.id == lease.channel.id, OutChannel.lease_fence == lease.fence)
    session.execute(update(OutChannel).where(*ours).values(_FREED))
    ring(session, Bell.sending(lease.lane, again=lease.attempts > 0))


def free_all(session: Session) -> None:
    """End every lease there is; whoever holds one is fenced off."""
    session.execute(update(OutChannel).where(OutChannel.leased_until.is_not(None)).values(_FREED))


def enlarged(session: Session, lease: Lease, delivered: Batch, now: datetime) -> Lease:
    """Let batches of a channel be larger again, if one that was as large as they may be got through."""
    channel = lease.channel
    if delivered.entries < channel.batch_limit:
        return lease  # also where nothing was ever too large: no batch is as large as that
    larger = min(2 * channel.batch_limit, MAX_ENTRIES)
    named = {"channel": channel.id, "long_ago": now - LARGER_AFTER, "now": now}
    is_larger = _ENLARGE.run(session, {**named, "batch_limit": larger})
    return lease._replace(channel=channel._replace(batch_limit=larger)) if is_larger else lease


def gathers(channel: Channel) -> bool:
    """Tell whether what waits on a channel had better wait a moment for more."""
    waiting = channel.last_seq - channel.receipted_seq
    return channel.lane == Lane.BULK and 0 < waiting < min(WORTH_SENDING, channel.batch_limit)
