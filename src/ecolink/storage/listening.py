"""Hearing bells that other processes ring: one connection of a process, and one thread that waits on it.

On PostgreSQL it LISTENs. On SQLite, which tells nobody, the thread asks ten times a second whether
another process wrote (`Database.foreign_writes`, some microseconds), and then has every loop look.
"""

import selectors
import socket
import threading
from contextlib import closing
from typing import Any, Final

from sqlalchemy.exc import DBAPIError

from ecolink.errors import UnavailableError
from ecolink.kit.events import structlog
from ecolink.storage.bells import CHANNEL, Bell, Bells
from ecolink.storage.engine import Database

LOOK_EVERY_S: Final = 0.1
"""How often the SQLite file is asked: what another process wrote waits half of this on average."""

AGAIN_AFTER_S: Final = 1.0
"""When a lost connection is opened again; until then the loops find by themselves what was missed."""

_log = structlog.get_logger(__name__)


class Listener:
    """Sounds the bells of this process when another one rings."""

    def __init__(self, database: Database, bells: Bells) -> None:
        """Keep what is needed; nothing is opened yet."""
        self._database = database
        self._bells = bells
        self._listen = self._watch_file if database.is_sqlite else self._hear
        self._stopping = threading.Event()
        self._stop_heard, self._stop_told = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="ecolink-listen", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        self._stop_told.send(b"x")
        if self._thread.is_alive():
            self._thread.join()
        self._stop_heard.close()
        self._stop_told.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (DBAPIError, UnavailableError, self._database.engine.dialect.loaded_dbapi.Error) as fault:
                _log.warning("listening.lost", why=type(fault).__name__)
                self._stopping.wait(AGAIN_AFTER_S)

    def _hear(self) -> None:
        lent = self._database.engine.raw_connection()
        driver: Any = lent.driver_connection
        lent.detach()  # it is ours for good, and none of the pool's
        with closing(driver):
            self._wait_for_notices(driver)

    def _wait_for_notices(self, connection: Any) -> None:  # noqa: ANN401 - psycopg's
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")
        self._bells.sound_all()  # what was rung while nobody listened
        with selectors.DefaultSelector() as ears:
            ears.register(connection, selectors.EVENT_READ)
            ears.register(self._stop_heard, selectors.EVENT_READ)
            while not self._stopping.is_set():
                ears.select()
                said = {notice.payload for notice in connection.notifies(timeout=0)}
                self._bells.sound(*[bell for bell in Bell if bell in said])

    def _watch_file(self) -> None:
        seen = None
        while not self._stopping.wait(LOOK_EVERY_S):
            written = self._database.foreign_writes()
            if written != seen:
                self._bells.sound_all()
            seen = written
