"""Accounts of people and programs: made, given roles, reset, disabled; each step goes into the access log."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.errors import ConflictError, InvalidError, NotFoundError
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.passwords import hash_secret, new_secret
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.identity.sessions import end_all
from ecolink.kit.ids import new_id

MAX_NAME = 100
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")

CONSOLE = Principal(id="console", username="console", name="console", roles=frozenset({Role.ADMINISTRATOR}))
"""Who acts when the operator uses the command line on the machine itself."""

PROVIDER = Principal(id="provider", username="identity-provider", name="identity-provider", roles=frozenset())
"""Who acts when the bureau's identity provider says who somebody is and which groups they belong to."""


@dataclass(frozen=True, slots=True, repr=False)
class Accounts:
    """Administration of accounts. Nothing here hashes a password: that is slow, and done before the transaction."""

    log: AccessLog

    def add_user(
        self,
        session: Session,
        *,
        username: str,
        name: str,
        roles: Iterable[Role],
        password_hash: str,
        by: Principal,
        now: datetime,
        must_change_password: bool = True,
    ) -> Account:
        """Make a person's account.

        Raises:
            InvalidError: the username or the name cannot be one, or there is no role.
            ConflictError: the username is taken.

        """
        return self._add(
            session,
            Account(
                kind=AccountKind.USER.value,
                username=username.lower(),
                name=name,
                credential=password_hash,
                roles=[role.value for role in roles],
                must_change_password=must_change_password,
            ),
            by,
            now,
        )

    def follow_provider(
        self, session: Session, *, subject: str, username: str, name: str, roles: Iterable[Role], now: datetime
    ) -> Account:
        """Return the account of who the identity provider knows as `subject`, made or brought up to what it says now.

        Raises:
            InvalidError: the username cannot be one, or there is no role.
            ConflictError: the username is that of another account; the provider never takes over one.

        """
        account = session.scalars(select(Account).where(Account.provider_subject == subject)).one_or_none()
        if account is None:
            account = Account(
                kind=AccountKind.USER.value,
                username=username.lower(),
                name=name,
                credential="",
                provider_subject=subject,
                roles=[role.value for role in roles],
                must_change_password=False,
            )
            return self._add(session, account, PROVIDER, now)
        if (account.name, account.roles) != (name, _distinct(role.value for role in roles)):
            self._change(session, account, name, roles, PROVIDER, now)
        return account

    def add_client(
        self, session: Session, *, client_id: str, name: str, roles: Iterable[Role], by: Principal, now: datetime
    ) -> tuple[Account, str]:
        """Make a program's account; return it with its secret, which is shown this once.

        Raises:
            InvalidError: the client_id or the name cannot be one, or there is no role.
            ConflictError: the client_id is taken.

        """
        secret = new_secret()
        account = Account(
            kind=AccountKind.CLIENT.value,
            username=client_id.lower(),
            name=name,
            credential=hash_secret(secret),
            roles=[role.value for role in roles],
            must_change_password=False,
        )
        return self._add(session, account, by, now), secret

    def get(self, session: Session, kind: AccountKind, account_id: str) -> Account:
        """Return one account.

        Raises:
            NotFoundError: there is no such account of this kind.

        """
        account = session.get(Account, account_id)
        if account is None or account.kind != kind.value:
            raise NotFoundError
        return account

    def named(self, session: Session, kind: AccountKind, username: str) -> Account:
        """Return the account that logs in as `username`.

        Raises:
            NotFoundError: there is none.

        """
        account = find(session, kind, username)
        if account is None:
            raise NotFoundError
        return account

    def change(
        self, session: Session, account: Account, *, name: str, roles: Iterable[Role], by: Principal, now: datetime
    ) -> None:
        """Give `account` another name and other roles; they count from the next call on.

        Raises:
            InvalidError: the name cannot be one, or there is no role.
            ConflictError: nobody would be left to administer the node, or the identity provider says these things.

        """
        _refuse_provided(account)
        self._change(session, account, name, roles, by, now)

    def _change(
        self, session: Session, account: Account, name: str, roles: Iterable[Role], by: Principal, now: datetime
    ) -> None:
        before = sorted(account.roles)
        account.name, account.roles = name, _distinct(role.value for role in roles)
        _check(account)
        self._keep_an_administrator(session, account)
        details = {"roles_before": " ".join(before), "roles_after": " ".join(sorted(account.roles))}
        self.record(session, account, "changed", by, now, details)

    def reset_password(
        self, session: Session, account: Account, *, password_hash: str, by: Principal, now: datetime
    ) -> None:
        """Set a password its bearer must change; every login of theirs ends.

        Raises:
            ConflictError: the person signs in with the identity provider, and has no password here.

        """
        _refuse_provided(account)
        account.credential, account.credential_changed_at = password_hash, now
        account.must_change_password = True
        end_all(session, account, by, now)
        self.record(session, account, "password reset", by, now)

    def change_password(
        self, session: Session, account: Account, *, password_hash: str, by: Principal, now: datetime
    ) -> None:
        """Set the password its bearer chose; their other logins end."""
        account.credential, account.credential_changed_at = password_hash, now
        account.must_change_password = False
        end_all(session, account, by, now, but=by.session_id)
        self.record(session, account, "password changed", by, now)

    def rotate_secret(self, session: Session, account: Account, *, by: Principal, now: datetime) -> str:
        """Give a program a new secret and return it; the old one and every login made with it end."""
        secret = new_secret()
        account.credential, account.credential_changed_at = hash_secret(secret), now
        end_all(session, account, by, now)
        self.record(session, account, "secret rotated", by, now)
        return secret

    def disable(self, session: Session, account: Account, *, by: Principal, now: datetime) -> None:
        """Shut an account; every login of it ends. Doing it again changes nothing.

        Raises:
            ConflictError: nobody would be left to administer the node.

        """
        if account.disabled_at is not None:
            return
        account.disabled_at = now
        self._keep_an_administrator(session, account)
        end_all(session, account, by, now)
        self.record(session, account, "disabled", by, now)

    def enable(self, session: Session, account: Account, *, by: Principal, now: datetime) -> None:
        """Open an account again. Doing it again changes nothing."""
        if account.disabled_at is None:
            return
        account.disabled_at = None
        self.record(session, account, "enabled", by, now)

    def _add(self, session: Session, account: Account, by: Principal, now: datetime) -> Account:
        account.id = new_id(now)
        account.created_at = account.credential_changed_at = now
        account.roles = _distinct(account.roles)
        _check(account)
        if find(session, AccountKind(account.kind), account.username) is not None:
            raise ConflictError(
                f"The name {account.username} is taken.", f"名称 {account.username} 已被使用。", pointer="/username"
            )
        session.add(account)
        self.record(session, account, "created", by, now, {"roles_after": " ".join(sorted(account.roles))})
        return account

    def _keep_an_administrator(self, session: Session, changed: Account) -> None:
        """Refuse the change that locks everybody out of the administration while the identity provider is away."""
        session.flush()
        if changed.provider_subject is not None:
            return
        able = session.scalars(
            select_accounts(AccountKind.USER).where(Account.disabled_at.is_(None), Account.provider_subject.is_(None))
        )
        if not any(Role.ADMINISTRATOR in account.held_roles() for account in able):
            raise ConflictError(
                f"{changed.username} is the last administrator.", f"{changed.username} 是最后一名系统管理员。"
            )

    def record(
        self,
        session: Session,
        account: Account,
        what: str,
        by: Principal,
        now: datetime,
        details: Mapping[str, str] | None = None,
    ) -> None:
        """Enter into the access log `what` was done to an account."""
        session.flush()
        entry = AccessEntry(
            at=now,
            actor=by.username,
            role=by.lead_role,
            action=AccessAction.ADMINISTER,
            object_type=account.kind,
            object_id=account.id,
            reason=what,
            details={"username": account.username, **(details or {})},
        )
        self.log.record(session, entry)


def find(session: Session, kind: AccountKind, username: str) -> Account | None:
    """Return the account that logs in as `username`, if there is one; anything may be asked for."""
    if _USERNAME.fullmatch(username.lower()) is None:
        return None
    return session.scalars(
        select(Account).where(Account.kind == kind.value, Account.username == username.lower())
    ).one_or_none()


def select_accounts(kind: AccountKind, words: str | None = None) -> Select[Account]:
    """Select the accounts of a kind, those whose username or name holds `words`."""
    wanted = select(Account).where(Account.kind == kind.value)
    if words:
        lowered = words.lower()
        wanted = wanted.where(
            func.lower(Account.username).contains(lowered, autoescape=True)
            | func.lower(Account.name).contains(lowered, autoescape=True)
        )
    return wanted


def _refuse_provided(account: Account) -> None:
    if account.provider_subject is not None:
        raise ConflictError(
            f"{account.username} signs in with the bureau account: name, roles and password are the provider's to say.",
            f"{account.username} 使用统一身份登录，姓名、角色与密码由统一身份认证服务管理。",
        )


def _distinct(roles: Iterable[str]) -> list[str]:
    return sorted(set(roles))


def _check(account: Account) -> None:
    if _USERNAME.fullmatch(account.username) is None:
        raise InvalidError(
            "A username is 2 to 64 of a-z, 0-9, dot, hyphen and underscore, and starts with a letter or digit.",
            "用户名须为 2 至 64 位小写字母、数字、点、连字符或下划线，并以字母或数字开头。",
            pointer="/username",
        )
    name = account.name.strip()
    if not 1 <= len(name) <= MAX_NAME or any(unicodedata.category(sign) in {"Cc", "Cf", "Cs"} for sign in name):
        raise InvalidError(
            f"A name has 1 to {MAX_NAME} characters and no invisible ones.",
            f"姓名须为 1 至 {MAX_NAME} 个字符，且不含不可见字符。",
            pointer="/name",
        )
    if not account.roles:
        raise InvalidError("An account has at least one role.", "账号至少须有一个角色。", pointer="/roles")
