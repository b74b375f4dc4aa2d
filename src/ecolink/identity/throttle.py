"""Slowing down who guesses passwords, without telling which names exist.

A try is counted before the password is looked at, so that a hundred tries at once count as a hundred,
and taken back when it was right. Names that do not exist are counted like those that do. The count by
name and source together is the tight one: a stranger who guesses at a name from elsewhere soon stops
himself and only much later the person who bears it.
"""

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import cast

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from ecolink.errors import ThrottledError
from ecolink.identity.models import Guessing
from ecolink.storage.upsert import insert_new


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottlePolicy:
    """How many tries are free, and how long the pause after the next ones is."""

    free_per_pair: int = 5
    free_per_name: int = 25
    free_per_source: int = 50
    first_pause: timedelta = timedelta(seconds=30)
    """Doubles with every further try."""
    longest_pause: timedelta = timedelta(minutes=15)
    forgotten_after: timedelta = timedelta(hours=1)
    """Counting starts anew when so long nothing was tried."""


@dataclass(frozen=True, slots=True)
class Try:
    """One try to log in, already counted; `take_back` when it succeeds."""

    subjects: tuple[str, ...]

    def take_back(self, session: Session) -> None:
        """Forget what was tried before on this name from this source, and this try elsewhere."""
        pair = self.subjects[0]
        for subject in sorted(self.subjects):  # in the order in which tries are counted: two never wait for each other
            if subject == pair:
                session.execute(delete(Guessing).where(Guessing.subject == pair))
                continue
            session.execute(
                update(Guessing)
                .where(Guessing.subject == subject, Guessing.tries > 0)
                .values(tries=Guessing.tries - 1, blocked_until=None)
            )


@dataclass(frozen=True, slots=True, repr=False)
class Throttle:
    """Counts tries in the database, so that every process of the node counts together."""

    policy: ThrottlePolicy = ThrottlePolicy()

    def count(self, session: Session, username: str, source: str, now: datetime) -> Try:
        """Count one try at `username` from the address `source`.

        Raises:
            ThrottledError: the pause after the last tries is not over; this one does not count.

        """
        free = {
            _subject("pair", username, network_of(source)): self.policy.free_per_pair,
            _subject("name", username): self.policy.free_per_name,
            _subject("source", network_of(source)): self.policy.free_per_source,
        }
        rows = _lock(session, free, now)

        waits = [row.blocked_until - now for row in rows if row.blocked_until is not None and row.blocked_until > now]
        if waits:
            left = ceil(max(waits).total_seconds())
            minutes = ceil(left / 60)
            raise ThrottledError(
                f"Too many failed logins; try again in {minutes} min.",
                f"登录失败次数过多，请 {minutes} 分钟后再试。",
                retry_after=left,
            )

        for row in rows:
            stale = now - row.last_at > self.policy.forgotten_after
            row.tries = 1 if stale else row.tries + 1
            row.last_at = now
            row.blocked_until = self._pause_after(row.tries - free[row.subject], now)
        session.flush()
        return Try(tuple(free))

    def _pause_after(self, beyond: int, now: datetime) -> datetime | None:
        if beyond < 0:
            return None
        return now + min(self.policy.first_pause * (1 << min(beyond, 20)), self.policy.longest_pause)


def forget_old_tries(session: Session, now: datetime, policy: ThrottlePolicy) -> int:
    """Delete counts that no longer count; return how many."""
    old = delete(Guessing).where(Guessing.last_at <= now - policy.forgotten_after)
    return cast("CursorResult[object]", session.execute(old)).rowcount


def network_of(source: str) -> str:
    """Return what counts as one source: an IPv4 address, or the /64 an IPv6 address stands in."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    if address.version == 4:  # noqa: PLR2004 - IP's own number
        return source
    return str(ipaddress.ip_network((address, 64), strict=False))


def _subject(sort: str, *parts: str) -> str:
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"{sort}:{digest}"


def _lock(session: Session, subjects: Iterable[str], now: datetime) -> list[Guessing]:
    """Return the rows of `subjects`, locked, in one order, so that two tries never wait for each other."""
    ordered = sorted(subjects)
    insert_new(session, Guessing, [{"subject": subject, "tries": 0, "last_at": now} for subject in ordered])
    wanted = select(Guessing).where(Guessing.subject.in_(ordered)).order_by(Guessing.subject).with_for_update()
    return list(session.scalars(wanted))
