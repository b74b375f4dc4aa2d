"""The whole of identity, put together for wiring and the command line."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ecolink.audit.access import AccessLog
from ecolink.identity.accounts import Accounts
from ecolink.identity.logins import Logins
from ecolink.identity.passwords import Passwords
from ecolink.identity.provider import Provider
from ecolink.identity.roles import Role
from ecolink.identity.second_factor import SecondFactors
from ecolink.identity.sessions import Sessions, forget_expired_logins
from ecolink.identity.sign_on import SignOn
from ecolink.identity.throttle import Throttle, ThrottlePolicy, forget_old_tries
from ecolink.identity.tokens import Tokens
from ecolink.kit.vault import Vault
from ecolink.protocol.keys import SigningKey

LOGINS_KEPT = timedelta(days=30)
"""How long an ended login stays listed; that it was stands in the access log for ever."""


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Accounts, logins and what checks them."""

    accounts: Accounts
    logins: Logins
    sessions: Sessions
    passwords: Passwords
    throttle: Throttle
    second_factors: SecondFactors
    sign_on: SignOn | None
    """Signing in with the bureau account; None where no identity provider is set."""

    @classmethod
    def build(
        cls,
        token_key: SigningKey,
        unit_code: str,
        log: AccessLog,
        vault: Vault,
        *,
        bureau: str | None = None,
        enrolling: Iterable[Role] = (),
        provider: Provider | None = None,
        passwords: Passwords | None = None,
        policy: ThrottlePolicy | None = None,
    ) -> "Identity":
        """Put identity together around the key for local tokens, which must sign nothing else.

        `bureau` is what an authenticator app lists codes under; who holds one of the roles `enrolling` must have one.
        """
        accounts = Accounts(log)
        sessions = Sessions(Tokens(token_key, unit_code), frozenset(enrolling))
        passwords = passwords or Passwords()
        throttle = Throttle(policy or ThrottlePolicy())
        second_factors = SecondFactors(vault, throttle, accounts, bureau or unit_code)
        logins = Logins(sessions, passwords, throttle, second_factors, log)
        sign_on = SignOn(provider, vault, accounts, log) if provider else None
        return cls(accounts, logins, sessions, passwords, throttle, second_factors, sign_on)

    def tidy(self, session: Session, now: datetime) -> int:
        """Delete what no longer counts: logins long ended, tries long ago; return how many rows."""
        return forget_expired_logins(session, now - LOGINS_KEPT) + forget_old_tries(session, now, self.throttle.policy)
