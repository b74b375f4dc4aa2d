"""Logins: each one is a row, asked on every call, so that revoking it ends it at once."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, CursorResult, Select, delete, select, update
from sqlalchemy.orm import Session, contains_eager

from ecolink.errors import NotFoundError, UnauthenticatedError
from ecolink.identity.models import Account, LoginSession
from ecolink.identity.principal import Principal
from ecolink.identity.tokens import Claims, Tokens, bad_token
from ecolink.kit.ids import new_id


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh access token, how long it is good (seconds), and its login."""

    token: str
    expires_in: int
    session_id: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """Opens, checks and ends logins."""

    tokens: Tokens

    def open(self, session: Session, account: Account, source: str, now: datetime) -> Issued:
        """Log `account` in, whose credentials were just checked."""
        # The token tells whole seconds; the row must not outlive it.
        login = LoginSession(
            id=new_id(now),
            account_id=account.id,
            source=source[:64],
            issued_at=now,
            expires_at=now.replace(microsecond=0) + self.tokens.life,
        )
        session.add(login)
        session.flush()
        claims = Claims(account.id, login.id, new_id(now), login.expires_at)
        return Issued(self.tokens.issue(claims, now), round(self.tokens.life.total_seconds()), login.id)

    def authenticate(self, session: Session, token: str, now: datetime) -> Principal:
        """Return who calls with `token`, as they are now.

        Raises:
            UnauthenticatedError: the token is not good, its login was revoked, or the account is disabled.

        """
        claims = self.tokens.read(token, now)
        login = session.scalars(_with_accounts().where(LoginSession.id == claims.session_id)).one_or_none()
        if login is None or login.account_id != claims.account_id:
            raise bad_token()
        if login.revoked_at is not None or login.expires_at <= now or login.account.disabled_at is not None:
            raise bad_token()
        return principal_of(login.account, login.id)

    def revoke_token(self, session: Session, token: str, now: datetime) -> None:
        """End the login of `token`; whoever holds it may. One that is not good is none to end (RFC 7009 2.2)."""
        try:
            claims = self.tokens.read(token, now)
        except UnauthenticatedError:
            return
        _end(session, LoginSession.id == claims.session_id, by=claims.account_id, now=now)

    def revoke(self, session: Session, session_id: str, by: Principal, now: datetime) -> LoginSession:
        """End one login.

        Raises:
            NotFoundError: there is no such login.

        """
        _end(session, LoginSession.id == session_id, by=by.username, now=now)
        login = session.scalars(_with_accounts().where(LoginSession.id == session_id)).one_or_none()
        if login is None:
            raise NotFoundError
        return login


def select_open(now: datetime, account_id: str | None = None) -> Select[LoginSession]:
    """Select the logins that are good at `now`, with their accounts; of one account, or of all."""
    wanted = _with_accounts().where(LoginSession.expires_at > now, LoginSession.revoked_at.is_(None))
    return wanted if account_id is None else wanted.where(LoginSession.account_id == account_id)


def end_all(session: Session, account: Account, by: Principal, now: datetime, *, but: str = "") -> None:
    """End every login of `account`, `but` the one named."""
    _end(session, LoginSession.account_id == account.id, LoginSession.id != but, by=by.username, now=now)


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


def principal_of(account: Account, session_id: str = "") -> Principal:
    """Return `account` as a caller."""
    return Principal(
        id=account.id,
        username=account.username,
        name=account.name,
        roles=account.held_roles(),
        kind="user" if account.kind == "user" else "client",
        session_id=session_id,
        must_change_password=account.must_change_password,
    )
