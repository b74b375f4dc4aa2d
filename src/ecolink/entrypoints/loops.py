"""Threads that look for work, do it, and sleep until there may be more.

A crew looks when its bell sounds (`storage/bells.py`), and at the moment at which it knows that something falls due.
It also looks now and then, in case a bell was missed. A crew is one thread at first; when all of it are at work and
more waits, another one joins, up to the crew's size. A fault ends one step, never the crew.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from ecolink.errors import UnavailableError
from ecolink.kit.clock import Clock
from ecolink.kit.events import structlog
from ecolink.storage.bells import Bell, Bells

LOOK_EVERY_S: Final = 5.0
"""How long a crew sleeps at most, should a bell have been missed."""

LEAST_PAUSE_S: Final = 0.02
"""How long it sleeps at least: what is due and cannot be taken up is just being taken up by another process."""

AFTER_FAULT_S: Final = 1.0

APART_S: Final = 0.01
"""Between two crews' first looks: all at once, they would open several connections to the database, which are kept."""

_log = structlog.get_logger(__name__)


class Work(NamedTuple):
    """Something taken up: what is left to do of it, and whether somebody else should look for more meanwhile."""

    finish: Callable[[], object]
    more_waits: bool = False


Take = Callable[[datetime], Work | None]
"""Looks for work at a moment and takes it up; None when there is none."""


def at_once(step: Callable[[datetime], bool]) -> Take:
    """Let something that takes up its work and does it in one go be a crew's work."""
    return lambda now: Work(lambda: None) if step(now) else None


Due = Callable[[], datetime | None]
"""Tells when there will be work, as far as that is known."""


@dataclass(frozen=True)
class Crew:
    """What one crew does."""

    name: str
    bell: Bell
    take: Take
    due: Due = lambda: None
    size: int = 1


@dataclass
class Loops:
    """All crews of one process."""

    clock: Clock
    bells: Bells
    threads: list[threading.Thread] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _sleeping: dict[str, int] = field(default_factory=dict)
    _failing: set[str] = field(default_factory=set)
    _roll: threading.Lock = field(default_factory=threading.Lock)

    def run(self, crew: Crew, *, after: Callable[[], object] | None = None) -> None:
        """Start a crew, which calls `after` before it first looks."""
        with self._roll:
            self._sleeping[crew.name] = 0
            self._hire(crew, after)
        self._stopping.wait(APART_S)

    def repeat(self, name: str, step: Callable[[], object], seconds: float) -> None:
        """Do `step` now, and again and again with so many seconds between."""

        def run() -> None:
            while not self._stopping.is_set():
                self._try(name, step)
                self._stopping.wait(seconds)

        with self._roll:
            self._begin(name, run)
        self._stopping.wait(APART_S)

    def tell_to_stop(self) -> None:
        """Let nobody begin another step."""
        self._stopping.set()
        self.bells.sound_all()

    def all_alive(self) -> bool:
        """Tell whether no thread has died."""
        return all(thread.is_alive() for thread in self.threads)

    def _work(self, crew: Crew) -> None:
        while not self._stopping.is_set():
            pause = self._try(crew.name, lambda: self._step(crew))
            if pause:
                with self._roll:
                    self._sleeping[crew.name] += 1
                self.bells.wait(crew.bell, pause)
                with self._roll:
                    self._sleeping[crew.name] -= 1
        self.bells.sound(crew.bell)  # the next of the crew is to stop as well

    def _step(self, crew: Crew) -> float:
        """Look, and do what is found; return how many seconds to sleep."""
        work = crew.take(self.clock.now())
        if work is not None:
            if work.more_waits:
                self._call_another(crew)
            work.finish()
            return 0.0
        due = crew.due()
        if due is None:
            return LOOK_EVERY_S
        return min(LOOK_EVERY_S, max(LEAST_PAUSE_S, (due - self.clock.now()).total_seconds()))

    def _call_another(self, crew: Crew) -> None:
        with self._roll:
            if self._sleeping[crew.name]:
                self.bells.sound(crew.bell)
            elif sum(thread.name == _named(crew.name) for thread in self.threads) < crew.size:
                self._hire(crew)

    def _hire(self, crew: Crew, after: Callable[[], object] | None = None) -> None:
        def run() -> None:
            if after is not None:
                after()
            self._work(crew)

        self._begin(crew.name, run)

    def _begin(self, name: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=_named(name), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _try(self, name: str, step: Callable[[], float | object]) -> float:
        """Do a step; return the seconds it asks for, or a pause after a fault."""
        try:
            with structlog.contextvars.bound_contextvars(loop=name):
                asked = step()
        except UnavailableError:
            if name not in self._failing:  # the database tells why, and for how long
                _log.warning("worker.database_unavailable", loop=name)
            self._failing.add(name)
        except Exception:  # noqa: BLE001 - one bad step must not end the loop
            _log.exception("worker.fault", loop=name)
        else:
            self._failing.discard(name)
            return asked if isinstance(asked, float) else 0.0
        self._stopping.wait(AFTER_FAULT_S)
        return 0.0


def _named(name: str) -> str:
    return f"ecolink-{name}"
