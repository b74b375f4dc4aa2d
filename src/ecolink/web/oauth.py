"""Where access tokens come from and end: RFC 6749 (password and client credentials) and RFC 7009.

Public, so strict: nothing here tells whether a name exists, and nothing is kept of a form that is wrong.
An Idempotency-Key is taken here and changes nothing: a token is kept nowhere, and revoking twice is revoking
(docs/decisions/0024-idempotency-key-on-every-post.md).
"""

import base64
import binascii
from typing import Annotated
from urllib.parse import unquote_plus

from fastapi import APIRouter, Depends, Form, Header, Request, Response
from fastapi.responses import JSONResponse

from ecolink.errors import UnauthenticatedError
from ecolink.identity.logins import OtpRequiredError
from ecolink.identity.models import AccountKind
from ecolink.identity.passwords import MAX_LENGTH
from ecolink.identity.second_factor import MAX_OTP
from ecolink.identity.service import Identity
from ecolink.surface.unit import DatabaseDep, NowDep, TransactionalRoute
from ecolink.web.account_schemas import TokenOut, TokenRefusal

MAX_FORM = 8 * 1024
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

_FORM = "application/x-www-form-urlencoded"
_GRANTS = {
    "person": {
        "summary": "A person",
        "value": {"grant_type": "password", "username": "lin.xiaoman", "password": "walk the ridge at dawn"},
    },
    "program": {
        "summary": "A program",
        "value": {"grant_type": "client_credentials", "client_id": "case-system", "client_secret": "its secret"},
    },
}


def _take_key(
    _: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Taken, and without effect: no token is kept that could be given again, and revoking twice is "
            "revoking. Both calls are safe to repeat.",
        ),
    ] = None,
) -> None:
    """Let a client that sends a key with every POST send it here as well."""


def router(identity: Identity) -> APIRouter:
    """Return the token and revocation endpoints."""
    api = APIRouter(prefix="/oauth", tags=["login"], route_class=TransactionalRoute, dependencies=[Depends(_take_key)])

    @api.post(
        "/token",
        operation_id="issue_token",
        summary="Log in / 登录",
        response_model=TokenOut,
        max_body_size=MAX_FORM,
        responses={400: {"model": TokenRefusal}, 401: {"model": TokenRefusal}},
        openapi_extra={"requestBody": {"required": True, "content": {_FORM: {"examples": _GRANTS}}}},
    )
    def issue_token(  # the form's fields, by the names the RFC gives them
        request: Request,
        database: DatabaseDep,
        now: NowDep,
        grant_type: Annotated[str | None, Form()] = None,
        username: Annotated[str | None, Form()] = None,
        password: Annotated[str | None, Form()] = None,
        otp: Annotated[str | None, Form(max_length=MAX_OTP)] = None,
        client_id: Annotated[str | None, Form()] = None,
        client_secret: Annotated[str | None, Form()] = None,
    ) -> Response:
        """Exchange a person's name and password, or a program's id and secret, for an access token.

        Where the person has a second factor, `otp` is the code of their app, or a recovery code; without it the answer
        to the right password is `otp_required`. A program may send its id and secret by HTTP Basic instead.
        """
        match grant_type:
            case "password":
                kind, name, credential = AccountKind.USER, username, password
            case "client_credentials":
                kind = AccountKind.CLIENT
                name, credential = _basic(request) or (client_id, client_secret)
            case None:
                return _refuse("invalid_request", "grant_type is missing.")
            case _:
                return _refuse("unsupported_grant_type", "Use password or client_credentials.")
        if not name or not credential or len(credential) > MAX_LENGTH:
            return _refuse("invalid_request", "The name or the password is missing, or too long.")

        source = request.client.host if request.client else "unknown"
        try:
            login = identity.logins.log_in(database, kind, name, credential, source, now, otp)
        except UnauthenticatedError as wrong:
            return _refuse_login(kind, wrong)
        token = TokenOut(
            access_token=login.issued.token,
            expires_in=login.issued.expires_in,
            must_change_password=login.must_change_password,
            must_enrol=login.must_enrol,
        )
        return JSONResponse(token.model_dump(), headers=_NO_STORE)

    @api.post(
        "/revoke",
        operation_id="revoke_token",
        summary="Log out / 退出登录",
        max_body_size=MAX_FORM,
        responses={400: {"model": TokenRefusal}},
    )
    def revoke_token(
        database: DatabaseDep,
        now: NowDep,
        token: Annotated[str | None, Form(examples=["eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiJ9.e30.c2ln"])] = None,
        token_type_hint: Annotated[str | None, Form(examples=["access_token"])] = None,  # noqa: ARG001 - there is one type
    ) -> Response:
        """End the login a token belongs to; it is dead at once. A token that is not good is answered 200 as well."""
        if not token:
            return _refuse("invalid_request", "token is missing.")
        with database.begin() as session:
            identity.sessions.revoke_token(session, token, now)
        return Response(status_code=200, headers=_NO_STORE)

    return api


def _refuse(error: str, description: str, status: int = 400) -> JSONResponse:
    headers = _NO_STORE | ({"WWW-Authenticate": 'Basic realm="ecolink"'} if status == 401 else {})  # noqa: PLR2004
    return JSONResponse({"error": error, "error_description": description}, status, headers=headers)


def _refuse_login(kind: AccountKind, wrong: UnauthenticatedError) -> JSONResponse:
    if isinstance(wrong, OtpRequiredError):
        return _refuse("otp_required", wrong.detail_en)
    if kind is AccountKind.CLIENT:
        return _refuse("invalid_client", wrong.detail_en, 401)
    return _refuse("invalid_grant", wrong.detail_en)


def _basic(request: Request) -> tuple[str, str] | None:
    """Return the client's id and secret from HTTP Basic, each form-encoded (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)
