"""Connections that outlive a test: to open one costs PostgreSQL more than most tests ask of it.

A database that is lent to one test after another keeps a few; the next node on it takes them over.
"""

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event

from ecolink.storage import engine

MOST_KEPT = 4

_KEPT: dict[str, list[psycopg.Connection[Any]]] = {}
"""Idle connections, by the name of the database."""


def keep(database: str) -> None:
    """Keep connections to `database` from now on."""
    _KEPT[database] = []


def kept(database: str) -> list[int]:
    """Return the server's numbers of the connections that are kept."""
    return [connection.info.backend_pid for connection in _KEPT[database]]


def let_go(database: str) -> None:
    """Close them, and keep none of `database` any more."""
    for connection in _KEPT.pop(database):
        connection.close()


def hand_on_connections() -> None:
    """Let every engine that ecolink makes from now on take over what another has left."""
    create = engine.create_engine  # type: ignore[attr-defined]

    def create_with_what_was_left(*arguments: Any, **more: Any) -> Engine:
        made: Engine = create(*arguments, **more)
        if made.dialect.name == "postgresql":
            _hand_on(made)
        return made

    engine.create_engine = create_with_what_was_left  # type: ignore[attr-defined]


def _hand_on(made: Engine) -> None:
    database, close = str(made.url.database), made.dialect.do_close

    @event.listens_for(made, "do_connect")
    def _take_over(*_: object) -> psycopg.Connection[Any] | None:
        return _KEPT[database].pop() if _KEPT.get(database) else None

    def leave(connection: Any) -> None:
        idle = _KEPT.get(database)
        sound = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        if idle is not None and sound and len(idle) < MOST_KEPT:
            connection.execute("RESET ALL")  # what one test set, the next one shall not find
            connection.commit()
            idle.append(connection)
        else:
            close(connection)

    made.dialect.do_close = leave  # type: ignore[assignment,method-assign]
