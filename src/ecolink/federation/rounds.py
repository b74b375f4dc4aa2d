"""A round of visits to all peers, several at a time: one that is silent holds up few others.

A visitor may wait half a minute for an answer, and a hub has thousands of peers, of which some are always down.
"""

import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self, TypeVar

from sqlalchemy.orm import Session

from ecolink.errors import UnavailableError
from ecolink.federation.peers import Peer, Peers, PeerState
from ecolink.kit.events import structlog

VISITORS: Final = 8
"""At most; each may hold a connection of the database for a moment, and shares the processor with all other work."""

LONGEST: Final = timedelta(minutes=10)
"""After so long a peer is asked no more in a round, which is over when its last visit is; the next one goes on."""

Came = TypeVar("Came")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """One peer, asked call after call. It may take long: each call is made, and each answer taken, at its own time."""

    unit_code: str
    url: str
    clock: Callable[[], datetime]
    until: datetime

    @classmethod
    def begin(cls, peer: Peer, clock: Callable[[], datetime]) -> Self:
        """Begin to visit a peer."""
        return cls(peer.unit_code, peer.federation_url, clock, clock() + LONGEST)

    def is_over(self) -> bool:
        """Tell whether this peer has had its time."""
        return self.clock() >= self.until


def active_peers(peers: Peers, session: Session) -> list[Peer]:
    """Return whom a round leads to."""
    return [peer for peer in peers.names(session).values() if peer.state is PeerState.ACTIVE]


def go_round(peers: Sequence[Peer], visit: Callable[[Peer], Came]) -> dict[str, Came | Exception]:
    """Visit every one of `peers`, and return by unit code what came of it, in their order.

    A visit that fails ends for its peer alone: who knows what that one answered. The fault is in the log, and in the
    place of what would have come.

    Raises:
        UnavailableError: the database cannot be reached, for nobody; what was under way is finished, no more is begun.

    """
    waiting = list(reversed(peers))
    came: dict[str, Came | Exception] = {}
    faults: list[BaseException] = []

    def walk() -> None:
        while waiting and not faults:
            try:
                peer = waiting.pop()
            except IndexError:  # another visitor was quicker
                return
            try:
                came[peer.unit_code] = visit(peer)
            except UnavailableError as away:
                faults.append(away)
            except Exception as fault:  # noqa: BLE001 - it is told of this peer, and the others go on
                came[peer.unit_code] = fault
                _log.exception("round.fault", peer=peer.unit_code)
            except BaseException as end:  # noqa: BLE001 - it is raised again where the round was begun
                faults.append(end)

    # Their threads end with the process, whatever they wait for: a node that stops waits for no peer.
    # What they tell of is told in the context of who began it.
    visitors = [
        threading.Thread(target=copy_context().run, args=(walk,), name="ecolink-visit", daemon=True)
        for _ in range(min(VISITORS, len(peers)) - 1)
    ]
    for visitor in visitors:
        visitor.start()
    walk()
    for visitor in visitors:
        visitor.join()
    if faults:
        raise faults[0]
    return {peer.unit_code: came[peer.unit_code] for peer in peers}
