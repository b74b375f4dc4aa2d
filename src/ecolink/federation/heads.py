"""Comparing channel heads with a peer, at every start and every ten minutes: how a restored node is brought back.

Four things can be out of step, and each has one mend:
- the peer holds less of our channel than it receipted: it was restored, we send again from its head;
- the peer holds more than we ever sent: *we* were restored, a new epoch starts from the peer's head, and what
  we forgot is asked back (`reclaiming`) and told to whom it was to be told too (`handing_on`);
- we hold less than the peer sent: we pull;
- we hold more than the peer says it sent: it was restored, and will open a new epoch itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog
from ecolink.egress import Unreachable
from ecolink.errors import SettingError
from ecolink.federation import operations
from ecolink.federation.alarms import raise_alarm
from ecolink.federation.callers import SEND_MANIFEST
from ecolink.federation.client import PeerClient, problem, reason_of
from ecolink.federation.handing_on import hand_on
from ecolink.federation.keystore import BureauKeys, Keystore
from ecolink.federation.models import InChannel, OutChannel, OutEntry
from ecolink.federation.operations import Answer
from ecolink.federation.outbox import Entry, begin_channel, queue
from ecolink.federation.peers import Peers
from ecolink.federation.pulling import Puller
from ecolink.federation.receipts import KeepCheckpoint
from ecolink.federation.reclaiming import Reclaiming
from ecolink.federation.rounds import Visit, active_peers, go_round
from ecolink.federation.signer import Signer
from ecolink.kit.events import structlog
from ecolink.protocol.heads import ChannelHead, Heads, open_heads, seal_heads
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane
from ecolink.storage.bells import Bell, ring
from ecolink.storage.engine import Database

FAULT: Final = "failed here: the log says why (round.fault)"
"""What is said of a peer with which comparing ended in a fault."""

_OK = 200
_KEY_IS_OVER = (Reason.KEY_EXPIRED, Reason.KEY_REVOKED)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, repr=False)
class HeadsDesk:
    """Tells a peer, signed, how far we stand with it."""

    us: str
    signer: Signer
    log: EvidenceLog

    def seal(self, session: Session, peer: str, now: datetime) -> bytes:
        """Return the signed heads of every open channel with `peer`; hand it out only after the commit."""
        received = session.scalars(select(InChannel).where(InChannel.sender == peer)).all()
        sent = session.scalars(select(OutChannel).where(OutChannel.recipient == peer)).all()
        return seal_heads(
            iss=self.us,
            aud=peer,
            now=now,
            received=_newest([_received(channel) for channel in received]),
            sent=_newest([_sent(channel) for channel in sent]),
            checkpoint=self.log.checkpoint(session),
            key=self.signer.key,
        )


class Compared(NamedTuple):
    """What came of comparing with one peer, in words, and whether what it lacks of ours is known by now."""

    word: str
    is_settled: bool = False


@dataclass(frozen=True, repr=False)
class Reconciliation:
    """Compares heads with peers and mends what is out of step."""

    us: str
    database: Database
    keystore: Keystore
    client: PeerClient
    peers: Peers
    puller: Puller
    log: EvidenceLog
    reclaiming: Reclaiming
    keep_checkpoint: KeepCheckpoint

    def run(self, clock: Callable[[], datetime], *, passing_over: Mapping[str, str]) -> dict[str, str]:
        """Compare with every active peer; return by peer `agreed`, `mended`, or why nothing came of it.

        Peers that are `passing_over`, each with why, are not asked: it is known that they are silent.
        """
        with self.database.read() as session:
            active = [peer for peer in active_peers(self.peers, session) if peer.unit_code not in passing_over]
        compared = go_round(active, lambda peer: self._with_peer(Visit.begin(peer, clock)))
        # What came back from one bureau may be news to another that was to be told too.
        for peer, outcome in compared.items():
            if isinstance(outcome, Compared) and outcome.is_settled:
                hand_on(self.database, peer, clock())
        words = {peer: each.word if isinstance(each, Compared) else FAULT for peer, each in compared.items()}
        return {**passing_over, **words}

    def _with_peer(self, visit: Visit) -> Compared:
        try:
            answer = self._ask(visit)
        except Unreachable as silence:
            return Compared(str(silence))
        return self._go_on(visit, answer)

    def _ask(self, visit: Visit) -> Answer:
        return self.client.call(visit.unit_code, visit.url, operations.HEADS, now=visit.clock())

    def _go_on(self, visit: Visit, first: Answer) -> Compared:
        unit_code, answer = visit.unit_code, self._understood(visit, first)
        if isinstance(answer, str):
            return Compared(answer)
        now = visit.clock()
        try:
            with self.database.begin() as session:
                keys = self.keystore.keys_of(session, unit_code)
                if keys is None:
                    return Compared("not known here")
                heads = open_heads(answer, find_key=keys.find, us=self.us, sender=unit_code, received_at=now)
                mended, behind = self._mend(session, keys, heads, now)
            # Our own words first: theirs answer them.
            missing = self.reclaiming.reclaim(visit)
            for head in behind:
                self.puller.pull(visit, head.lane, head.epoch)
        except Refused as refused:
            return Compared(f"its heads do not verify: {refused}")
        word = "mended" if mended or behind else "agreed"
        if missing is None:
            return Compared(word, is_settled=True)
        return Compared(f"{word}, but what we had sent is not all back: {missing.why}", is_settled=missing.beyond_it)

    def _understood(self, visit: Visit, answer: Answer) -> bytes | str:
        """Return a peer's heads, not yet verified, or why there are none; ask again where it did not know our key."""
        try:
            reason = problem(answer).get("reason")
            if reason == SEND_MANIFEST:
                self._tell_keys(visit)
                answer = self._ask(visit)
            elif reason in _KEY_IS_OVER:
                self.reclaiming.learn_keys(visit)  # or another peer taught us already
                answer = self._ask(visit)
        except Unreachable as silence:
            return str(silence)
        except SettingError as absent:
            return absent.detail_en
        except Refused as refused:
            return f"the keys it shows as ours are not: {refused}"
        return answer.body if answer.status == _OK else reason_of(answer)

    def _tell_keys(self, visit: Visit) -> None:
        """Let a peer know our present key: while we have nothing to send to it, it cannot verify our receipts."""
        with self.database.read() as session:
            chain = self.keystore.documents(session, self.us)
        self.client.tell_keys(visit.unit_code, visit.url, chain, now=visit.clock())

    def _mend(
        self, session: Session, keys: BureauKeys, heads: Heads, now: datetime
    ) -> tuple[bool, Sequence[ChannelHead]]:
        self.keep_checkpoint(session, keys, heads.checkpoint, now)
        mended = False
        held = {head.lane: head for head in heads.received}
        for lane in Lane:
            mended |= self._mend_sent(session, heads.iss, lane, held.get(lane), now)
        return mended, [head for head in heads.sent if self._is_behind(session, heads.iss, head)]

    def _mend_sent(self, session: Session, peer: str, lane: Lane, held: ChannelHead | None, now: datetime) -> bool:
        channel = session.scalar(
            select(OutChannel)
            .where(OutChannel.recipient == peer, OutChannel.lane == lane.value, OutChannel.closed.is_(False))
            .order_by(OutChannel.epoch.desc())
            .limit(1)
            .with_for_update()
        )
        if channel is None:
            if held is None or held.seq == 0:
                return False
            # We know nothing of a channel the peer holds: our whole past with it is gone.
            begin_channel(session, peer, lane, epoch=held.epoch + 1, start_chain=held.chain.hex(), now=now)
            self._declare(session, peer, lane, held, now)
            return True
        if held is None or held.epoch < channel.epoch:
            return self._rewind(session, channel, 0, now)
        if held.epoch == channel.epoch and self._chain_at(session, channel, held.seq) == held.chain.hex():
            return held.seq < channel.receipted_seq and self._rewind(session, channel, held.seq, now)
        self._new_epoch(session, channel, held, now)
        return True

    def _rewind(self, session: Session, channel: OutChannel, seq: int, now: datetime) -> bool:
        if channel.receipted_seq <= seq:
            return False
        channel.receipted_seq, channel.next_try_at, channel.waiting_since = seq, now, now
        ring(session, Bell.sending(Lane(channel.lane), again=channel.attempts > 0))
        return True

    def _new_epoch(self, session: Session, channel: OutChannel, held: ChannelHead, now: datetime) -> None:
        """Close a channel whose past the peer knows better, and queue again what it never receipted."""
        epoch = max(channel.epoch, held.epoch) + 1
        peer, lane = channel.recipient, Lane(channel.lane)
        waiting = session.execute(
            select(OutEntry.statement_n, OutEntry.digest, OutEntry.size, OutEntry.deliver_by)
            .where(OutEntry.channel_id == channel.id, OutEntry.verdict.is_(None))
            .order_by(OutEntry.seq)
        ).all()
        channel.closed = True
        session.flush()
        begin_channel(session, peer, lane, epoch=epoch, start_chain=held.chain.hex(), now=now)
        for n, digest, size, deliver_by in waiting:
            queue(session, Entry(n, digest, lane, size, deliver_by), peer, now)
        self._declare(session, peer, lane, held, now)

    def _declare(self, session: Session, peer: str, lane: Lane, held: ChannelHead, now: datetime) -> None:
        subject = f"{peer}/{lane}/{held.epoch}/{held.seq}"
        raise_alarm(
            session, "restored", subject, now, peer=peer, lane=lane.value, held_epoch=held.epoch, held_seq=held.seq
        )
        self.log.append(session, "epoch-opened", held.chain.hex(), peer)
        _log.warning("federation.epoch_opened", peer=peer, lane=lane, after_epoch=held.epoch, after_seq=held.seq)

    def _chain_at(self, session: Session, channel: OutChannel, seq: int) -> str | None:
        if seq == 0:
            return channel.start_chain
        return session.scalar(select(OutEntry.chain).where(OutEntry.channel_id == channel.id, OutEntry.seq == seq))

    def _is_behind(self, session: Session, peer: str, head: ChannelHead) -> bool:
        ours = session.scalar(
            select(InChannel.head_seq).where(
                InChannel.sender == peer, InChannel.lane == head.lane.value, InChannel.epoch == head.epoch
            )
        )
        return head.seq > (ours or 0)


def _received(channel: InChannel) -> ChannelHead:
    return ChannelHead(Lane(channel.lane), channel.epoch, channel.head_seq, bytes.fromhex(channel.head_chain))


def _sent(channel: OutChannel) -> ChannelHead:
    return ChannelHead(Lane(channel.lane), channel.epoch, channel.last_seq, bytes.fromhex(channel.last_chain))


def _newest(heads: Sequence[ChannelHead]) -> list[ChannelHead]:
    """Return the newest epoch of each lane."""
    by_lane: dict[Lane, ChannelHead] = {}
    for head in heads:
        if head.lane not in by_lane or by_lane[head.lane].epoch < head.epoch:
            by_lane[head.lane] = head
    return list(by_lane.values())
