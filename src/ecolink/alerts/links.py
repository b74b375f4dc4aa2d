"""One-time links: what an officer opens on the phone, `/a/` and a secret of 256 bits.

A link is for one alert and one person, and good for half an hour. Opened, it shows the number and how urgent it is,
and nothing else; to acknowledge with it takes the person's login or their PIN as well. The node keeps a digest of the
secret, so that nobody reads links out of its database.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.orm import Session

from ecolink.alerts.models import Alert, AlertLink, AlertState, Telling
from ecolink.errors import NotFoundError
from ecolink.identity.models import Account
from ecolink.identity.principal import Principal

GOOD_FOR: Final = timedelta(minutes=30)
WRONG_PINS: Final = 5
"""After so many wrong PINs a link is worth nothing."""

PATH: Final = "/a/"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link that is good leads to."""

    link: AlertLink
    alert: Alert
    account: Account

    @property
    def principal(self) -> Principal:
        """The person it was made for, as who they would be logged in."""
        return Principal(
            id=self.account.id,
            username=self.account.username,
            name=self.account.name,
            roles=self.account.held_roles(),
        )


def make(session: Session, alert_id: str | None, account_id: str | None, now: datetime) -> str | None:
    """Make a link for one person and one alert; return its path, which is told this once.

    None when there is nothing to acknowledge, or nobody to do it.
    """
    opened = select(Alert.id).where(Alert.id == alert_id, Alert.state == AlertState.OPEN.value)
    if account_id is None or session.scalar(opened) is None:
        return None
    secret = secrets.token_urlsafe(32)
    session.add(
        AlertLink(
            digest=_digest(secret),
            alert_id=alert_id,
            account_id=account_id,
            made_at=now,
            expires_at=now + GOOD_FOR,
        )
    )
    session.flush()
    return PATH + secret


def open_link(session: Session, secret: str, now: datetime, *, lock: bool = False) -> Opened:
    """Return what a link leads to.

    Raises:
        NotFoundError: it never was, has expired, was spent, or its person may not log in any more.

    """
    link = session.get(AlertLink, _digest(secret), with_for_update=lock or None, populate_existing=lock)
    if link is None or link.expires_at <= now or link.spent_at is not None or link.wrong_pins >= WRONG_PINS:
        raise NotFoundError
    account = session.get_one(Account, link.account_id)
    if account.disabled_at is not None or account.must_change_password:
        raise NotFoundError
    return Opened(link, session.get_one(Alert, link.alert_id), account)


def note_opened(session: Session, opened: Opened, now: datetime) -> None:
    """Take note that the person has seen it."""
    opened.link.opened_at = opened.link.opened_at or now
    telling = session.get(Telling, (opened.alert.id, opened.account.id))
    if telling is not None and telling.read_at is None:
        telling.read_at = now
    session.flush()


def forget_expired(session: Session, now: datetime) -> int:
    """Delete the links that are good no more; return how many."""
    gone = session.execute(delete(AlertLink).where(AlertLink.expires_at <= now))
    return cast("CursorResult[object]", gone).rowcount


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
