"""Group commit: what comes in at the same moment shares one transaction, and so one wait for the disk."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from sqlalchemy.orm import Session

from ecolink.errors import UnavailableError
from ecolink.storage.engine import Database

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

LINGER_S: Final = 0.025
"""How long a small group waits for company, in which two or three large pushes are read."""

Together = Callable[[Session, Sequence[Item]], Sequence[Outcome]]
"""Writes several items in one session and returns an outcome for each; it has no other effect."""


@dataclass
class _Job(Generic[Item, Outcome]):
    item: Item
    size: int
    outcomes: list[Outcome] = field(default_factory=list)
    fault: Exception | None = None

    @property
    def done(self) -> bool:
        return bool(self.outcomes) or self.fault is not None


class GroupCommit(Generic[Item, Outcome]):
    """Writes items from many threads; each thread hears of its own item only.

    While one group is being committed the next one gathers. A small one waits a moment for company where more is
    coming anyway, since a commit costs as much as dozens of rows. An item that cannot be written takes nothing down
    with it: the transaction is rolled back and each item of the group is written again in one of its own.
    """

    def __init__(
        self,
        database: Database,
        together: Together[Item, Outcome],
        *,
        most: int,
        urgent: bool = False,
        enough: int = 1,
        more_is_coming: Callable[[], bool] = lambda: False,
    ) -> None:
        """Write to `database`, in groups whose sizes add up to at most `most`, or of one item; urgent ones are next.

        Groups of `enough` do not wait for company, nor any while no `more_is_coming`.
        """
        self._database = database
        self._urgent = urgent
        self._together = together
        self._most = most
        self._enough = enough
        self._more_is_coming = more_is_coming
        self._waiting: deque[_Job[Item, Outcome]] = deque()
        self._size = 0
        """Of all that waits."""
        self._gathering = threading.Condition()
        """Held to change what waits; told when that is enough."""
        self._turn = threading.Lock()

    def write(self, item: Item, *, size: int = 1) -> Outcome:
        """Return what became of `item` once that is durably committed.

        Raises:
            Exception: what writing it raised; nothing of it was kept.
            UnavailableError: the database cannot take it now; nothing of it was kept.

        """
        job: _Job[Item, Outcome] = _Job(item, size)
        with self._gathering:
            self._waiting.append(job)
            self._size += size
            if self._is_enough():
                self._gathering.notify()
        with self._turn:
            # Whoever's turn it is commits for everybody who waits; most find their work done when theirs comes.
            while not job.done:
                self._commit(self._gather())
        if job.fault is not None:
            raise job.fault
        return job.outcomes[0]

    def _is_enough(self) -> bool:
        return self._size >= self._enough

    def _gather(self) -> Sequence[_Job[Item, Outcome]]:
        with self._gathering:
            if not self._is_enough() and self._more_is_coming():
                self._gathering.wait_for(self._is_enough, LINGER_S)
            group = [self._waiting.popleft()]
            size = group[0].size
            while self._waiting and size + self._waiting[0].size <= self._most:
                group.append(self._waiting.popleft())
                size += group[-1].size
            self._size -= size
        return group

    def _commit(self, group: Sequence[_Job[Item, Outcome]]) -> None:
        try:
            with self._database.begin(urgent=self._urgent) as session:
                outcomes = self._together(session, [job.item for job in group])
        except Exception as fault:  # noqa: BLE001 - handed to whom it belongs
            if len(group) == 1 or isinstance(fault, UnavailableError):
                for job in group:
                    job.fault = fault
                return
            for job in group:
                self._commit([job])
        else:
            for job, outcome in zip(group, outcomes, strict=True):
                job.outcomes.append(outcome)
