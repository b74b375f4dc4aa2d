"""The caller's own second factor: an authenticator app, and recovery codes on paper."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from ecolink.errors import InvalidError
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.identity.service import Identity
from ecolink.surface.auth import caller_of, requires
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep, TransactionalRoute
from ecolink.web.account_schemas import (
    EnrolmentOut,
    OtpChangeIn,
    OtpIn,
    OwnSessionEnd,
    RecoveryCodesOut,
    SecondFactorOut,
)

Myself = Annotated[Principal, requires(Permission.PROFILE_SELF)]


def router(identity: Identity) -> APIRouter:  # noqa: C901 - one endpoint after the other
    """Return the endpoints about the caller's second factor."""
    api = APIRouter(prefix="/me/otp", tags=["profile"], route_class=TransactionalRoute)
    factors = identity.second_factors

    def prove_password(request: Request, body: OwnSessionEnd, database: DatabaseDep, now: NowDep) -> None:
        by, source = caller_of(request), request.client.host if request.client else "unknown"
        if not identity.logins.prove(database, by, body.current_password, source, now):
            raise InvalidError("The current password is not right.", "当前密码不正确。", pointer="/current_password")

    def prove_both(request: Request, body: OtpChangeIn, database: DatabaseDep, now: NowDep) -> None:
        prove_password(request, OwnSessionEnd(current_password=body.current_password), database, now)
        by, source = caller_of(request), request.client.host if request.client else "unknown"
        if not identity.logins.prove_otp(database, by, body.otp, source, now):
            raise InvalidError(
                "The code is not right, or was used before.", "动态口令不正确或已被使用。", pointer="/otp"
            )

    def account_of(session: SessionDep, by: Principal) -> Account:
        return identity.accounts.get(session, AccountKind.USER, by.id)

    @api.get("", operation_id="get_my_otp", summary="Show my second factor / 查看动态口令")
    def get_my_otp(session: SessionDep, by: Myself) -> SecondFactorOut:
        """Show whether the caller has a second factor, and how many recovery codes are left."""
        return SecondFactorOut(
            since=account_of(session, by).second_factor_since,
            recovery_codes_left=factors.recovery_codes_left(session, by.id),
        )

    @api.post(
        "",
        operation_id="enrol_my_otp",
        summary="Enrol an authenticator app / 绑定验证器",
        dependencies=[Depends(prove_password)],
    )
    def enrol_my_otp(body: OwnSessionEnd, session: SessionDep, now: NowDep, by: Myself) -> EnrolmentOut:  # noqa: ARG001 - read where the password is proven
        """Choose a secret for the caller's app, proving the password. It counts once a first code confirms it."""
        enrolment = factors.begin(session, account_of(session, by), now)
        return EnrolmentOut(secret=enrolment.secret, address=enrolment.address)

    @api.post("/confirm", operation_id="confirm_my_otp", summary="Confirm the app by its first code / 确认绑定")
    def confirm_my_otp(body: OtpIn, session: SessionDep, now: NowDep, by: Myself) -> RecoveryCodesOut:
        """Have the second factor count from now on. Every other login of the caller ends."""
        codes = factors.confirm(session, account_of(session, by), body.otp, by=by, now=now)
        return RecoveryCodesOut(recovery_codes=codes)

    @api.post(
        "/recovery-codes",
        operation_id="renew_my_recovery_codes",
        summary="Make new recovery codes / 重新生成恢复码",
        dependencies=[Depends(prove_both)],
    )
    def renew_my_recovery_codes(body: OtpChangeIn, session: SessionDep, now: NowDep, by: Myself) -> RecoveryCodesOut:  # noqa: ARG001 - read where both are proven
        """Make new recovery codes, proving both factors; the old ones open nothing any more."""
        codes = factors.renew_recovery_codes(session, account_of(session, by), by=by, now=now)
        return RecoveryCodesOut(recovery_codes=codes)

    @api.post(
        "/remove",
        operation_id="remove_my_otp",
        summary="Remove my second factor / 解除动态口令",
        status_code=204,
        dependencies=[Depends(prove_both)],
    )
    def remove_my_otp(body: OtpChangeIn, session: SessionDep, now: NowDep, by: Myself) -> None:  # noqa: ARG001 - read where both are proven
        """Remove the second factor, proving both. Where a role asks for one, another must be enrolled at once."""
        factors.remove(session, account_of(session, by), by=by, now=now)

    return api
