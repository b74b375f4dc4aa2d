"""How busy a process is answering, so that what can wait lets those who ask go first."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Traffic:
    """Calls that are being answered just now."""

    def __init__(self) -> None:
        """Begin with none."""
        self._calls = 0
        self._changed = threading.Condition()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count one call for as long as the block lasts."""
        with self._changed:
            self._calls += 1
        try:
            yield
        finally:
            with self._changed:
                self._calls -= 1
                if not self._calls:
                    self._changed.notify_all()

    @property
    def is_quiet(self) -> bool:
        """Tell whether nobody is being answered."""
        return not self._calls

    def let_pass(self, seconds: float) -> None:
        """Wait until nobody is being answered, but at most so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._calls, seconds)
