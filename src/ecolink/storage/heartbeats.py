"""A sign of life from every process that runs a worker, kept where the other processes and the operator can see it.

A worker beats every `EVERY` as long as all its loops run, and takes its row away when it stops. What stays behind is
a worker that was killed, or one that hangs. One that works alone, and so has no address at which it could be asked,
says with each beat what it has counted: whoever serves tells it (`web.gauges`).
"""

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, delete, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ecolink.errors import UnavailableError
from ecolink.kit.meters import counted
from ecolink.storage.base import Base
from ecolink.storage.engine import Database

EVERY = timedelta(seconds=10)
STALE_AFTER = timedelta(seconds=60)
"""A worker silent for so long does not work: it is dead, it hangs, or it cannot write to the database."""

FORGET_AFTER = timedelta(hours=1)
"""When the row of a worker that never came back is dropped."""


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Heartbeat(Base):
    """One process that runs a worker. Times are UTC."""

    __tablename__ = "heartbeats"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    pid: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    started_at: Mapped[datetime]
    at: Mapped[datetime]
    """When it last said that it works."""
    counts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """What it has counted since it started; nothing where it serves as well, for then it is asked itself."""


@dataclass
class Pulse:
    """What this process says of its own worker, if it runs one."""

    database: Database
    started_at: datetime | None = None
    beat_at: datetime | None = None
    is_alone: bool = False
    """Whether this process only works, and serves nobody who could ask it what it counted."""

    def beat(self, now: datetime) -> None:
        """Say that this process works, and drop the rows of those long gone.

        Raises:
            UnavailableError: the database cannot take it.

        """
        started_at = self.started_at = self.started_at or now
        said = {"started_at": started_at, "at": now, "counts": counted() if self.is_alone else {}}
        with self.database.begin() as session:
            session.execute(delete(Heartbeat).where(Heartbeat.at < now - FORGET_AFTER))
            if not session.connection().execute(update(Heartbeat).where(_ours()).values(said)).rowcount:
                session.execute(insert(Heartbeat).values(host=platform.node(), pid=os.getpid(), **said))
        self.beat_at = now

    def beat_now_and_then(self, now: datetime) -> None:
        """Beat when the last beat is `EVERY` ago."""
        if self.beat_at is None or now - self.beat_at >= EVERY:
            self.beat(now)

    def end(self) -> None:
        """Take this process's row away: it stops because it was told to."""
        if self.started_at is None:
            return
        self.started_at = self.beat_at = None
        with suppress(UnavailableError), self.database.begin() as session:  # what stays is dropped by another worker
            session.execute(delete(Heartbeat).where(_ours()))


def prove_writable(session: Session) -> None:
    """Write something that nobody ever sees; its commit is refused where rows cannot be changed.

    A change of no row would not do: SQLite goes to no disk with it.
    """
    nobody = {"host": platform.node(), "pid": 0, "started_at": _NEVER, "at": _NEVER}
    session.execute(insert(Heartbeat).values(nobody))
    session.execute(delete(Heartbeat).where(Heartbeat.host == platform.node(), Heartbeat.pid == 0))


def workers(session: Session) -> list[Heartbeat]:
    """Return every worker, the one that beat last first."""
    return list(session.scalars(select(Heartbeat).order_by(Heartbeat.at.desc())))


def _ours() -> ColumnElement[bool]:
    return (Heartbeat.host == platform.node()) & (Heartbeat.pid == os.getpid())
