"""One at a time, in the order they came, and what is urgent next."""

import threading
from collections import deque


class Turns:
    """A lock that is handed on: to the urgent first, and else to who has waited longest, so that nobody starves."""

    def __init__(self) -> None:
        """Let the first one in at once."""
        self._taken = False
        self._urgent: deque[threading.Lock] = deque()
        self._others: deque[threading.Lock] = deque()
        self._door = threading.Lock()

    def take(self, seconds: float, *, urgent: bool) -> bool:
        """Wait for a turn, at most so many seconds, and tell whether it came; then `end` is to be called."""
        queue = self._urgent if urgent else self._others
        with self._door:
            if not self._taken:
                self._taken = True
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

    def end(self) -> None:
        """Let the next one in."""
        with self._door:
            queue = self._urgent or self._others
            if queue:
                queue.popleft().release()
            else:
                self._taken = False
