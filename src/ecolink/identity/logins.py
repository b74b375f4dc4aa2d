"""Logging in: count the try, look at the password with no transaction open, then hand out a token.

Every answer to wrong credentials is the same, and takes as long, whether the name does not exist, the
password is wrong or the account is disabled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.errors import NotFoundError, UnauthenticatedError
from ecolink.identity.accounts import find
from ecolink.identity.models import Account, AccountKind, LoginSession
from ecolink.identity.passwords import Passwords, verify_secret
from ecolink.identity.principal import Principal
from ecolink.identity.roles import senior_role
from ecolink.identity.second_factor import SecondFactors, Verdict
from ecolink.identity.sessions import Issued, OpenedAtConsole, Sessions
from ecolink.identity.throttle import Throttle
from ecolink.kit.events import structlog
from ecolink.storage.engine import Database

ONE_TIME_GOOD_FOR: Final = timedelta(days=7)
"""A password that somebody else set opens the door for so long; unused, it is worth nothing to who finds it later."""

JUST_NOW: Final = timedelta(minutes=5)
"""How old a sign-in with the identity provider may be that still stands for a password."""

LoginT = TypeVar("LoginT")

_log = structlog.get_logger(__name__)


class WrongCredentialsError(UnauthenticatedError):
    """Name and password, or client and secret, do not belong together."""

    code = "wrong-credentials"


class OtpRequiredError(UnauthenticatedError):
    """The password is right, and the account asks for a code as well."""

    code = "otp-required"


class WrongOtpError(UnauthenticatedError):
    """The password is right, the code is not, or was used before."""

    code = "wrong-otp"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that worked."""

    issued: Issued
    must_change_password: bool
    must_enrol: bool


@dataclass(frozen=True, slots=True, repr=False)
class Logins:
    """The door to the local API. Opens its own short transactions: none is open while a password is hashed."""

    sessions: Sessions
    passwords: Passwords
    throttle: Throttle
    second_factors: SecondFactors
    log: AccessLog

    def log_in(
        self,
        database: Database,
        kind: AccountKind,
        username: str,
        credential: str,
        source: str,
        now: datetime,
        otp: str | None = None,
    ) -> LoggedIn:
        """Check a person's password or a program's secret, sent from the address `source`, and open a login.

        Raises:
            WrongCredentialsError: they are wrong; nothing tells in which way.
            OtpRequiredError: they are right; the account asks for a code as well.
            WrongOtpError: they are right; the code is not.
            ThrottledError: too many tries on this name or from this source.

        """

        def open_login(session: Session, account: Account) -> LoggedIn:
            issued = self.sessions.open(session, account, source, now)
            return LoggedIn(issued, account.must_change_password, self.sessions.must_enrol(account))

        return self._admit(database, kind, username, credential, source, now, otp, open_login)

    def log_in_at_console(
        self,
        database: Database,
        username: str,
        password: str,
        source: str,
        agent: str,
        now: datetime,
        otp: str | None = None,
    ) -> OpenedAtConsole:
        """Check a person's password, sent from `source` by a browser that calls itself `agent`, and open a login.

        Raises:
            WrongCredentialsError: they are wrong; nothing tells in which way.
            OtpRequiredError: they are right; the account asks for a code as well.
            WrongOtpError: they are right; the code is not.
            ThrottledError: too many tries on this name or from this source.

        """

        def open_login(session: Session, account: Account) -> OpenedAtConsole:
            return self.sessions.open_at_console(session, account, source, agent, now)

        return self._admit(database, AccountKind.USER, username, password, source, now, otp, open_login)

    def _admit(
        self,
        database: Database,
        kind: AccountKind,
        username: str,
        credential: str,
        source: str,
        now: datetime,
        otp: str | None,
        open_login: Callable[[Session, Account], LoginT],
    ) -> LoginT:
        with database.begin() as session:
            attempt = self.throttle.count(session, username.lower(), source, now)
            account = find(session, kind, username)
            account_id, stored = _offered(account, now)

        right = self._verify(kind, credential, stored)

        verdict = None
        if right:
            with database.begin() as session:
                account = session.get(Account, account_id)
                # Read again: it may have been disabled or reset while the password was hashed.
                if account is not None and _offered(account, now) == (account_id, stored):
                    attempt.take_back(session)
                    verdict = self.second_factors.judge(session, account, otp, source, now)
                    if verdict.lets_in:
                        self._record(session, account, verdict, source, now)
                        return open_login(session, account)
        # Raised here, when what was counted is committed.
        raise _refused(verdict, kind, account_id, source)

    def prove_otp(self, database: Database, by: Principal, otp: str, source: str, now: datetime) -> bool:
        """Tell whether the person logged in as `by` has their second factor: asked before it is changed. Spends it.

        Raises:
            ThrottledError: they tried too often.

        """
        with database.begin() as session:
            account = session.get_one(Account, by.id)
            return self.second_factors.judge(session, account, otp, source, now).lets_in

    def prove(self, database: Database, by: Principal, password: str, source: str, now: datetime) -> bool:
        """Tell whether the person logged in as `by` knows their password: asked before something of theirs is changed.

        Who comes from the identity provider has none here, and proves themselves by having come just now.

        Raises:
            ThrottledError: they tried too often.
            NotFoundError: the caller is a program, which has no password.

        """
        if by.kind != AccountKind.USER.value:
            raise NotFoundError
        with database.begin() as session:
            account = session.get_one(Account, by.id)
            if account.provider_subject is not None:
                return now - session.get_one(LoginSession, by.session_id).issued_at <= JUST_NOW
            attempt = self.throttle.count(session, by.username, source, now)
            stored = account.credential
        right = self.passwords.verify(password, stored)
        if right:
            with database.begin() as session:
                attempt.take_back(session)
        else:
            _log.warning("login refused", kind=by.kind, source=source, account=by.id)
        return right

    def _verify(self, kind: AccountKind, credential: str, stored: str | None) -> bool:
        if kind is AccountKind.CLIENT:
            return verify_secret(credential, stored)
        return self.passwords.verify(credential, stored)

    def _record(self, session: Session, account: Account, verdict: Verdict, source: str, now: datetime) -> None:
        second = {} if verdict is Verdict.NOT_ENROLLED else {"second_factor": verdict.value}
        entry = AccessEntry(
            at=now,
            actor=account.username,
            role=senior_role(account.held_roles()),
            action=AccessAction.LOGIN,
            object_type=account.kind,
            object_id=account.id,
            details={"source": source, **second},
        )
        self.log.record(session, entry)


def _offered(account: Account | None, now: datetime) -> tuple[str, str | None]:
    """Return what a login is compared with: nothing, for an account that is shut, is not there or waited too long."""
    if account is None:
        return "", None
    too_late = account.must_change_password and now - account.credential_changed_at > ONE_TIME_GOOD_FOR
    return account.id, None if account.disabled_at is not None or too_late else account.credential or None


def wrong_credentials() -> WrongCredentialsError:
    """Return the one answer to credentials that are wrong."""
    return WrongCredentialsError(
        "The name or the password is wrong.",
        "用户名或密码错误。",
    )


def _refused(verdict: Verdict | None, kind: AccountKind, account_id: str, source: str) -> UnauthenticatedError:
    """Return why a login came to nothing; who knew the password is told that a code is wanted, and nobody else."""
    if verdict is Verdict.MISSING:
        return OtpRequiredError(
            "The account asks for a code from your authenticator app, or a recovery code, as well.",
            "该账号还需要动态口令（或备用恢复码）。",
            pointer="/otp",
        )
    # To the process's log only: strangers must not be able to fill the access log, which is kept for ever.
    if verdict is Verdict.WRONG:
        _log.warning("login refused", kind=kind.value, source=source, account=account_id, why="second factor")
        return WrongOtpError("The code is not right, or was used before.", "动态口令不正确或已被使用。", pointer="/otp")
    _log.warning("login refused", kind=kind.value, source=source)
    return wrong_credentials()
