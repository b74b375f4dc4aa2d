"""Making, finding and revoking calendar feeds."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ecolink.errors import ConflictError, NotFoundError
from ecolink.exchanges.feeds.entries import Entry
from ecolink.exchanges.feeds.models import CalendarFeed
from ecolink.identity.models import Account
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission, permissions
from ecolink.kit.canonical import sha256_hex
from ecolink.kit.ids import new_id

SECRET_BYTES = 32
MOST = 10
"""Feeds one person may have: a telephone, a desk, and some to spare."""

NOTED_EVERY = timedelta(hours=1)
"""How often it is noted that a feed was read: a program that comes every minute costs no write each time."""

EntriesOf = Callable[[Session, datetime], Iterable[Entry]]
"""A room's entries, around a moment."""


@dataclass(frozen=True)
class Opened:
    """A new feed and its secret, which nobody can read again."""

    feed: CalendarFeed
    secret: str


@dataclass(frozen=True, repr=False)
class FeedService:
    """The calendar feeds of this bureau's people."""

    name: str
    """The bureau's name: what the calendar is called."""
    sources: Sequence[EntriesOf]

    def open(self, session: Session, label: str, *, by: Principal, now: datetime) -> Opened:
        """Make a feed for whoever calls.

        Raises:
            ConflictError: they have as many as one may have.

        """
        count = session.scalar(select(func.count()).where(CalendarFeed.account_id == by.id)) or 0
        if count >= MOST:
            raise ConflictError(
                f"You have {MOST} calendar addresses; revoke one you do not use.",
                f"您已有 {MOST} 个日历订阅地址，请先撤销不用的。",
            )
        secret = secrets.token_urlsafe(SECRET_BYTES)
        feed = CalendarFeed(
            id=new_id(now), account_id=by.id, digest=sha256_hex(secret.encode()), label=label, created_at=now
        )
        session.add(feed)
        session.flush()
        return Opened(feed, secret)

    def own(self, by: Principal) -> Select[CalendarFeed]:
        """Select the caller's feeds."""
        return select(CalendarFeed).where(CalendarFeed.account_id == by.id).order_by(CalendarFeed.id)

    def revoke(self, session: Session, feed_id: str, *, by: Principal) -> None:
        """End a feed of the caller's: its address answers nobody from now on.

        Raises:
            NotFoundError: they have no such feed.

        """
        feed = session.get(CalendarFeed, feed_id)
        if feed is None or feed.account_id != by.id:
            raise NotFoundError
        session.delete(feed)
        session.flush()

    def read(self, session: Session, secret: str, now: datetime) -> list[Entry]:
        """Return what stands in the calendar whose address holds `secret`.

        The index finds the secret's digest, whose bits tell nothing of the secret's: there is no time to measure.

        Raises:
            NotFoundError: no feed has it, or its owner may not see obligations (any more).

        """
        found = session.execute(
            select(CalendarFeed, Account)
            .join(Account, Account.id == CalendarFeed.account_id)
            .where(CalendarFeed.digest == sha256_hex(secret.encode()), Account.disabled_at.is_(None))
        ).one_or_none()
        if found is None or Permission.OBLIGATION_READ not in permissions(found.Account.held_roles()):
            raise NotFoundError
        feed = found.CalendarFeed
        if feed.read_at is None or now - feed.read_at >= NOTED_EVERY:
            feed.read_at = now
            session.flush()
        return list(self._entries(session, now))

    def _entries(self, session: Session, now: datetime) -> Iterable[Entry]:
        for entries in self.sources:
            yield from entries(session, now)
