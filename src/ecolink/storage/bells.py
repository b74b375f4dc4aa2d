"""Bells: whoever makes work for a loop rings, and the loop looks at once instead of now and then.

`ring(session, Bell.SEND)` is called in the transaction that makes the work. Once that is durably committed the bell
sounds in this process; on PostgreSQL it sounds in every other one too, because the NOTIFY is part of the transaction:
it is heard after the commit or not at all. `storage/listening.py` is the ear.

A bell that sounds says only 'look': looking once too often does no harm, and who missed it looks again in time.
"""

import threading
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import Final, Self

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from ecolink.protocol.statement import Lane
from ecolink.storage.engine import Database, after_commit

CHANNEL: Final = "ecolink"
"""What PostgreSQL calls the channel that all bells of one database share."""

_RUNG: Final = "ecolink.rung"
_NOTIFY = select(func.pg_notify(CHANNEL, bindparam("bell")))


class Bell(StrEnum):
    """Which loop is to look. Emergencies have bells, as they have loops, of their own."""

    APPLY_EMERGENCY = "apply-emergency"
    APPLY = "apply"
    SEND_EMERGENCY = "send-emergency"
    SEND = "send"
    SEND_EMERGENCY_AGAIN = "send-emergency-again"
    SEND_AGAIN = "send-again"
    """The same, to a peer whose last try failed."""
    STEP = "step"
    """Somebody is to be told of an alert, for the first time, again, or further up."""
    ALERT = "alert"
    """One of our people is to be told."""
    FETCH = "fetch"
    """An attachment is to be moved, or to be confirmed."""
    WATCH = "watch"
    """A moment was set at which something falls due, or our own keys changed."""

    @classmethod
    def applying(cls, lane: Lane) -> Self:
        """Return the bell of what is to be applied in `lane`."""
        return cls("apply-emergency" if lane is Lane.EMERGENCY else "apply")

    @classmethod
    def sending(cls, lane: Lane, *, again: bool) -> Self:
        """Return the bell of what is to be sent in `lane`, for the first time or again after a failure."""
        return cls(("send-emergency" if lane is Lane.EMERGENCY else "send") + ("-again" if again else ""))


def ring(session: Session, *bells: Bell) -> None:
    """Have `bells` sound once the transaction of `session` is committed, and never otherwise."""
    session.info.setdefault(_RUNG, set()).update(bells)


class Bells:
    """The bells of one process."""

    def __init__(self, database: Database) -> None:
        """Hang them where every transaction of `database` can ring them."""
        self._notifies = not database.is_sqlite
        self._strikes = {bell: _Strike() for bell in Bell}
        database.before_commit(self._announce)

    def sound(self, *bells: Bell) -> None:
        """Wake one waiting loop for each of `bells`, or whoever waits for it next."""
        for bell in bells:
            self._strikes[bell].give()

    def sound_all(self) -> None:
        """Wake a loop of every kind: nobody knows what was missed."""
        self.sound(*Bell)

    def wait(self, bell: Bell, seconds: float) -> bool:
        """Wait until `bell` sounds, at most `seconds`, and tell whether it did; if it has already, do not wait."""
        return self._strikes[bell].take(seconds)

    def _announce(self, session: Session) -> None:
        for bell in _taken(session):
            after_commit(session, partial(self.sound, bell))
            if self._notifies:
                session.connection().execute(_NOTIFY, {"bell": bell.value})


class _Strike:
    """One stroke that one waiting thread takes; a second stroke before that is the same stroke."""

    def __init__(self) -> None:
        self._taken = threading.Lock()
        self._taken.acquire()

    def give(self) -> None:
        with suppress(RuntimeError):  # it was given already
            self._taken.release()

    def take(self, seconds: float) -> bool:
        return self._taken.acquire(timeout=max(0.0, seconds))


def _taken(session: Session) -> Iterator[Bell]:
    yield from session.info.pop(_RUNG, ())
