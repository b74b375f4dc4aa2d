"""Catching up: a peer that was down, or that nobody can reach inward, fetches its batches itself.

The cursor is a sequence number, exclusive, never a time. The batches are the very ones a push would carry,
so `inbox` checks and receipts them in the same way; the receipts go back in a call of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.egress import Unreachable
from ecolink.federation import operations
from ecolink.federation.batches import CHANNEL, Channel, batch_from, push_body
from ecolink.federation.callers import Caller, Callers
from ecolink.federation.client import PeerClient, reason_of
from ecolink.federation.inbox import Inbox
from ecolink.federation.intake import Receipted
from ecolink.federation.models import InChannel, OutChannel
from ecolink.federation.peers import PeerState
from ecolink.federation.rounds import Visit
from ecolink.federation.signer import Signer
from ecolink.federation.transport import MAX_ANSWER
from ecolink.kit.canonical import dumps
from ecolink.kit.events import structlog
from ecolink.protocol import strict_json
from ecolink.protocol.limits import MAX_EPOCH, MAX_INTEGER
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane
from ecolink.storage.engine import Database

MOST_BATCHES: Final = 8
"""Batches in one answer, however many are asked for."""

_LANES = {lane.value: lane for lane in Lane}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, repr=False)
class PullDesk:
    """Hands a peer the batches it asks for."""

    us: str
    database: Database
    callers: Callers
    signer: Signer

    def batches(self, caller: Caller, params: Mapping[str, str], now: datetime) -> list[bytes]:
        """Return push bodies of a channel from the batch that holds the entry after `after`.

        Raises:
            Refused: `invalid-claim`: the lane, epoch, cursor or limit is none.

        """
        lane = lane_in(params)
        if caller.state is PeerState.SUSPENDED and lane is not Lane.CONTROL:
            caller.refuse_unless_active()
        epoch, after = number_in(params, "epoch", 1, most=MAX_EPOCH), number_in(params, "after", 0)
        most = min(number_in(params, "limit", MOST_BATCHES), MOST_BATCHES)
        with self.database.begin() as session:
            self.callers.spend(session, caller, now)
            return self._read(session, caller.unit_code, lane, epoch, after, most, now)

    def _read(
        self, session: Session, peer: str, lane: Lane, epoch: int, after: int, most: int, now: datetime
    ) -> list[bytes]:
        found = session.execute(
            select(*CHANNEL)
            .where(
                OutChannel.recipient == peer,
                OutChannel.lane == lane.value,
                OutChannel.epoch == epoch,
                OutChannel.closed.is_(False),
            )
            .with_for_update()
        ).first()
        if found is None:
            return []
        channel = Channel(*found)
        bodies: list[bytes] = []
        while len(bodies) < most and after < channel.last_seq:
            batch = batch_from(session, self.us, self.signer, channel, after + 1, now)
            bodies.append(push_body(session, batch))
            after = batch.last_seq
        return bodies


def lane_in(params: Mapping[str, str]) -> Lane:
    """Return the lane a call names.

    Raises:
        Refused: `invalid-claim`: there is no such lane.

    """
    lane = _LANES.get(params.get("lane", ""))
    if lane is None:
        raise Refused(Reason.INVALID_CLAIM, f"lane is one of {', '.join(_LANES)}")
    return lane


def number_in(params: Mapping[str, str], name: str, default: int, *, most: int = MAX_INTEGER) -> int:
    """Return a number a call names, `most` at most.

    Raises:
        Refused: `invalid-claim`: it is none.

    """
    text = params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 15 and int(text) <= most):  # noqa: PLR2004 - below 2^53
        raise Refused(Reason.INVALID_CLAIM, f"{name} is a whole number")
    return int(text)


@dataclass(frozen=True, repr=False)
class Puller:
    """Fetches what a peer has for us, and sends the receipts back."""

    database: Database
    callers: Callers
    client: PeerClient
    inbox: Inbox

    def pull(self, visit: Visit, lane: Lane, epoch: int) -> int:
        """Fetch until the peer has no more in `lane` and `epoch`; return how many batches were receipted.

        Stops quietly where the peer stops answering, sends what is held already, or has had its time: the next
        comparison of heads goes on from there.
        """
        peer, receipted, before = visit.unit_code, 0, -1
        while not visit.is_over():
            with self.database.read() as session:
                caller = self.callers.carried(session, peer)
                held = select(InChannel.head_seq).filter_by(sender=peer, lane=lane.value, epoch=epoch)
                after = session.scalar(held) or 0
            if after == before:
                _log.info("pull.batches", peer=peer, why="what it sends is held already")
                return receipted
            before = after
            bodies = self._fetch(visit, {"lane": lane.value, "epoch": str(epoch), "after": str(after)})
            came_at = visit.clock()
            receipts = []
            for body in bodies:
                kept = self.inbox.receive(caller, body, came_at)
                if not isinstance(kept, Receipted):
                    break
                receipts.append(kept.receipt.decode())
            if not receipts:
                return receipted
            receipted += len(receipts)
            try:
                said = dumps({"receipts": receipts})
                self.client.call(peer, visit.url, operations.RECEIPTS, body=said, now=visit.clock())
            except Unreachable as silence:
                _log.info("pull.receipts", peer=peer, why=str(silence))
                return receipted
        _log.info("pull.batches", peer=peer, why="it has had its time")
        return receipted

    def _fetch(self, visit: Visit, params: dict[str, str]) -> list[bytes]:
        peer = visit.unit_code
        try:
            answer = self.client.call(peer, visit.url, operations.PULL, params=params, now=visit.clock())
        except Unreachable as silence:
            _log.info("pull.batches", peer=peer, why=str(silence))
            return []
        if answer.status != 200:  # noqa: PLR2004 - the one status that carries batches
            _log.info("pull.batches", peer=peer, why=reason_of(answer))
            return []
        said = strict_json.loads(answer.body, max_bytes=MAX_ANSWER)
        bodies = said.get("batches") if isinstance(said, dict) else None
        if not isinstance(bodies, list) or not all(isinstance(body, str) for body in bodies):
            raise Refused(Reason.INVALID_CLAIM, "batches is an array of push bodies")
        return [body.encode() for body in bodies]
