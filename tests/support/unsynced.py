"""Files that nobody waits for: what this process writes it reads back from memory, and no test cuts the power.

The PostgreSQL of the tests does without the disk as well. Node processes of their own sync as in production.
"""

import os
from typing import Any

from sqlalchemy import URL, Engine, event

from ecolink.storage import engine

synced_sqlite = engine._sqlite
"""What makes an engine on SQLite in production."""


def skip_syncing() -> None:
    """Let no file, and no SQLite database that ecolink opens from now on in this process, wait for the disk."""
    os.fsync = lambda fd: None  # noqa: ARG005 - the name it has in os
    engine._sqlite = _unsynced_sqlite


def _unsynced_sqlite(url: URL) -> Engine:
    made = synced_sqlite(url)

    @event.listens_for(made, "connect")
    def _skip(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    return made
