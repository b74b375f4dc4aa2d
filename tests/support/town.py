"""A town: two or more real nodes in one process, over a network that loses, delays, doubles and reorders calls.

Every node has its own database, keys and rooms, wired as in production; only HTTP is replaced, by calls handed
straight to the other node's gate, and the clock, which is moved by hand. A node may die at any statement to its
database, and is started again on what it had committed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from sqlalchemy import event

from ecolink.alerts.postman import Postman
from ecolink.egress import Unreachable
from ecolink.entrypoints.wiring import Node, build_node
from ecolink.federation.operations import Answer, Call
from ecolink.federation.signer import create_keys
from ecolink.kit.clock import HandClock
from ecolink.protocol.statement import Lane
from ecolink.settings import Settings
from tests.support.hashing import hash_cheaply

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday, 23 November 2026, nine in the morning in Shouning and Qingyuan."""

SHOUNING = "350924000000"
QINGYUAN = "331126000000"
JINGNING = "331127000000"

BUREAUS = {
    SHOUNING: ("寿宁县公安局", "Shouning County Public Security Bureau", "0593-0000001"),
    QINGYUAN: ("庆元县公安局", "Qingyuan County Public Security Bureau", "0578-0000002"),
    JINGNING: ("景宁畲族自治县公安局", "Jingning She Autonomous County Public Security Bureau", "0578-0000003"),
}

ALL_LANES = tuple(Lane)


class TownClock(HandClock):
    """The town's clock, which a node may read wrongly by its own `skew`."""

    def __init__(self, shared: HandClock, skew: timedelta = timedelta(0)) -> None:
        super().__init__(shared.moment)
        self.shared = shared
        self.skew = skew

    def now(self) -> datetime:
        return self.shared.now() + self.skew


class Killed(BaseException):
    """A node's process ended here, in the middle of what it did: no handler of the node's may catch it."""


@dataclass
class Network:
    """Carries calls between nodes, as badly as it is told to."""

    gates: dict[str, Callable[[Call], Answer]] = field(default_factory=dict)
    cut: set[frozenset[str]] = field(default_factory=set)
    """Pairs of bureaus that cannot reach each other."""
    down: set[str] = field(default_factory=set)
    lose_requests: float = 0.0
    lose_answers: float = 0.0
    """The call arrives, its answer does not: the sender must try again."""
    double: float = 0.0
    random: Random = field(default_factory=lambda: Random(7))  # noqa: S311 - the weather of a test
    calls: list[tuple[str, str, Call]] = field(default_factory=list)
    tamper: Callable[[Call], Call] | None = None
    keep_back: Callable[[Call], bool] | None = None
    """Calls for which it says yes are held back; `release` delivers them later, out of order."""
    held: list[tuple[str, Call]] = field(default_factory=list)

    def carry(self, sender: str, recipient: str, call: Call) -> Answer:
        self.calls.append((sender, recipient, call))
        if {sender, recipient} & self.down or frozenset({sender, recipient}) in self.cut:
            raise Unreachable("the line is dead")
        if self.random.random() < self.lose_requests:
            raise Unreachable("the request was lost")
        if self.tamper is not None:
            call = self.tamper(call)
        if self.keep_back is not None and self.keep_back(call):
            self.held.append((recipient, call))
            raise Unreachable("the request is still on its way")
        answer = self._answer(recipient, call)
        if self.random.random() < self.double:
            self._answer(recipient, call)
        if self.random.random() < self.lose_answers:
            raise Unreachable("the answer was lost")
        return answer

    def release(self) -> list[Answer]:
        """Deliver what was held back, last first."""
        late = [self.gates[recipient](call) for recipient, call in reversed(self.held)]
        self.held.clear()
        return late

    def _answer(self, recipient: str, call: Call) -> Answer:
        try:
            return self.gates[recipient](call)
        except Killed:
            raise Unreachable("the peer died over it") from None


@dataclass(frozen=True)
class _Line:
    """One node's transport onto the network."""

    sender: str
    network: Network
    addresses: dict[str, str]

    def send(self, base_url: str, call: Call, *, deadline_s: float) -> Answer:
        return self.network.carry(self.sender, self.addresses[base_url], call)


@dataclass
class Town:
    """Nodes that know and trust each other, unless told otherwise."""

    folder: Path
    new_database_url: Callable[[], str]
    clock: HandClock = field(default_factory=lambda: HandClock(START))
    network: Network = field(default_factory=Network)
    nodes: dict[str, Node] = field(default_factory=dict)
    postman: Postman | None = None
    """Who carries what the nodes' own people are told; left out, it goes to the network, where nobody is."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of every node that a test wants otherwise."""

    def add(self, unit_code: str, *, skew: timedelta = timedelta(0)) -> Node:
        """Build a node and open it; it knows nobody yet."""
        node = self.build(unit_code, self.new_database_url(), skew=skew)
        with node.database.begin() as session:
            node.keystore.begin(session, self.clock.now())
        node.tick(self.clock.now())
        return node

    def build(self, unit_code: str, database_url: str, *, skew: timedelta = timedelta(0)) -> Node:
        """Put a node together on a database and on keys that may have been used before."""
        name_zh, name_en, phone = BUREAUS[unit_code]
        home = self.folder / unit_code
        if not (home / "keys").exists():
            create_keys(home / "keys", None)
        settings = Settings(
            unit_code=unit_code,
            name_zh=name_zh,
            name_en=name_en,
            duty_phone=phone,
            data_dir=home,
            database_url=database_url,
            federation_url=f"http://127.0.0.1:{10_000 + len(BUREAUS) + list(BUREAUS).index(unit_code)}",
            # A test makes all its calls at one moment.
            **{"requests_burst": 1_000_000, "peer_calls_burst": 1_000_000, **self.settings},
        )
        line = _Line(unit_code, self.network, self._addresses())
        clock = TownClock(self.clock, skew)
        node = build_node(settings, clock, transport=line, postman=self.postman)
        hash_cheaply(node.identity.passwords)
        self.network.gates[unit_code] = lambda call: node.gate.answer(call, node.clock.now())
        self.nodes[unit_code] = node
        return node

    def doom(self, unit_code: str, statements: int) -> None:
        """Let a node die after this many further statements to its database, within a transaction or between two."""
        left = statements

        @event.listens_for(self.nodes[unit_code].database.engine, "before_cursor_execute")
        def count(*_: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                self._kill(unit_code)

    def _kill(self, unit_code: str) -> NoReturn:
        self.network.down.add(unit_code)
        raise Killed

    def revive(self, unit_code: str) -> Node:
        """Start a dead node again, or kill a living one and start it, on its database: it does what a worker does first."""
        dead = self.nodes[unit_code]
        dead.close()
        node = self.build(unit_code, dead.settings.database_url)
        node.open()
        node.delivery.take_over()
        self.network.down.discard(unit_code)
        return node

    def introduce(self, one: str, other: str) -> None:
        """Exchange cards, compare fingerprints, activate: both ways."""
        now = self.clock.now()
        for host, guest in ((one, other), (other, one)):
            node, card = self.nodes[host], self.nodes[guest].card(now)
            with node.database.begin() as session:
                peer = node.peers.import_card(session, card, by="administrator", now=now)
                node.peers.activate(session, guest, read_out=peer.fingerprint, by="administrator", now=now)

    def settle(self, *, rounds: int = 50) -> None:
        """Let every node send and apply until nothing more happens, without moving the clock."""
        for _ in range(rounds):
            if not sum(self.step(node) for node in self.nodes.values()):
                return
        raise AssertionError("the town does not come to rest")

    def step(self, node: Node) -> bool:
        """Let one node send one batch and apply one statement."""
        sent = node.delivery.step(ALL_LANES, node.clock.now)
        return node.applier.step(ALL_LANES, node.clock.now()) or sent

    def wait(self, step: timedelta) -> None:
        """Move the clock on, let every node do what the clock brings, and come to rest."""
        self.clock.advance(step)
        for node in self.nodes.values():
            node.tick(node.clock.now())
        self.settle()
        for node in self.nodes.values():
            node.escalate(node.clock.now())

    def close(self) -> None:
        for node in self.nodes.values():
            node.close()

    def _addresses(self) -> dict[str, str]:
        return {f"http://127.0.0.1:{10_000 + len(BUREAUS) + number}": code for number, code in enumerate(BUREAUS)}
