"""Importing a library without others that it takes along where it finds them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PAINTERS: Final = ("rich", "pygments")
"""They colour tracebacks and tables for whoever sits before a screen, and some commands do use them. A node at work
does not: 5 MB of memory and a twentieth of its start."""


@contextmanager
def without(*libraries: str) -> Iterator[None]:
    """Let what is imported in the block find none of `libraries`, but for those this process has already."""
    hidden = [library for library in libraries if library not in sys.modules]
    for library in hidden:
        sys.modules[library] = None  # type: ignore[assignment]  # Python's own sign that a module is not to be had
    try:
        yield
    finally:
        for library in hidden:
            del sys.modules[library]
