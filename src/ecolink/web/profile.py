"""What callers see and change of themselves, and the roles there are."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from ecolink.errors import InvalidError
from ecolink.identity.models import AccountKind, LoginSession
from ecolink.identity.passwords import check_password
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission, Role
from ecolink.identity.service import Identity
from ecolink.identity.sessions import select_open
from ecolink.surface.auth import caller_of, requires
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep, TransactionalRoute
from ecolink.web.account_schemas import OwnSessionEnd, PasswordChangeIn, ProfileOut, RoleOut, RolesOut, SessionOut


@dataclass(frozen=True, slots=True)
class _Proof:
    """Whether the caller knew their password, and the hash of the new one: computed before the transaction."""

    right: bool
    password_hash: str


Myself = Annotated[Principal, requires(Permission.PROFILE_SELF)]


def router(identity: Identity) -> APIRouter:  # noqa: C901 - one endpoint after the other
    """Return the endpoints about the caller."""
    api = APIRouter(tags=["profile"], route_class=TransactionalRoute)

    def prove_presence(request: Request, body: OwnSessionEnd, database: DatabaseDep, now: NowDep) -> bool:
        source = request.client.host if request.client else "unknown"
        return identity.logins.prove(database, caller_of(request), body.current_password, source, now)

    def prove(request: Request, body: PasswordChangeIn, database: DatabaseDep, now: NowDep) -> _Proof:
        by = caller_of(request)
        check_password(body.password, by.username)
        if body.password == body.current_password:
            raise InvalidError(
                "The new password is the present one.", "新密码不得与当前密码相同。", pointer="/password"
            )
        source = request.client.host if request.client else "unknown"
        right = identity.logins.prove(database, by, body.current_password, source, now)
        return _Proof(right, identity.passwords.hash(body.password) if right else "")

    @api.get("/me", operation_id="get_me", summary="Who am I / 我的信息")
    def get_me(session: SessionDep, by: Myself) -> ProfileOut:  # noqa: ARG001
        """Show the caller: name, roles, and what these allow."""
        return ProfileOut.of(by)

    @api.post("/me/password", operation_id="change_password", summary="Change my password / 修改密码", status_code=204)
    def change_password(
        session: SessionDep,
        now: NowDep,
        by: Myself,
        proof: Annotated[_Proof, Depends(prove)],
    ) -> None:
        """Set a new password, proving the old one. Every other login of the caller ends."""
        if not proof.right:
            raise _wrong_password()
        account = identity.accounts.get(session, AccountKind.USER, by.id)
        identity.accounts.change_password(session, account, password_hash=proof.password_hash, by=by, now=now)

    @api.get("/me/sessions", operation_id="list_my_sessions", summary="List my logins / 列出我的登录")
    def list_my_sessions(paging: Paging, session: SessionDep, now: NowDep, by: Myself) -> Page[SessionOut]:
        """List the caller's logins that are good now, newest first: one you do not know is not yours."""
        return paging.read(
            session,
            select_open(now, by.id),
            order=(LoginSession.issued_at, LoginSession.id),
            shape=SessionOut.of,
        )

    @api.post(
        "/me/sessions/{session_id}/revoke",
        operation_id="revoke_my_session",
        summary="End one of my logins / 终止我的登录",
    )
    def revoke_my_session(
        session_id: str,
        body: OwnSessionEnd,  # noqa: ARG001 - read where the password is proven
        session: SessionDep,
        now: NowDep,
        by: Myself,
        present: Annotated[bool, Depends(prove_presence)],
    ) -> SessionOut:
        """End one of the caller's own logins, proving the password: its token is dead at once."""
        if not present:
            raise _wrong_password()
        return SessionOut.of(identity.sessions.revoke(session, session_id, by, now, only_of=by.id))

    @api.get("/roles", operation_id="list_roles", summary="What each role may do / 角色与权限")
    def list_roles(session: SessionDep, by: Myself) -> RolesOut:  # noqa: ARG001
        """Show the table of roles and the permissions each one grants."""
        return RolesOut(roles=[RoleOut.of(role) for role in Role])

    return api


def _wrong_password() -> InvalidError:
    return InvalidError("The current password is not right.", "当前密码不正确。", pointer="/current_password")
