"""Two transactions of one PostgreSQL at once, the one in the middle of the other, without a clock."""

import threading
from collections.abc import Callable

from sqlalchemy import text

from ecolink.storage.engine import Database

_LOCKED = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def beside(work: Callable[[], object], database: Database, late: threading.Event | None = None) -> threading.Thread:
    """Have another thread work until it is done, or waits for a lock in the database, or is `late`."""
    other = threading.Thread(target=work)
    other.start()
    while other.is_alive() and not (late and late.is_set()):
        with database.read() as session:
            if session.scalar(_LOCKED):
                break
        other.join(0.005)
    return other
