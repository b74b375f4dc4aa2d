"""Sending what is queued: lease a channel, send its next batch with no transaction open, record what came of it.

Whose turn it is, and until when a channel is this worker's, is said by `leasing`. Whoever holds a channel stays with it
while batches are receipted: recording one receipt and sealing the next batch are one transaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Final

from sqlalchemy.orm import Session

from ecolink.egress import Unreachable
from ecolink.errors import UnavailableError
from ecolink.federation import leasing, operations
from ecolink.federation.backoff import (
    Decision,
    Delivered,
    Reseal,
    ResendFrom,
    RetryAt,
    SendManifest,
    Split,
    pause,
    pause_asked,
)
from ecolink.federation.batches import Batch, batch_from, push_body, unseal
from ecolink.federation.callers import SEND_MANIFEST
from ecolink.federation.client import DEADLINE_S, PeerClient, asked_to_wait, problem, reason_of
from ecolink.federation.keystore import Keystore
from ecolink.federation.leasing import GATHER, Lease, Wanted
from ecolink.federation.operations import Answer
from ecolink.federation.receipts import Receipts
from ecolink.federation.signer import Signer
from ecolink.kit.events import structlog
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane
from ecolink.storage.engine import Database

FIRST_DEADLINE_S: Final = 3.0
"""The most the first try of an emergency may take, in all: peers that went silent since they were last heard hold a
thread for so long that those who answer wait for. Then it is tried again, with more patience, by threads for which
nobody waits; if it had got through after all, the peer answers with the receipt it gave it then."""

AT_A_STRETCH: Final = 16
"""Batches sent on one channel before another one gets its turn."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Leased:
    """A channel that is this worker's until the lease ends, and the batch to send on it."""

    lease: Lease
    batch: Batch
    body: bytes = field(compare=False, repr=False)
    """What to push: the batch and its statements."""
    others_wait: bool = False
    """Whether another channel waits for somebody to take it up."""


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
        with self.database.begin() as session:
            leasing.free_all(session)

    def step(self, lanes: Sequence[Lane], clock: Callable[[], datetime]) -> bool:
        """Send one batch on the channel that has waited longest among `lanes`; tell whether there was one."""
        leased = self.take(lanes, clock())
        if leased is not None:
            self.carry(leased, clock, most=1)
        return leased is not None

    def due(self, lanes: Sequence[Lane], *, again: bool | None = None) -> datetime | None:
        """Return when the next channel of `lanes` may be taken up, or might have been; None when nothing waits."""
        with self.database.read() as session:
            return leasing.due(session, Wanted(lanes, again))

    def take(self, lanes: Sequence[Lane], now: datetime, *, again: bool | None = None) -> Leased | None:
        """Lease the channel that has waited longest among `lanes`, and seal its next batch; None when nothing waits.

        With `again` it is one whose last try failed, or (False) one whose last try did not.
        """
        self._free(self._unrecorded)
        wanted = Wanted(lanes, again)
        # Look before taking the write lock: most of the time there is nothing to send.
        with self.database.read() as session:
            waiting = leasing.count_waiting(session, wanted, now)
        if not waiting:
            return None
        with self.database.begin(urgent=Lane.EMERGENCY in lanes) as session:
            lease = leasing.take(session, wanted, now)
            return None if lease is None else self._sealed(session, lease, now, others_wait=waiting > 1)

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
                leasing.free(session, leased.lease)
        leases.difference_update(out)

    def _sealed(self, session: Session, lease: Lease, now: datetime, *, others_wait: bool = False) -> Leased:
        """Return a lease with what is to be sent next on its channel."""
        batch = batch_from(session, self.us, self.signer, lease.channel, lease.channel.receipted_seq + 1, now)
        return Leased(lease, batch, push_body(session, batch), others_wait)

    def _push(self, leased: Leased, now: datetime) -> Answer | Unreachable:
        lease = leased.lease
        is_first = lease.lane is Lane.EMERGENCY and not lease.attempts
        try:
            answer = self.client.call(
                lease.peer,
                lease.url,
                operations.PUSH,
                body=leased.body,
                now=now,
                deadline_s=FIRST_DEADLINE_S if is_first else DEADLINE_S,
            )
        except Unreachable as silence:
            return silence
        if answer.status == 401 and problem(answer).get("reason") == SEND_MANIFEST:  # noqa: PLR2004
            self._send_manifest(lease, now)  # before anybody tries again
        return answer

    def _record(
        self, leased: Leased, answer: Answer | Unreachable, now: datetime, *, go_on: bool = False
    ) -> Leased | None:
        """Record what came of a try; return the next batch to send if the channel is kept for it."""
        with self.database.begin(urgent=leased.lease.lane is Lane.EMERGENCY) as session:
            # A receipt counts whoever brings it; what to do next is for the holder of the lease alone to say.
            decision = self._decide(session, leased, answer, now)
            lease = leasing.still_ours(session, leased.lease)
            if lease is None:
                return None
            if isinstance(decision, Delivered):
                lease = leasing.enlarged(session, lease, leased.batch, now)
            channel = lease.channel
            goes_on = isinstance(decision, Delivered) and go_on and channel.last_seq > channel.receipted_seq
            if goes_on and not leasing.gathers(channel):
                return self._sealed(session, leasing.hold(session, lease, now), now)
            if goes_on:
                decision = Delivered(next_at=now + GATHER)
            self._let_go(session, lease, leased.batch, decision, now)
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
        keys = self.keystore.keys_of(session, leased.lease.peer)
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
        lease = leased.lease
        own = pause(lease.lane, lease.attempts + 1, self.random)
        return RetryAt(now + max(own, pause_asked(lease.lane, asked)), why)

    def _let_go(self, session: Session, lease: Lease, batch: Batch, decision: Decision, now: datetime) -> None:
        if isinstance(decision, RetryAt):
            _log.info(
                "delivery.retry", peer=lease.peer, lane=lease.lane, at=decision.at.isoformat(), why=decision.reason
            )
        if isinstance(decision, Split | Reseal):
            unseal(session, batch)
        soon = now + pause(lease.lane, lease.attempts + 1, self.random)
        leasing.let_go(session, lease, decision, batch, soon, now)

    def _send_manifest(self, lease: Lease, now: datetime) -> None:
        with self.database.read() as session:
            documents = self.keystore.documents(session, self.us)
        try:
            self.client.tell_keys(lease.peer, lease.url, documents, now=now)
        except Unreachable as silence:
            _log.info("delivery.manifest", peer=lease.peer, why=str(silence))
