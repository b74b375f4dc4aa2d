"""Logins: each one is a row, asked on every call, so that revoking it ends it at once.

A program, or a person's own tool, shows an access token. A browser shows a cookie, whose digest alone is kept.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, CursorResult, Row, Select, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session, contains_eager

from ecolink.errors import NotFoundError, UnauthenticatedError
from ecolink.identity.models import Account, AccountKind, LoginSession
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.identity.tokens import Claims, Tokens, bad_token
from ecolink.kit.ids import new_id
from ecolink.storage.engine import Database

SEEN_EVERY: Final = timedelta(minutes=5)
"""How exactly it is known when a browser was last heard of."""

SHIFT: Final = timedelta(hours=12)
"""How long a browser stays logged in: a shift. An access token lives for minutes, and is asked for anew."""

IDLE: Final = timedelta(minutes=30)
"""After so long without being heard of a browser is logged in no more; as that is known to `SEEN_EVERY`, a little
sooner after its last use, never later."""

_LOGIN = select(
    LoginSession.id,
    LoginSession.account_id,
    LoginSession.expires_at,
    LoginSession.revoked_at,
    LoginSession.seen_at,
    Account.kind,
    Account.username,
    Account.name,
    Account.roles,
    Account.must_change_password,
    Account.provider_subject,
    Account.second_factor_since,
    Account.disabled_at,
).join(LoginSession.account)
"""All that is known of a caller: columns, not objects, because this is asked on every call."""
_BY_TOKEN = _LOGIN.where(LoginSession.id == bindparam("id"))
_BY_COOKIE = _LOGIN.where(LoginSession.cookie == bindparam("cookie"))


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh access token, how long it is good (seconds), and its login."""

    token: str
    expires_in: int
    session_id: str


@dataclass(frozen=True, slots=True)
class OpenedAtConsole:
    """What a browser is given, this once, and until when it is good."""

    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class Sessions:
    """Opens, checks and ends logins."""

    tokens: Tokens
    enrolling: frozenset[Role] = frozenset()
    """The roles whose bearers must have a second factor."""

    def must_enrol(self, account: Account) -> bool:
        """Tell whether `account` must have a second factor and has none."""
        return self._must_enrol(account)

    def _must_enrol(self, known: Any) -> bool:  # noqa: ANN401 - an account, or its columns
        if known.kind != AccountKind.USER.value or known.provider_subject is not None:
            return False
        return known.second_factor_since is None and not self.enrolling.isdisjoint(map(Role, known.roles))

    def open(self, session: Session, account: Account, source: str, now: datetime) -> Issued:
        """Log `account` in, whose credentials were just checked."""
        # The token tells whole seconds; the row must not outlive it.
        login = _new_login(account, source, now, now.replace(microsecond=0) + self.tokens.life)
        session.add(login)
        session.flush()
        claims = Claims(account.id, login.id, new_id(now), login.expires_at)
        return Issued(self.tokens.issue(claims, now), round(self.tokens.life.total_seconds()), login.id)

    def open_at_console(
        self, session: Session, account: Account, source: str, agent: str, now: datetime
    ) -> OpenedAtConsole:
        """Log `account` in, whose credentials were just checked, with a browser that calls itself `agent`."""
        secret = secrets.token_urlsafe(32)
        login = _new_login(account, source, now, now + SHIFT)
        login.cookie, login.agent, login.seen_at = _digest(secret), agent[:200], now
        session.add(login)
        session.flush()
        return OpenedAtConsole(secret, login.expires_at)

    def authenticate(self, session: Session, token: str, now: datetime) -> Principal:
        """Return who calls with `token`, as they are now.

        Raises:
            UnauthenticatedError: the token is not good, its login was revoked, or the account is disabled.

        """
        claims = self.tokens.read(token, now)
        caller = session.execute(_BY_TOKEN, {"id": claims.session_id}).one_or_none()
        if caller is None or caller.account_id != claims.account_id:
            raise bad_token()
        return self._principal(caller, now)

    def recognise(self, session: Session, secret: str, now: datetime) -> Principal:
        """Return who is logged in with the browser that holds `secret`, as they are now.

        Raises:
            UnauthenticatedError: there is no such login, it is over or was revoked, or the account is disabled.

        """
        caller = session.execute(_BY_COOKIE, {"cookie": _digest(secret)}).one_or_none()
        if caller is None:
            raise bad_token()
        return self._principal(caller, now)

    def is_to_be_noted(self, by: Principal, now: datetime) -> bool:
        """Tell whether it is no longer known well enough when the browser of `by` was heard of."""
        return by.seen_at is not None and now - by.seen_at >= SEEN_EVERY

    def note_seen(self, database: Database, by: Principal, now: datetime) -> None:
        """Keep that the browser of `by` was heard of."""
        with database.begin() as session:
            session.execute(update(LoginSession).where(LoginSession.id == by.session_id).values(seen_at=now))

    def _principal(self, caller: Row[*tuple[Any, ...]], now: datetime) -> Principal:
        if caller.revoked_at is not None or caller.expires_at <= now or caller.disabled_at is not None:
            raise bad_token()
        if caller.seen_at is not None and caller.seen_at + IDLE <= now:
            raise bad_token()
        return Principal(
            id=caller.account_id,
            username=caller.username,
            name=caller.name,
            roles=frozenset(map(Role, caller.roles)),
            kind="user" if caller.kind == AccountKind.USER.value else "client",
            session_id=caller.id,
            seen_at=caller.seen_at,
            must_change_password=caller.must_change_password,
            must_enrol=self._must_enrol(caller),
        )

    def revoke_token(self, session: Session, token: str, now: datetime) -> None:
        """End the login of `token`; whoever holds it may. One that is not good is none to end (RFC 7009 2.2)."""
        try:
            claims = self.tokens.read(token, now)
        except UnauthenticatedError:
            return
        _end(session, LoginSession.id == claims.session_id, by=claims.account_id, now=now)

    def revoke(
        self, session: Session, session_id: str, by: Principal, now: datetime, *, only_of: str | None = None
    ) -> LoginSession:
        """End one login; where `only_of` names an account, one of its own.

        Raises:
            NotFoundError: there is no such login.

        """
        which = [LoginSession.id == session_id]
        if only_of is not None:
            which.append(LoginSession.account_id == only_of)
        _end(session, *which, by=by.username, now=now)
        login = session.scalars(_with_accounts().where(*which)).one_or_none()
        if login is None:
            raise NotFoundError
        return login


def select_open(now: datetime, account_id: str | None = None) -> Select[LoginSession]:
    """Select the logins that are good at `now`, with their accounts; of one account, or of all."""
    is_in_use = or_(LoginSession.seen_at.is_(None), LoginSession.seen_at > now - IDLE)
    wanted = _with_accounts().where(LoginSession.expires_at > now, LoginSession.revoked_at.is_(None), is_in_use)
    return wanted if account_id is None else wanted.where(LoginSession.account_id == account_id)


def end_all(session: Session, account: Account, by: Principal, now: datetime, *, but: str = "") -> None:
    """End every login of `account`, `but` the one named."""
    _end(session, LoginSession.account_id == account.id, LoginSession.id != but, by=by.username, now=now)


def _new_login(account: Account, source: str, now: datetime, expires_at: datetime) -> LoginSession:
    return LoginSession(id=new_id(now), account_id=account.id, source=source[:64], issued_at=now, expires_at=expires_at)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _with_accounts() -> Select[LoginSession]:
    return select(LoginSession).join(LoginSession.account).options(contains_eager(LoginSession.account))


def _end(session: Session, *which: ColumnElement[bool], by: str, now: datetime) -> None:
    session.execute(
        update(LoginSession).where(LoginSession.revoked_at.is_(None), *which).values(revoked_at=now, revoked_by=by)
    )


def forget_expired_logins(session: Session, before: datetime) -> int:
    """Delete the logins that ended before `before`; return how many. The access log keeps that they were."""
    gone = session.execute(delete(LoginSession).where(LoginSession.expires_at <= before))
    return cast("CursorResult[object]", gone).rowcount
