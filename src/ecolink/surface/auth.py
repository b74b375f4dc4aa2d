"""Knowing the caller: one permission per endpoint, checked before the body is read.

    by: Annotated[Principal, requires(Permission.LEAD_READ)]

The check asks the database on every call, so a revoked login or a changed role counts at once.
"""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlowPassword, OAuthFlows
from fastapi.security import OAuth2
from fastapi.security.utils import get_authorization_scheme_param
from starlette.concurrency import run_in_threadpool

from ecolink.errors import ForbiddenError, UnauthenticatedError
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface import rates
from ecolink.surface.door import door_of, moment_of

TOKEN_URL = "/api/v1/oauth/token"  # noqa: S105 - an address

_scheme = OAuth2(
    flows=OAuthFlows(
        password=OAuthFlowPassword(tokenUrl=TOKEN_URL),
        clientCredentials=OAuthFlowClientCredentials(tokenUrl=TOKEN_URL),
    ),
    scheme_name="oauth2",
    description="An access token from `POST /api/v1/oauth/token`, good for at most 15 minutes.",
    auto_error=False,
)


class PasswordChangeRequiredError(ForbiddenError):
    """The password was set by somebody else; until it is changed nothing but the own profile is open."""

    code = "password-change-required"


class SecondFactorRequiredError(ForbiddenError):
    """One of the roles asks for a second factor; until there is one nothing but the own profile is open."""

    code = "second-factor-required"


class Requirement:
    """An endpoint's demand for one permission; as a dependency it gives the principal."""

    def __init__(self, permission: Permission) -> None:
        """Keep what is asked for; the authorization matrix reads it."""
        self.permission = permission

    async def __call__(self, request: Request, _: Annotated[object, Depends(_scheme)]) -> Principal:
        """Return the caller, or refuse them."""
        return await self.check(request)

    async def check(self, request: Request) -> Principal:
        """Return the caller; the database is asked once a request.

        Raises:
            UnauthenticatedError: no token, or one that is not good (any more).
            RateLimitedError: the caller, or the address of one who is not known, calls too often.
            ForbiddenError: the caller's roles do not grant the permission.

        """
        principal: Principal | None = getattr(request.state, "principal", None)
        if principal is None:
            try:
                principal = await run_in_threadpool(_authenticate, request)
            except UnauthenticatedError:
                rates.tell_refusal(request, "call.unauthenticated")
                rates.count_stranger(request)
                raise
            rates.count_principal(request, principal)
            request.state.principal = principal
        try:
            self.admit(principal)
        except ForbiddenError:
            rates.tell_refusal(request, "call.forbidden", principal, permission=self.permission.value)
            raise
        return principal

    def admit(self, principal: Principal) -> None:
        """Refuse `principal` unless their roles grant the permission."""
        if self.permission is not Permission.PROFILE_SELF:
            refuse_unready(principal)
        if not principal.may(self.permission):
            raise ForbiddenError(
                f"None of your roles grants {self.permission.value}.",
                f"您的角色没有 {self.permission.value} 权限。",
            )


def refuse_unready(principal: Principal) -> None:
    """Refuse whoever has something to do at their own profile first.

    Raises:
        PasswordChangeRequiredError: their password was set by somebody else.
        SecondFactorRequiredError: a role of theirs asks for a second factor, and there is none.

    """
    if principal.must_change_password:
        raise PasswordChangeRequiredError(
            "Change your password first: POST /api/v1/me/password.",
            "请先修改密码：POST /api/v1/me/password。",
        )
    if principal.must_enrol:
        raise SecondFactorRequiredError(
            "Your role asks for a second factor; enrol an app first: POST /api/v1/me/otp.",
            "您的角色须启用动态口令，请先绑定验证器：POST /api/v1/me/otp。",
        )


def requires(permission: Permission) -> Any:  # noqa: ANN401 - what FastAPI's Depends says of itself
    """Return the dependency that lets in those whose roles grant `permission`."""
    return Depends(Requirement(permission))


def caller_of(request: Request) -> Principal:
    """Return the caller whom the route has already let in; for dependencies of an endpoint that `requires`."""
    principal: Principal = request.state.principal
    return principal


def requirements_of(dependant: Dependant) -> list[Requirement]:
    """Return what an endpoint demands: exactly one, or none for a public one."""
    found = [dependant.call] if isinstance(dependant.call, Requirement) else []
    return found + [demand for inner in dependant.dependencies for demand in requirements_of(inner)]


def _authenticate(request: Request) -> Principal:
    scheme, token = get_authorization_scheme_param(request.headers.get("Authorization"))
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError(
            "Send an access token: Authorization: Bearer <token>.",
            "请在请求头中提供访问令牌：Authorization: Bearer <令牌>。",
        )
    door, now = door_of(request), moment_of(request)
    with door.database.read() as session:
        return door.authenticate(session, token, now)
