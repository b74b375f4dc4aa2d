"""The node's loops: apply what came, send what waits, watch the clock. Any number of processes may run them.

Each loop does one small step at a time and sleeps when there was none, until an event of its own process wakes it
or its pause is over (another process may have queued something). The emergency lane has loops of its own, so that
nothing else ever stands in its way.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

import structlog

from ecolink.entrypoints.wiring import TIDY_EVERY, Node
from ecolink.errors import UnavailableError
from ecolink.protocol.statement import Lane

EMERGENCY = (Lane.EMERGENCY,)
REST = (Lane.CONTROL, Lane.CASE, Lane.BULK)
SENDERS = 4
"""Threads that send in the other lanes: so many peers may be slow at once before the rest waits."""

PAUSE_S = 0.5
"""How long a loop sleeps at most before it looks for what other processes queued."""

AFTER_FAULT_S = 1.0
STOP_S = 15.0
"""How long the loops together are given to end their present step when the node stops: a quick answer is waited for,
a peer that does not answer is not."""

COMPARE_EVERY = timedelta(minutes=10)
COMPARE_FIRST_S = 5.0
"""How long at most sending waits, at the start, for the first comparison with the peers.

A node brought back from a backup thus learns what it forgot before it gives a place in a channel, which its peer
holds with another statement, to a new one.
"""

_log = structlog.get_logger(__name__)


@dataclass
class Worker:
    """Runs the loops of one process in threads."""

    node: Node
    _stop: threading.Event = field(default_factory=threading.Event)
    _compared: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start every loop.

        Raises:
            UnavailableError: the database cannot be reached.

        """
        node, bells = self.node, self.node.bells
        node.delivery.take_over()
        node.pulse.beat(node.clock.now())
        self._loop("apply-emergency", lambda: node.applier.step(EMERGENCY, node.clock.now()), bells.apply[0])
        self._loop("apply", lambda: node.applier.step(REST, node.clock.now()), bells.apply[1])
        self._loop(
            "send-emergency", lambda: node.delivery.step(EMERGENCY, node.clock.now), bells.send[0], self._compared
        )
        for number in range(SENDERS):
            self._loop(
                f"send-{number}",
                lambda: node.delivery.step(REST, node.clock.now),
                bells.send[1],
                self._compared,
            )
        self._loop("watch", self._watch, threading.Event())
        self._loop("fetch", lambda: node.fetch(node.clock.now()), threading.Event())
        self._loop("tidy", self._tidy, threading.Event())
        self._loop("compare", self._compare, threading.Event())

    def stop(self) -> None:
        """End every loop after its present step; give back what is out still when `STOP_S` are over."""
        self._stop.set()
        self._compared.set()
        for bell in (*self.node.bells.apply, *self.node.bells.send):
            bell.set()
        over = monotonic() + STOP_S
        for thread in self._threads:
            thread.join(max(0.0, over - monotonic()))
        if self._threads:
            with suppress(UnavailableError):  # then the next start takes over
                self.node.delivery.give_back()
            self.node.pulse.end()

    def wait(self) -> None:
        """Wait until `stop` is called."""
        self._stop.wait()

    def _loop(
        self, name: str, step: Callable[[], bool], bell: threading.Event, first: threading.Event | None = None
    ) -> None:
        def run() -> None:
            failing = False
            if first is not None:
                first.wait(COMPARE_FIRST_S)
            while not self._stop.is_set():
                bell.clear()
                try:
                    with structlog.contextvars.bound_contextvars(loop=name):
                        did = step()
                    failing = False
                except UnavailableError:
                    if not failing:  # the database tells why, and for how long
                        _log.warning("worker.database_unavailable", loop=name)
                    did, failing = False, True
                    self._stop.wait(AFTER_FAULT_S)
                except Exception:  # noqa: BLE001 - one bad step must not end the loop
                    _log.exception("worker.fault", loop=name)
                    did = False
                    self._stop.wait(AFTER_FAULT_S)
                if not did:
                    bell.wait(PAUSE_S)

        thread = threading.Thread(target=run, name=f"ecolink-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _watch(self) -> bool:
        """Do what the clock brings: deadlines, calls to make, a key another process rotated; and say that all runs."""
        now = self.node.clock.now()
        self.node.tick(now)
        if all(thread.is_alive() for thread in self._threads):
            self.node.pulse.beat_now_and_then(now)
        self._stop.wait(AFTER_FAULT_S)
        return False

    def _tidy(self) -> bool:
        """Drop what no longer counts."""
        self.node.tidy(self.node.clock.now())
        self._stop.wait(TIDY_EVERY.total_seconds())
        return False

    def _compare(self) -> bool:
        """Compare heads and evidence logs with every peer: at the start, and now and then."""
        try:
            for peer, word in self.node.compare(self.node.clock.now()).items():
                _log.info("worker.compared", peer=peer, outcome=word)
        finally:
            self._compared.set()
        self._stop.wait(COMPARE_EVERY.total_seconds())
        return False
