"""The node's work: apply what came, send what waits, watch the clock. Any number of processes may do it.

Every kind of work has a crew of its own (`loops.py`). The emergency lane has its own for each, so that nothing else
ever stands in its way; and what is sent again after a failure has its own, so that a silent peer, which takes a thread
some seconds at each try, holds up no other.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Final

from ecolink.entrypoints.loops import Crew, Loops, Work, at_once
from ecolink.entrypoints.wiring import TIDY_EVERY, Node
from ecolink.errors import UnavailableError
from ecolink.kit.events import structlog
from ecolink.protocol.statement import Lane
from ecolink.storage.bells import Bell
from ecolink.storage.listening import Listener

EMERGENCY: Final = (Lane.EMERGENCY,)
REST: Final = (Lane.CONTROL, Lane.CASE, Lane.BULK)
SENDERS: Final = 8
"""Threads at most in each crew that sends: to so many peers at once."""

URGENT_SENDERS: Final = 32
"""The same for emergencies: where hundreds of peers went silent at once, the tries at them take no longer than telling
those who live."""

COURTESY_S: Final = 0.05
URGENT_COURTESY_S: Final = 0.01
"""How long applying gives way, before each statement, to peers that are being answered; that of an emergency less."""

STOP_S = 15.0
"""How long the loops together are given to end their present step when the node stops: a quick answer is waited for,
a peer that does not answer is not."""

COMPARE_EVERY: Final = timedelta(minutes=10)
COMPARE_FIRST_S = 5.0
"""How long at most sending waits, at the start, for the first comparison with the peers.

A node brought back from a backup thus learns what it forgot before it gives a place in a channel, which its peer
holds with another statement, to a new one.
"""

_log = structlog.get_logger(__name__)


@dataclass
class Worker:
    """Does the work of one process, in threads."""

    node: Node
    loops: Loops = field(init=False)
    _listener: Listener = field(init=False)
    _compared: threading.Event = field(default_factory=threading.Event)
    _next_due: datetime | None = None
    _next_step: datetime | None = None

    def __post_init__(self) -> None:
        """Start nothing yet."""
        self.loops = Loops(self.node.clock, self.node.bells)
        self._listener = Listener(self.node.database, self.node.bells)

    def start(self, *, alone: bool = False) -> None:
        """Do all the work there is; `alone`, in a process that serves nobody.

        Raises:
            UnavailableError: the database cannot be reached.

        """
        node, run = self.node, self.loops.run
        node.delivery.take_over()
        node.post_office.sending.take_over()
        node.pulse.is_alone = alone
        node.pulse.beat(node.clock.now())
        self._listener.start()
        self._apply("apply-emergency", Bell.APPLY_EMERGENCY, EMERGENCY)
        self._apply("apply", Bell.APPLY, REST)
        self._send("send-emergency", Bell.SEND_EMERGENCY, EMERGENCY, again=False)
        self._send("send-emergency-again", Bell.SEND_EMERGENCY_AGAIN, EMERGENCY, again=True)
        self._send("send", Bell.SEND, REST, again=False)
        self._send("send-again", Bell.SEND_AGAIN, REST, again=True)
        run(Crew("alert", Bell.ALERT, self._alert, node.post_office.sending.due, SENDERS))
        run(Crew("fetch", Bell.FETCH, node.fetch, node.fetch_due, SENDERS))
        run(Crew("escalate", Bell.STEP, self._escalate, lambda: self._next_step))
        run(Crew("watch", Bell.WATCH, self._watch, lambda: self._next_due))
        self.loops.repeat("tidy", lambda: node.tidy(node.clock.now()), TIDY_EVERY.total_seconds())
        self.loops.repeat("compare", self._compare, COMPARE_EVERY.total_seconds())

    def attend(self) -> None:
        """Do only what a process needs that serves beside others that work: sign with the key of the day."""
        self._listener.start()

        def look(_: datetime) -> None:
            self.node.refresh_key()

        self.loops.run(Crew("keys", Bell.WATCH, look))

    def stop(self) -> None:
        """End every loop after its present step; give back what is out still when `STOP_S` are over."""
        if not self.loops.threads:
            return
        self._compared.set()
        self.loops.tell_to_stop()
        over = monotonic() + STOP_S
        for thread in tuple(self.loops.threads):
            thread.join(max(0.0, over - monotonic()))
        self._listener.stop()
        with suppress(UnavailableError):  # then the next start takes over
            self.node.delivery.give_back()
            self.node.post_office.sending.give_back()
        self.node.pulse.end()

    def _apply(self, name: str, bell: Bell, lanes: Sequence[Lane]) -> None:
        applier, traffic = self.node.applier, self.node.gate.traffic
        courtesy_s = URGENT_COURTESY_S if lanes is EMERGENCY else COURTESY_S

        def step(now: datetime) -> bool:
            traffic.let_pass(courtesy_s)  # what is kept may wait to be taken up; who is sending waits for an answer
            return applier.step(lanes, now, is_free=lambda: traffic.is_quiet)

        self.loops.run(Crew(name, bell, at_once(step), partial(applier.due, lanes)))

    def _send(self, name: str, bell: Bell, lanes: Sequence[Lane], *, again: bool) -> None:
        delivery, clock = self.node.delivery, self.node.clock

        def take(now: datetime) -> Work | None:
            leased = delivery.take(lanes, now, again=again)
            if leased is None:
                return None
            return Work(partial(delivery.carry, leased, clock.now), more_waits=leased.others_wait)

        size = URGENT_SENDERS if lanes is EMERGENCY else SENDERS
        crew = Crew(name, bell, take, partial(delivery.due, lanes, again=again), size)
        self.loops.run(crew, after=lambda: self._compared.wait(COMPARE_FIRST_S))

    def _alert(self, now: datetime) -> Work | None:
        """Tell one of our people something."""
        sending = self.node.post_office.sending
        leased = sending.take(now)
        if leased is None:
            return None
        return Work(partial(sending.carry, leased, self.node.clock.now), more_waits=leased.others_wait)

    def _watch(self, now: datetime) -> None:
        """Do what the clock brings: deadlines, calls to make, a key another process rotated; and say that all runs."""
        self._next_due = self.node.tick(now)
        if self.loops.all_alive():
            self.node.pulse.beat_now_and_then(now)

    def _escalate(self, now: datetime) -> None:
        """Have told whoever is to hear of an alert now."""
        self._next_step = self.node.escalate(now)

    def _compare(self) -> None:
        """Compare heads and evidence logs with every peer: at the start, and now and then."""
        try:
            for peer, word in self.node.compare(self.node.clock.now).items():
                _log.info("worker.compared", peer=peer, outcome=word)
        finally:
            self._compared.set()
