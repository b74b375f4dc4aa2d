"""Administration of the people and programs that may log in, and of their logins."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from ecolink.identity.accounts import select_accounts
from ecolink.identity.models import Account, AccountKind, LoginSession
from ecolink.identity.passwords import check_password, new_password
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.identity.service import Identity
from ecolink.identity.sessions import select_open
from ecolink.surface.auth import requires
from ecolink.surface.etags import IfMatch, etag
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import NowDep, SessionDep, TransactionalRoute
from ecolink.surface.versions import check_version
from ecolink.web.account_schemas import (
    AccountChange,
    ClientIn,
    ClientMade,
    ClientOut,
    ResetIn,
    SessionOut,
    UserIn,
    UserMade,
    UserOut,
)

ManagesUsers = Annotated[Principal, requires(Permission.USER_MANAGE)]
ManagesClients = Annotated[Principal, requires(Permission.CLIENT_MANAGE)]
Words = Annotated[str | None, Query(max_length=64, description="Part of the username or the name.")]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A password hashed before the transaction; told to the caller if the node chose it."""

    password_hash: str
    told: str | None


def users_router(identity: Identity) -> APIRouter:  # noqa: C901 - one endpoint after the other
    """Return the endpoints about people's accounts."""
    api = APIRouter(prefix="/users", tags=["accounts"], route_class=TransactionalRoute)
    accounts = identity.accounts

    def choose(password: str | None, username: str) -> _Chosen:
        if password is not None:
            check_password(password, username)
            return _Chosen(identity.passwords.hash(password), None)
        told = new_password()
        return _Chosen(identity.passwords.hash(told), told)

    def choose_first(body: UserIn) -> _Chosen:
        return choose(body.password, body.username)

    def choose_next(body: ResetIn) -> _Chosen:
        return choose(body.password, "\0")

    @api.get("", operation_id="list_users", summary="List people / 列出人员")
    def list_users(paging: Paging, session: SessionDep, by: ManagesUsers, q: Words = None) -> Page[UserOut]:  # noqa: ARG001
        """List the people who have an account, by username."""
        return paging.read(
            session,
            select_accounts(AccountKind.USER, q),
            order=(Account.username, Account.id),
            descending=False,
            shape=UserOut.of,
        )

    @api.post("", operation_id="create_user", summary="Add a person / 新增人员", status_code=201)
    def create_user(
        body: UserIn,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: ManagesUsers,
        chosen: Annotated[_Chosen, Depends(choose_first)],
    ) -> UserMade:
        """Make an account for a person. They must change the password at their first login."""
        account = accounts.add_user(
            session,
            username=body.username,
            name=body.name,
            roles=body.roles,
            password_hash=chosen.password_hash,
            by=by,
            now=now,
        )
        response.headers["ETag"] = etag(account.version)
        response.headers["Location"] = f"/api/v1/users/{account.id}"
        return UserMade(**UserOut.of(account).model_dump(), one_time_password=chosen.told)

    @api.get("/{user_id}", operation_id="get_user", summary="Show a person / 查看人员")
    def get_user(user_id: str, session: SessionDep, response: Response, by: ManagesUsers) -> UserOut:  # noqa: ARG001
        """Show one person's account."""
        account = accounts.get(session, AccountKind.USER, user_id)
        response.headers["ETag"] = etag(account.version)
        return UserOut.of(account)

    @api.put("/{user_id}", operation_id="change_user", summary="Change a person's name and roles / 变更姓名与角色")
    def change_user(
        user_id: str,
        body: AccountChange,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: ManagesUsers,
    ) -> UserOut:
        """Give a person another name and other roles. These count from their next call on."""
        account = accounts.get(session, AccountKind.USER, user_id)
        check_version(version, account.version)
        accounts.change(session, account, name=body.name, roles=body.roles, by=by, now=now)
        response.headers["ETag"] = etag(account.version)
        return UserOut.of(account)

    @api.post("/{user_id}/reset", operation_id="reset_user", summary="Reset a person's password / 重置密码")
    def reset_user(
        user_id: str,
        body: ResetIn,  # noqa: ARG001 - read where its password is hashed
        session: SessionDep,
        now: NowDep,
        by: ManagesUsers,
        chosen: Annotated[_Chosen, Depends(choose_next)],
    ) -> UserMade:
        """Set a password the person must change at their next login. Every login of theirs ends at once."""
        account = accounts.get(session, AccountKind.USER, user_id)
        accounts.reset_password(session, account, password_hash=chosen.password_hash, by=by, now=now)
        return UserMade(**UserOut.of(account).model_dump(), one_time_password=chosen.told)

    @api.post("/{user_id}/reset-otp", operation_id="reset_user_otp", summary="Take a second factor away / 重置动态口令")
    def reset_user_otp(user_id: str, session: SessionDep, now: NowDep, by: ManagesUsers) -> UserOut:
        """Take a person's second factor away, whose telephone is lost. Every login of theirs ends at once.

        See that it is them who ask: from now on the password alone lets them in, or whoever knows it.
        """
        account = accounts.get(session, AccountKind.USER, user_id)
        identity.second_factors.remove(session, account, by=by, now=now)
        return UserOut.of(account)

    @api.post("/{user_id}/disable", operation_id="disable_user", summary="Shut a person's account / 停用人员账号")
    def disable_user(user_id: str, session: SessionDep, now: NowDep, by: ManagesUsers) -> UserOut:
        """Shut an account; every login of it ends at once. What the person did stays on record."""
        account = accounts.get(session, AccountKind.USER, user_id)
        accounts.disable(session, account, by=by, now=now)
        return UserOut.of(account)

    @api.post("/{user_id}/enable", operation_id="enable_user", summary="Open a person's account again / 恢复人员账号")
    def enable_user(user_id: str, session: SessionDep, now: NowDep, by: ManagesUsers) -> UserOut:
        """Open an account that was shut."""
        account = accounts.get(session, AccountKind.USER, user_id)
        accounts.enable(session, account, by=by, now=now)
        return UserOut.of(account)

    return api


def clients_router(identity: Identity) -> APIRouter:
    """Return the endpoints about programs' accounts."""
    api = APIRouter(prefix="/clients", tags=["accounts"], route_class=TransactionalRoute)
    accounts = identity.accounts

    @api.get("", operation_id="list_clients", summary="List programs / 列出程序")
    def list_clients(paging: Paging, session: SessionDep, by: ManagesClients, q: Words = None) -> Page[ClientOut]:  # noqa: ARG001
        """List the programs that have an account, by client_id."""
        return paging.read(
            session,
            select_accounts(AccountKind.CLIENT, q),
            order=(Account.username, Account.id),
            descending=False,
            shape=ClientOut.of,
        )

    @api.post("", operation_id="create_client", summary="Add a program / 新增程序", status_code=201)
    def create_client(
        body: ClientIn, session: SessionDep, now: NowDep, response: Response, by: ManagesClients
    ) -> ClientMade:
        """Make an account for a program and show its secret, this once."""
        account, secret = accounts.add_client(
            session, client_id=body.client_id, name=body.name, roles=body.roles, by=by, now=now
        )
        response.headers["ETag"] = etag(account.version)
        response.headers["Location"] = f"/api/v1/clients/{account.id}"
        return ClientMade(**ClientOut.of(account).model_dump(), client_secret=secret)

    @api.get("/{account_id}", operation_id="get_client", summary="Show a program / 查看程序")
    def get_client(account_id: str, session: SessionDep, response: Response, by: ManagesClients) -> ClientOut:  # noqa: ARG001
        """Show one program's account."""
        account = accounts.get(session, AccountKind.CLIENT, account_id)
        response.headers["ETag"] = etag(account.version)
        return ClientOut.of(account)

    @api.put(
        "/{account_id}", operation_id="change_client", summary="Change a program's name and roles / 变更程序名称与角色"
    )
    def change_client(
        account_id: str,
        body: AccountChange,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: ManagesClients,
    ) -> ClientOut:
        """Give a program another name and other roles. These count from its next call on."""
        account = accounts.get(session, AccountKind.CLIENT, account_id)
        check_version(version, account.version)
        accounts.change(session, account, name=body.name, roles=body.roles, by=by, now=now)
        response.headers["ETag"] = etag(account.version)
        return ClientOut.of(account)

    @api.post(
        "/{account_id}/rotate", operation_id="rotate_client", summary="Give a program a new secret / 更换程序密钥"
    )
    def rotate_client(account_id: str, session: SessionDep, now: NowDep, by: ManagesClients) -> ClientMade:
        """Make a new secret and show it, this once. The old one and every login made with it end at once."""
        account = accounts.get(session, AccountKind.CLIENT, account_id)
        secret = accounts.rotate_secret(session, account, by=by, now=now)
        return ClientMade(**ClientOut.of(account).model_dump(), client_secret=secret)

    @api.post("/{account_id}/disable", operation_id="disable_client", summary="Shut a program's account / 停用程序账号")
    def disable_client(account_id: str, session: SessionDep, now: NowDep, by: ManagesClients) -> ClientOut:
        """Shut an account; every login of it ends at once."""
        account = accounts.get(session, AccountKind.CLIENT, account_id)
        accounts.disable(session, account, by=by, now=now)
        return ClientOut.of(account)

    @api.post(
        "/{account_id}/enable", operation_id="enable_client", summary="Open a program's account again / 恢复程序账号"
    )
    def enable_client(account_id: str, session: SessionDep, now: NowDep, by: ManagesClients) -> ClientOut:
        """Open an account that was shut."""
        account = accounts.get(session, AccountKind.CLIENT, account_id)
        accounts.enable(session, account, by=by, now=now)
        return ClientOut.of(account)

    return api


def sessions_router(identity: Identity) -> APIRouter:
    """Return the endpoints about logins."""
    api = APIRouter(prefix="/sessions", tags=["accounts"], route_class=TransactionalRoute)

    @api.get("", operation_id="list_sessions", summary="List login sessions / 列出登录会话")
    def list_sessions(
        paging: Paging,
        session: SessionDep,
        now: NowDep,
        by: ManagesUsers,  # noqa: ARG001
        account_id: Annotated[str | None, Query(max_length=36, description="Only this account's.")] = None,
    ) -> Page[SessionOut]:
        """List the logins that are good now, newest first."""
        return paging.read(
            session,
            select_open(now, account_id),
            order=(LoginSession.issued_at, LoginSession.id),
            shape=SessionOut.of,
        )

    @api.post("/{session_id}/revoke", operation_id="revoke_session", summary="End a login session / 终止登录会话")
    def revoke_session(session_id: str, session: SessionDep, now: NowDep, by: ManagesUsers) -> SessionOut:
        """End a login: its token is dead at once."""
        return SessionOut.of(identity.sessions.revoke(session, session_id, by, now))

    return api
