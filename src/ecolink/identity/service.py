"""The whole of identity, put together for wiring and the command line."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ecolink.audit.access import AccessLog
from ecolink.identity.accounts import Accounts
from ecolink.identity.logins import Logins
from ecolink.identity.passwords import Passwords
from ecolink.identity.sessions import Sessions, forget_expired_logins
from ecolink.identity.throttle import Throttle, ThrottlePolicy, forget_old_tries
from ecolink.identity.tokens import Tokens
from ecolink.protocol.keys import SigningKey

LOGINS_KEPT = timedelta(days=30)
"""How long an ended login stays listed; that it was stands in the access log for ever."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Accounts, logins and what checks them."""

    accounts: Accounts
    logins: Logins
    sessions: Sessions
    passwords: Passwords
    throttle: Throttle

    @classmethod
    def build(
        cls,
        token_key: SigningKey,
        unit_code: str,
        log: AccessLog,
        *,
        passwords: Passwords | None = None,
        policy: ThrottlePolicy | None = None,
    ) -> "Identity":
        """Put identity together around the key for local tokens, which must sign nothing else."""
        sessions = Sessions(Tokens(token_key, unit_code))
        passwords = passwords or Passwords()
        throttle = Throttle(policy or ThrottlePolicy())
        return cls(Accounts(log), Logins(sessions, passwords, throttle, log), sessions, passwords, throttle)

    def tidy(self, session: Session, now: datetime) -> int:
        """Delete what no longer counts: logins long ended, tries long ago; return how many rows."""
        return forget_expired_logins(session, now - LOGINS_KEPT) + forget_old_tries(session, now, self.throttle.policy)
