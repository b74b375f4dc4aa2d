"""Many stories at once, told by a few threads: one that has to wait for the other bureau lets the others go on."""

import heapq
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from tests.soak.desk import Attempt, Desks, Json, NotYet, Refused
from tests.soak.stories import Story

HANDS = 6
AT_ONCE = 100
"""Stories that are open at the same time, at most."""
STILL_TO_COME = 16
"""Messages that an open story will still bring, about: no more are opened than are needed."""


@dataclass(order=True)
class _Turn:
    """A story whose next act is due at a moment of the monotonic clock."""

    due: float
    number: int
    story: Story = field(compare=False)
    attempt: Attempt = field(compare=False)


@dataclass
class Load:
    """Opens stories until `messages` were accepted, and tells every one to its end."""

    desks: Desks
    stories: Iterator[Story]
    messages: int
    run: str
    """Begins the key of every call, so that no two runs share one."""
    open: int = 0
    told: int = 0
    _turns: list[_Turn] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _stopped: bool = False

    @property
    def share(self) -> float:
        """How much of the load was accepted so far."""
        return self.desks.ledger.messages / self.messages

    @property
    def is_over(self) -> bool:
        """Whether every story was told to its end."""
        return self.open == 0 and not self._wants_another

    @contextmanager
    def running(self) -> Iterator[None]:
        """Work with all hands until the block ends."""
        hands = [threading.Thread(target=self._work, name=f"hand-{number}") for number in range(HANDS)]
        for hand in hands:
            hand.start()
        try:
            yield
        finally:
            with self._changed:
                self._stopped = True
                self._changed.notify_all()
            for hand in hands:
                hand.join()

    def waiting(self) -> list[str]:
        """Say which acts wait to be tried again, and how often they were tried."""
        with self._changed:
            return [f"{turn.attempt.act.method} {turn.attempt.act.path}: {turn.attempt.tries}" for turn in self._turns]

    def _work(self) -> None:
        while (turn := self._next()) is not None:
            try:
                answer = self.desks.attempt(turn.attempt)
            except NotYet:
                turn.due = time.monotonic() + turn.attempt.pause
                self._put(turn)
            except Refused:
                self._end()
            except Exception as fault:  # noqa: BLE001 - a hand that dies in silence would leave the load short
                self.desks.faults.append(f"{turn.attempt.act.path}: {type(fault).__name__}: {fault}")
                self._end()
            else:
                self._go_on(turn.story, answer)

    def _next(self) -> _Turn | None:
        """Return the turn that is due; a new story's if there is room for one; wait for either."""
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                if self._turns and self._turns[0].due <= now:
                    return heapq.heappop(self._turns)
                if self._wants_another:
                    self.open += 1
                    story = next(self.stories)
                    return _Turn(now, next(self._numbers), story, self._attempt(story, None))
                self._changed.wait(self._turns[0].due - now if self._turns else 0.2)
            return None

    @property
    def _wants_another(self) -> bool:
        coming = self.desks.ledger.messages + self.open * STILL_TO_COME
        return self.open < AT_ONCE and coming < self.messages

    def _go_on(self, story: Story, answer: Json) -> None:
        try:
            attempt = self._attempt(story, answer)
        except StopIteration:
            self.told += 1
            self._end()
        except Exception as fault:  # noqa: BLE001 - as above
            self.desks.faults.append(f"a story broke off at {answer}: {type(fault).__name__}: {fault}")
            self._end()
        else:
            self._put(_Turn(time.monotonic(), next(self._numbers), story, attempt))

    def _attempt(self, story: Story, answer: Json | None) -> Attempt:
        act = next(story) if answer is None else story.send(answer)
        return Attempt(act, f"soak-{self.run}-{next(self._numbers):08}")

    def _put(self, turn: _Turn) -> None:
        with self._changed:
            heapq.heappush(self._turns, turn)
            self._changed.notify()

    def _end(self) -> None:
        with self._changed:
            self.open -= 1
            self._changed.notify()
