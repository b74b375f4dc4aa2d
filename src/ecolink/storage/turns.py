"""One at a time, and what is urgent next."""

import threading


class Turns:
    """A lock that lets urgent threads in before the others who wait."""

    def __init__(self) -> None:
        """Let the first one in at once."""
        self._taken = False
        self._urgent = 0
        self._changed = threading.Condition()

    def take(self, seconds: float, *, urgent: bool) -> bool:
        """Wait for a turn, at most so many seconds, and tell whether it came; then `end` is to be called."""
        with self._changed:
            self._urgent += urgent
            came = self._changed.wait_for(lambda: not self._taken and (urgent or not self._urgent), seconds)
            self._urgent -= urgent
            if came:
                self._taken = True
            else:
                self._changed.notify_all()  # those who let us go first
        return came

    def end(self) -> None:
        """Let the next one in."""
        with self._changed:
            self._taken = False
            self._changed.notify_all()
