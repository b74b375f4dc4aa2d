"""Group commit: threads that write at the same moment share one transaction, and so one wait for the disk."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from ecolink.errors import UnavailableError
from ecolink.storage.engine import Database

T = TypeVar("T")


@dataclass
class _Job:
    work: Callable[[Session], Any]
    size: int
    done: bool = False
    result: Any = None
    fault: BaseException | None = None


class GroupCommit:
    """Runs pieces of work that came in together in one transaction; each hears of its own outcome only.

    While one group is being committed the next one gathers. A piece of work that raises takes nothing down
    with it: the transaction is rolled back and every piece is run again in one of its own. So a piece of work
    must have no effect but through its session.
    """

    def __init__(self, database: Database, *, most: int) -> None:
        """Commit to `database`, in groups whose sizes add up to at most `most`, or of one piece of work."""
        self._database = database
        self._most = most
        self._waiting: deque[_Job] = deque()
        self._gathering = threading.Lock()
        self._turn = threading.Lock()

    def run(self, work: Callable[[Session], T], *, size: int = 1, urgent: bool = False) -> T:
        """Return what `work` returned once that is durably committed; an urgent piece goes into the next group.

        Raises:
            Exception: what `work` raised; nothing of it was kept.
            UnavailableError: the database cannot take it now; nothing of it was kept.

        """
        job = _Job(work, size)
        with self._gathering:
            (self._waiting.appendleft if urgent else self._waiting.append)(job)
        with self._turn:
            # Whoever's turn it is commits for everybody who waits; most find their work done when theirs comes.
            while not job.done:
                self._commit(self._gather())
        if job.fault is not None:
            raise job.fault
        result: T = job.result
        return result

    def _gather(self) -> Sequence[_Job]:
        with self._gathering:
            group = [self._waiting.popleft()]
            size = group[0].size
            while self._waiting and size + self._waiting[0].size <= self._most:
                group.append(self._waiting.popleft())
                size += group[-1].size
        return group

    def _commit(self, group: Sequence[_Job]) -> None:
        try:
            with self._database.begin() as session:
                results = [job.work(session) for job in group]
        except UnavailableError as fault:
            _tell(group, fault)
        except Exception as fault:  # noqa: BLE001 - handed to whom it belongs
            if len(group) == 1:
                _tell(group, fault)
                return
            for job in group:
                self._commit([job])
        else:
            for job, result in zip(group, results, strict=True):
                job.done, job.result = True, result


def _tell(group: Sequence[_Job], fault: Exception) -> None:
    for job in group:
        job.done, job.fault = True, fault
