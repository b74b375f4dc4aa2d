"""What a person's command starts from: the local API, open with that person's login and nothing more."""

import os
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import update_wrapper
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Concatenate

import httpx
import typer

from ecolink.entrypoints.cli import tokens
from ecolink.entrypoints.cli.api import Api, ApiRefusedError, send
from ecolink.entrypoints.cli.context import settings_of
from ecolink.entrypoints.cli.files import read_secret
from ecolink.errors import SettingError, UnauthenticatedError
from ecolink.kit.clock import SystemClock
from ecolink.settings import is_loopback

TOKEN_PATH = "/api/v1/oauth/token"  # noqa: S105 - an address, not a secret
TIMEOUT_S = 30.0

ApiAddress = Annotated[
    str | None,
    typer.Option("--api", envvar="ECOLINK_API", help="The local API: https://node:8470 [default: this node's]."),
]
User = Annotated[
    str | None, typer.Option("--user", envvar="ECOLINK_USER", help="Who you are [default: who logged in last].")
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        envvar="ECOLINK_PASSWORD_FILE",
        help="Take the password from this file, - for standard input [default: ECOLINK_PASSWORD, else asked for].",
    ),
]


def logged_in(command: Callable[Concatenate[Api, ...], None]) -> Callable[..., None]:
    """Have a command run with a person's login: its first argument is the API, open for as long as it runs.

    To the command's own options it adds those that say where the API is and who calls it.
    """

    def run(
        *,
        context: typer.Context,
        at: ApiAddress = None,
        user: User = None,
        password_file: PasswordFile = None,
        **given: Any,  # noqa: ANN401 - whatever the command takes
    ) -> None:
        with open_api(context, at, user, password_file) as api:
            command(api, **given)

    _, *own = signature(command).parameters.values()
    *ours, _ = signature(run).parameters.values()
    parameters = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in (*own, *ours)]
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # what typer reads the options from
    return update_wrapper(run, command)


@contextmanager
def open_api(context: typer.Context, api: str | None, user: str | None, password_file: Path | None) -> Iterator[Api]:
    """Log in, or go on with the login kept by `ecolink login`, for the length of the block.

    Raises:
        UnauthenticatedError: there is no login and no way to ask for one.
        ApiRefusedError: the API refused.
        UnavailableError: the API does not answer.
        SettingError: the address is plain HTTP off this machine.

    """
    base = address(context, api)
    with open_client(context, base) as client:
        kept = tokens.find(base, user, SystemClock().now())
        if kept is None:
            who = user or (typer.prompt("User") if sys.stdin.isatty() else None)
            if who is None:
                raise UnauthenticatedError("Say who you are: --user, or ECOLINK_USER.", "请用 --user 指明用户。")
            kept = ask_token(client, base, who, password_from(password_file))
        client.headers["authorization"] = f"Bearer {kept.token}"
        yield Api(client)


def address(context: typer.Context, api: str | None) -> str:
    """Return the API's address: the one given, else that of the node whose settings are here.

    Raises:
        SettingError: it is plain HTTP off this machine, or there are no settings to learn it from.

    """
    if api is None:
        settings = settings_of(context)
        api = f"{'https' if settings.local_tls else 'http'}://{settings.local_host}:{settings.local_port}"
    url = httpx.URL(api)
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.host)):
        raise SettingError(
            f"--api (ECOLINK_API) {api} would carry the password in the open: use https://.", f"{api} 须使用 https://。"
        )
    return api.rstrip("/")


def ask_token(client: httpx.Client, base: str, user: str, password: str) -> tokens.Login:
    """Log in and return what `ecolink login` keeps; a code of the second factor is asked for where one is wanted.

    Raises:
        ApiRefusedError: the name, the password or the code is not right, or there were too many tries.
        UnavailableError: the API does not answer.

    """
    form = {"grant_type": "password", "username": user, "password": password}
    now = SystemClock().now()
    try:
        answer = send(client, "POST", TOKEN_PATH, data=form)
    except ApiRefusedError as refused:
        if refused.said != "otp_required" or not sys.stdin.isatty():
            raise
        answer = send(client, "POST", TOKEN_PATH, data={**form, "otp": typer.prompt("Code")})
    issued = answer.json()
    return tokens.Login(
        base,
        user,
        str(issued["access_token"]),
        now + timedelta(seconds=int(issued["expires_in"])),
        must_change_password=bool(issued.get("must_change_password")),
    )


def password_from(file: Path | None) -> str:
    """Return the password: from `file`, else ECOLINK_PASSWORD, else asked for.

    Raises:
        UnauthenticatedError: there is none, and nobody to ask.
        InvalidError: the file cannot be read.

    """
    if file is not None:
        return read_secret(file)
    if (given := os.environ.get("ECOLINK_PASSWORD")) is not None:
        return given
    if not sys.stdin.isatty():
        raise UnauthenticatedError(
            "No password: run 'ecolink login', or set ECOLINK_PASSWORD or --password-file.",
            "没有口令：请先运行 ecolink login，或设置 ECOLINK_PASSWORD。",
        )
    return str(typer.prompt("Password", hide_input=True))


def open_client(context: typer.Context, base: str) -> httpx.Client:
    """Return an HTTP client that believes the bureau's private CA where the settings name one."""
    try:
        ca = settings_of(context).tls_ca
    except SettingError:
        ca = None  # a person's own machine has no node and no settings
    trust = ssl.create_default_context(cafile=str(ca)) if ca else True
    return httpx.Client(base_url=base, timeout=TIMEOUT_S, verify=trust, headers={"accept-language": "en"})
