"""One at a time, or so many, in the order they came, and what is urgent next."""

import threading
from collections import deque
from typing import Final

IN_A_ROW: Final = 4
"""Urgent turns after which one of the others comes: an alert to thousands is urgent for minutes on end."""


class Turns:
    """Locks that are handed on: to the urgent first, and else to who has waited longest, so that nobody starves."""

    def __init__(self, places: int = 1) -> None:
        """Let as many in at once as there are places."""
        self._free = places
        self._in_a_row = 0
        self._urgent: deque[threading.Lock] = deque()
        self._others: deque[threading.Lock] = deque()
        self._door = threading.Lock()

    def take(self, seconds: float, *, urgent: bool) -> bool:
        """Wait for a turn, at most so many seconds, and tell whether it came; then `end` is to be called."""
        queue = self._urgent if urgent else self._others
        with self._door:
            if self._free:
                self._free -= 1
                return True
            called = threading.Lock()
            called.acquire()
            queue.append(called)
        if called.acquire(timeout=seconds):
            return True
        with self._door:
            if called in queue:
                queue.remove(called)
                return False
        return True  # it came at the last moment

    @property
    def is_wanted(self) -> bool:
        """Tell whether somebody waits for a turn to end."""
        return bool(self._urgent or self._others)

    def end(self) -> None:
        """Let the next one in."""
        with self._door:
            is_urgent = bool(self._urgent) and not (self._others and self._in_a_row >= IN_A_ROW)
            self._in_a_row = self._in_a_row + 1 if is_urgent else 0
            queue = self._urgent if is_urgent else self._others
            if queue:
                queue.popleft().release()
            else:
                self._free += 1
