"""Signing in with the bureau account: out to the identity provider and back, in one browser, within minutes.

What the browser was sent out with is not kept here but in a cookie of that browser, sealed: an answer that somebody
else's browser brings, or one brought too late, opens nothing. Roles follow from groups, anew at each sign-in; where
no group of a person's gives a role there is no way in, and logins from before end.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.errors import ForbiddenError
from ecolink.identity.accounts import MAX_NAME, PROVIDER, Accounts
from ecolink.identity.models import Account
from ecolink.identity.provider import Assertion, Provider, Question, SignOnRefusedError
from ecolink.identity.roles import Role, senior_role
from ecolink.identity.sessions import end_all
from ecolink.kit.times import from_seconds, to_seconds
from ecolink.kit.vault import Vault, VaultError
from ecolink.protocol import base64url
from ecolink.protocol.refusal import Refused
from ecolink.storage.engine import Database

GOOD_FOR: Final = timedelta(minutes=10)
"""How long somebody may take at the provider."""

_ABOUT: Final = "sign-on under way"

LoginT = TypeVar("LoginT")


class NoRoleError(ForbiddenError):
    """The bureau account is good, and gives no role here, or was shut here."""

    code = "no-role"


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes, and what it keeps until it comes back."""

    address: str
    kept: str


@dataclass(frozen=True, slots=True)
class SignOn:
    """Sends people to the identity provider, and lets them in when they come back."""

    provider: Provider
    vault: Vault
    accounts: Accounts
    log: AccessLog

    def depart(self, to: str, now: datetime) -> Departure:
        """Send a browser out that is to end at the page `to`.

        Raises:
            ProviderUnavailableError: the provider does not answer.

        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        address = self.provider.address_for(Question(state=state, nonce=nonce, verifier=verifier), now)
        kept = json.dumps([state, nonce, verifier, to, to_seconds(now)]).encode()
        return Departure(address, base64url.encode(self.vault.seal(kept, _ABOUT)).decode())

    def arrive(
        self,
        database: Database,
        kept: str,
        answer: Mapping[str, str],
        source: str,
        now: datetime,
        open_login: Callable[[Session, Account], LoginT],
    ) -> tuple[LoginT, str]:
        """Let in who comes back with `answer` in a browser that `kept` what it was given; return its login and page.

        No transaction is open while the provider is asked.

        Raises:
            SignOnRefusedError: it is another browser, too late, or proves nothing.
            NoRoleError: the person is who they say, and may not come in.
            ConflictError: an account with a password has their name.
            InvalidError: their name at the provider cannot be one here.
            ProviderUnavailableError: the provider does not answer.

        """
        question, to = self._recall(kept, now)
        known = self.provider.ask_who(question, answer, now)
        roles = self._roles(known)
        subject = hashlib.sha256(f"{self.provider.terms.issuer}\n{known.subject}".encode()).hexdigest()
        with database.begin() as session:
            account = self._account(session, known, subject, roles, now)
            if account is not None:
                self._record(session, account, source, now)
                return open_login(session, account), to
        # Raised here, when it is committed that their other logins ended.
        raise NoRoleError(
            "Your bureau account gives you no access here; ask the administrator of the node.",
            "您的统一身份账号尚未获得本系统的角色或已停用，请联系系统管理员。",
        )

    def _recall(self, kept: str, now: datetime) -> tuple[Question, str]:
        try:
            state, nonce, verifier, to, sent = json.loads(self.vault.open(base64url.decode(kept.encode()), _ABOUT))
        except (VaultError, Refused, ValueError) as fault:
            raise _too_late() from fault
        if not timedelta(0) <= now - from_seconds(sent) <= GOOD_FOR:
            raise _too_late()
        return Question(state=state, nonce=nonce, verifier=verifier), to

    def _roles(self, known: Assertion) -> frozenset[Role]:
        given = self.provider.terms.group_roles
        return frozenset[Role]().union(*(given.get(group, ()) for group in known.groups))

    def _account(
        self, session: Session, known: Assertion, subject: str, roles: frozenset[Role], now: datetime
    ) -> Account | None:
        """Return the account to let in; None where there is none to, its logins being ended."""
        held = session.scalars(select(Account).where(Account.provider_subject == subject)).one_or_none()
        if roles and (held is None or held.disabled_at is None):
            return self.accounts.follow_provider(
                session, subject=subject, username=known.username, name=_name(known), roles=roles, now=now
            )
        if held is not None:
            end_all(session, held, PROVIDER, now)
        return None

    def _record(self, session: Session, account: Account, source: str, now: datetime) -> None:
        entry = AccessEntry(
            at=now,
            actor=account.username,
            role=senior_role(account.held_roles()),
            action=AccessAction.LOGIN,
            object_type=account.kind,
            object_id=account.id,
            details={"source": source, "by": "identity provider"},
        )
        self.log.record(session, entry)


def _name(known: Assertion) -> str:
    """Return a person's name as an account may hold it."""
    shown = "".join(sign for sign in known.name if sign.isprintable())[:MAX_NAME].strip()
    return shown or known.username


def _too_late() -> SignOnRefusedError:
    return SignOnRefusedError(
        "The sign-in took too long, or was begun in another browser; begin again.",
        "登录已超时，或不是在本浏览器中发起的，请重新登录。",
    )
