"""PINs: six to twelve digits that an officer types on the phone, where there is no time to log in.

A PIN is worth something only together with a one-time link, and guessing it is slowed down as guessing a password is.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from sqlalchemy.orm import Session

from ecolink.alerts.links import open_link
from ecolink.alerts.models import AlertLink
from ecolink.alerts.personal_models import AlertPin
from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.errors import InvalidError
from ecolink.identity.passwords import Passwords
from ecolink.identity.principal import Principal
from ecolink.identity.throttle import Throttle
from ecolink.kit.events import structlog
from ecolink.storage.engine import Database

_log = structlog.get_logger(__name__)

SHORTEST: Final = 6
LONGEST: Final = 12
_FEWEST_DIFFERENT: Final = 3


@dataclass(frozen=True, repr=False)
class Pins:
    """Sets and checks PINs. Opens its own short transactions: none is open while a PIN is hashed."""

    passwords: Passwords
    throttle: Throttle
    access: AccessLog

    def set(self, session: Session, pin_hash: str, *, by: Principal, now: datetime) -> None:
        """Keep the caller's PIN, hashed beforehand, in place of one they had."""
        row = session.get(AlertPin, by.id) or AlertPin(account_id=by.id)
        row.credential, row.set_at = pin_hash, now
        session.add(row)
        self._record(session, "PIN set", by, now)

    def remove(self, session: Session, *, by: Principal, now: datetime) -> None:
        """Forget the caller's PIN: they acknowledge after a login only."""
        row = session.get(AlertPin, by.id)
        if row is not None:
            session.delete(row)
            self._record(session, "PIN removed", by, now)

    def prove(self, database: Database, secret: str, pin: str, source: str, now: datetime) -> Principal:
        """Return the person a link was made for, who typed their PIN at the address `source`.

        Raises:
            NotFoundError: the link is not good.
            InvalidError: the PIN is wrong, or there is none; after some of those the link is not good any more.
            ThrottledError: too many tries.

        """
        with database.begin() as session:
            opened = open_link(session, secret, now, lock=True)
            attempt = self.throttle.count(session, f"pin {opened.account.username}", source, now)
            opened.link.wrong_pins += 1
            row = session.get(AlertPin, opened.account.id)
            stored = row.credential if row else None

        right = self.passwords.verify(pin, stored)

        with database.begin() as session:
            if right:
                attempt.take_back(session)
                link = session.get(AlertLink, opened.link.digest, with_for_update=True, populate_existing=True)
                if link is not None:
                    link.wrong_pins -= 1
                return opened.principal
        # To the process's log only, as a refused login: a stranger must not be able to fill the access log.
        _log.warning("login refused", kind="user", source=source, account=opened.account.id, why="PIN")
        raise InvalidError("The PIN is wrong, or none is set.", "PIN 码错误，或尚未设置。", pointer="/pin")

    def _record(self, session: Session, what: str, by: Principal, now: datetime) -> None:
        session.flush()
        entry = AccessEntry(
            at=now,
            actor=by.username,
            role=by.lead_role,
            action=AccessAction.ADMINISTER,
            object_type="user",
            object_id=by.id,
            reason=what,
        )
        self.access.record(session, entry)


def check_pin(pin: str) -> None:
    """Refuse a PIN that is too easily guessed.

    Raises:
        InvalidError: it is not 6 to 12 digits, or they run up or down or hardly differ.

    """
    if not (SHORTEST <= len(pin) <= LONGEST and pin.isascii() and pin.isdigit()):
        raise InvalidError(
            f"A PIN is {SHORTEST} to {LONGEST} digits.", f"PIN 码须为 {SHORTEST} 至 {LONGEST} 位数字。", pointer="/pin"
        )
    steps = {int(after) - int(before) for before, after in pairwise(pin)}
    if len(set(pin)) < _FEWEST_DIFFERENT or steps in ({1}, {-1}):
        raise InvalidError(
            "The digits of a PIN do not run up or down, and at least three of them differ.",
            "PIN 码不得为连续数字，且至少包含三个不同的数字。",
            pointer="/pin",
        )
