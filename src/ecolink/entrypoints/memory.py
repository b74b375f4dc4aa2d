"""What the system's library is told of a node's memory, before the first thread needs any."""

from contextlib import suppress
from typing import Final

# From <malloc.h>.
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

LARGE: Final = 128 * 1024
"""Bytes from which on a piece (the body of a push) is given back to the system as soon as it is done with."""

ARENAS: Final = 2
"""Stores that threads take from. GNU's library makes eight for each processor, and each keeps what it once held; but
Python lets one thread run at a time."""


def spend_sparingly() -> None:
    """Let threads share their stores of memory, where the system's library can be told so."""
    import ctypes  # noqa: PLC0415 - needed once

    with suppress(OSError, AttributeError):  # another system's library
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, ARENAS)
        library.mallopt(_M_MMAP_THRESHOLD, LARGE)
