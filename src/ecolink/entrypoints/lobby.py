"""Who is connected to one door of this process, and who goes first when it is full.

Nobody is refused by a number of their own: all peers of a hub may well come from one address. But when there is no
room for one more, the address that keeps us waiting on most connections gives up the one we have waited for longest.
So whoever hoards connections displaces themselves, and a request that is here whole is never cut off.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

from ecolink.identity.throttle import network_of
from ecolink.kit.events import structlog
from ecolink.kit.meters import CONNECTIONS_CUT

MOST_CONNECTIONS = 4096
"""Connections one door holds at once in one process, unless the setting `most_connections` says otherwise."""

TELL_EVERY_S = 60.0
"""How often at most the log tells how many connections were cut."""

_log = structlog.get_logger(__name__)


class Guest(Hashable, Protocol):
    """One connection, as the lobby sees it."""

    def cut(self, reason: str) -> None:
        """End the connection at once."""


@dataclass
class Lobby:
    """The connections of one door."""

    most: int = MOST_CONNECTIONS
    _guests: dict[Guest, str] = field(default_factory=dict)
    """Everybody, and the address (or IPv6 network) they come from."""
    _awaited: dict[str, dict[Guest, None]] = field(default_factory=dict)
    """By address, those who owe us the rest of a request or let our answer lie; the longest awaited first."""
    _cut: Counter[str] = field(default_factory=Counter)
    _told_at: float | None = None

    def __len__(self) -> int:
        """Return how many are connected."""
        return len(self._guests)

    def admit(self, guest: Guest, source: str) -> None:
        """Let somebody in; when there is no room, cut whoever should go first, or else the newcomer."""
        self._guests[guest] = network_of(source)
        self.wait_for(guest)
        if len(self._guests) > self.most:
            most_awaited = max(self._awaited.values(), key=len)
            first = next(iter(most_awaited))
            self.leave(first)
            first.cut("crowded")

    def wait_for(self, guest: Guest) -> None:
        """Note that from now on `guest` is awaited, and may have to make room."""
        source = self._guests.get(guest)
        if source is not None:
            self.serve(guest)
            self._awaited.setdefault(source, {})[guest] = None

    def serve(self, guest: Guest) -> None:
        """Note that `guest` waits for us: whoever is served is not cut."""
        source = self._guests.get(guest)
        beside = self._awaited.get(source) if source is not None else None
        if source is not None and beside is not None:
            beside.pop(guest, None)
            if not beside:
                del self._awaited[source]

    def leave(self, guest: Guest) -> None:
        """Forget somebody who is gone, or is being cut."""
        self.serve(guest)
        self._guests.pop(guest, None)

    def count_cut(self, reason: str, at: float) -> None:
        """Count a connection that was cut at `at` (seconds, any origin); once a minute the log tells of them."""
        CONNECTIONS_CUT.labels(reason).inc()
        self._cut[reason] += 1
        if self._told_at is None or at - self._told_at >= TELL_EVERY_S:
            _log.warning("connections.cut", counts=dict(self._cut))
            self._cut.clear()
            self._told_at = at
