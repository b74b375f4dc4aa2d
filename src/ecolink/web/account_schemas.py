"""What the endpoints of identity take and give."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ecolink.identity.accounts import MAX_NAME
from ecolink.identity.agents import family_of
from ecolink.identity.models import Account, LoginSession
from ecolink.identity.passwords import MAX_LENGTH, MIN_LENGTH
from ecolink.identity.principal import Principal
from ecolink.identity.roles import GRANTS, ROLE_NAMES_ZH, Permission, Role, permissions
from ecolink.identity.second_factor import MAX_OTP

Username = Annotated[
    str,
    Field(
        min_length=2,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Login name; upper and lower case are the same.",
        examples=["lin.xiaoman"],
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME, description="Name as shown.", examples=["林小满"])]
Roles = Annotated[list[Role], Field(min_length=1, max_length=len(Role), examples=[["officer", "intake_reviewer"]])]
NewPassword = Annotated[str, Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH, examples=["walk the ridge at dawn"])]
Otp = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_OTP,
        description="The code of the authenticator app, or a recovery code.",
        examples=["287082"],
    ),
]
_ID = "019a0f5e-7c00-7abc-8def-0123456789ab"


class Strict(BaseModel):
    """A body that may hold nothing unknown: a misspelt member is told, not passed over."""

    model_config = ConfigDict(extra="forbid")


class TokenOut(BaseModel):
    """An access token (RFC 6749 section 5.1)."""

    access_token: str = Field(examples=["eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6IkpXVCJ9.e30.c2ln"])
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a word of the RFC
    expires_in: int = Field(description="Seconds the token is good.", examples=[900])
    must_change_password: bool = Field(
        default=False, description="Until the password is changed only the own profile is open."
    )
    must_enrol: bool = Field(
        default=False, description="A role asks for a second factor: until an app is enrolled only the profile is open."
    )


class TokenRefusal(BaseModel):
    """Why no token was given (RFC 6749 section 5.2)."""

    error: Literal["invalid_request", "invalid_client", "invalid_grant", "unsupported_grant_type", "otp_required"]
    error_description: str = Field(examples=["The name or the password is wrong."])


class ProfileOut(BaseModel):
    """The caller, as the node knows them now."""

    id: str = Field(examples=[_ID])
    kind: Literal["user", "client"]
    username: Username
    name: Name
    roles: Roles
    permissions: list[Permission] = Field(examples=[["lead:read", "lead:draft"]])
    must_change_password: bool
    must_enrol: bool = Field(description="A role asks for a second factor, and there is none yet.")

    @classmethod
    def of(cls, principal: Principal) -> "ProfileOut":
        """Show `principal`."""
        return cls(
            id=principal.id,
            kind=principal.kind,
            username=principal.username,
            name=principal.name,
            roles=sorted(principal.roles),
            permissions=sorted(permissions(principal.roles)),
            must_change_password=principal.must_change_password,
            must_enrol=principal.must_enrol,
        )


class PasswordChangeIn(Strict):
    """The password one has and the one to have."""

    current_password: str = Field(min_length=1, max_length=MAX_LENGTH, examples=["the old hemlock grove"])
    password: NewPassword


class OwnSessionEnd(Strict):
    """Proof that it is not a stolen token that asks."""

    current_password: str = Field(min_length=1, max_length=MAX_LENGTH, examples=["the old hemlock grove"])


class SecondFactorOut(BaseModel):
    """Whether the caller has a second factor."""

    since: datetime | None = Field(description="When the app was confirmed; null where there is none.")
    recovery_codes_left: int = Field(examples=[10])


class EnrolmentOut(BaseModel):
    """What the caller's authenticator app is to be told; shown this once."""

    secret: str = Field(description="To be typed into the app.", examples=["GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"])
    address: str = Field(
        description="The same as an address, for a QR code.",
        examples=["otpauth://totp/ecolink:lin.xiaoman?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
    )


class OtpIn(Strict):
    """A code."""

    otp: Otp


class OtpChangeIn(Strict):
    """Proof of both factors."""

    current_password: str = Field(min_length=1, max_length=MAX_LENGTH, examples=["the old hemlock grove"])
    otp: Otp


class RecoveryCodesOut(BaseModel):
    """Codes that each let the caller in once without the app; shown this once."""

    recovery_codes: list[str] = Field(examples=[["mfzw-izlt-mfzw-izlt-mfzw-izlt"]])


class AccountOut(BaseModel):
    """An account, without what it logs in with."""

    id: str = Field(examples=[_ID])
    username: Username
    name: Name
    roles: Roles
    created_at: datetime
    credential_changed_at: datetime = Field(description="When the password or the secret was last set.")
    disabled_at: datetime | None = Field(examples=[None])
    version: int = Field(description="The same as the ETag.", examples=[1])


class UserOut(AccountOut):
    """A person's account."""

    must_change_password: bool
    second_factor_since: datetime | None = Field(
        description="When the person's authenticator app was confirmed.", examples=[None]
    )

    @classmethod
    def of(cls, account: Account) -> "UserOut":
        """Show a person's account."""
        return cls.model_validate(account, from_attributes=True)


class UserMade(UserOut):
    """A person's account and, when the node chose it, the password to hand over."""

    one_time_password: str | None = Field(
        default=None,
        description="Shown this once; good for seven days, and it must be changed at the first login.",
        examples=["kX3v9QmPz0aL7wRtB2nE6g"],
    )


class UserIn(Strict):
    """A new person."""

    username: Username
    name: Name
    roles: Roles
    password: NewPassword | None = Field(default=None, description="Left out, the node chooses one and tells it once.")


class ResetIn(Strict):
    """A password to set for somebody."""

    password: NewPassword | None = Field(default=None, description="Left out, the node chooses one and tells it once.")


class AccountChange(Strict):
    """What an account is to be called and which roles it is to hold."""

    name: Name
    roles: Roles


class ClientOut(AccountOut):
    """A program's account; `username` is its client_id."""

    @classmethod
    def of(cls, account: Account) -> "ClientOut":
        """Show a program's account."""
        return cls.model_validate(account, from_attributes=True)


class ClientMade(ClientOut):
    """A program's account with its secret."""

    client_secret: str = Field(
        description="Shown this once.", examples=["c2hvd24gb25jZSwgc3RvcmVkIG9ubHkgYXMgYSBoYXNoLCA"]
    )


class ClientIn(Strict):
    """A new program."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"client_id": "case-system", "name": "办案系统", "roles": ["integrator"]}]}
    )

    client_id: Username
    name: Name
    roles: Roles


class SessionOut(BaseModel):
    """A login that is good now."""

    id: str = Field(examples=[_ID])
    account_id: str = Field(examples=[_ID])
    username: Username
    kind: Literal["user", "client"]
    source: str = Field(description="Address the login came from.", examples=["10.20.3.4"])
    agent: str | None = Field(description="The browser; null for a program or a command.", examples=["Edge, Windows"])
    seen_at: datetime | None = Field(
        description="When the browser was last in use, to five minutes; half an hour later the login is over."
    )
    issued_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, login: LoginSession) -> "SessionOut":
        """Show a login."""
        return cls(
            id=login.id,
            account_id=login.account_id,
            username=login.account.username,
            kind="user" if login.account.kind == "user" else "client",
            source=login.source,
            agent=None if login.agent is None else family_of(login.agent),
            seen_at=login.seen_at,
            issued_at=login.issued_at,
            expires_at=login.expires_at,
        )


class RoleOut(BaseModel):
    """A role and all it grants."""

    role: Role
    name_zh: str = Field(examples=["联络员"])
    permissions: list[Permission] = Field(examples=[["lead:read", "lead:acknowledge"]])

    @classmethod
    def of(cls, role: Role) -> "RoleOut":
        """Show a role."""
        return cls(role=role, name_zh=ROLE_NAMES_ZH[role], permissions=sorted(GRANTS[role]))


class RolesOut(BaseModel):
    """The whole table of roles."""

    roles: list[RoleOut]
