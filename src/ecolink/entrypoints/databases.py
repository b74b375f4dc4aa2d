"""A database alone, without the node that it is of."""

from collections.abc import Iterator
from contextlib import contextmanager

from ecolink.storage.engine import Database, connect


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Lend a database for the length of the block; its connections end with it."""
    database = Database(connect(url))
    try:
        yield database
    finally:
        database.dispose()
