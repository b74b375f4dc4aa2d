"""`ecolink login`, `logout` and `password`: so that the password is asked for once, not at every command."""

from pathlib import Path
from typing import Annotated

import typer

from ecolink.entrypoints.cli import tokens
from ecolink.entrypoints.cli.api import send
from ecolink.entrypoints.cli.files import read_secret
from ecolink.entrypoints.cli.person import (
    ApiAddress,
    PasswordFile,
    User,
    address,
    ask_token,
    open_client,
    password_from,
)
from ecolink.entrypoints.cli.printing import say
from ecolink.errors import EcolinkError
from ecolink.kit.times import CHINA

REVOKE_PATH = "/api/v1/oauth/revoke"
PASSWORD_PATH = "/api/v1/me/password"  # noqa: S105 - an address, not a secret

Myself = Annotated[str, typer.Option("--user", envvar="ECOLINK_USER", prompt="User", help="Who you are.")]


def login(context: typer.Context, user: Myself, api: ApiAddress = None, password_file: PasswordFile = None) -> None:
    """Log in to the local API; the access token is kept for its few minutes in a file only you can read."""
    base = address(context, api)
    with open_client(context, base) as client:
        kept = ask_token(client, base, user, password_from(password_file))
        for replaced in tokens.forget(base, user):
            send(client, "POST", REVOKE_PATH, data={"token": replaced.token})
    tokens.keep(kept)
    say(f"Logged in to {base} as {user} until {kept.expires_at.astimezone(CHINA):%H:%M:%S}.")
    if kept.must_change_password:
        say("The password must be changed first: ecolink password")


def logout(context: typer.Context, api: ApiAddress = None, user: User = None) -> None:
    """End the login and forget its token."""
    base = address(context, api)
    for kept in tokens.forget(base, user):
        with open_client(context, base) as client:
            try:
                send(client, "POST", REVOKE_PATH, data={"token": kept.token})
            except EcolinkError:
                say(f"{base} could not be told; the token of {kept.user} ends by itself within minutes.")
    say("Logged out.")


def password(
    context: typer.Context,
    user: Myself,
    api: ApiAddress = None,
    password_file: PasswordFile = None,
    new_password_file: Annotated[
        Path | None, typer.Option(help="Take the new password from this file [default: asked for].")
    ] = None,
) -> None:
    """Change your own password; every other login of yours ends."""
    base = address(context, api)
    present = password_from(password_file)
    new = read_secret(new_password_file) if new_password_file else None
    new = new or typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    with open_client(context, base) as client:
        kept = ask_token(client, base, user, present)
        client.headers["authorization"] = f"Bearer {kept.token}"
        send(client, "POST", PASSWORD_PATH, json={"current_password": present, "password": new})
    say(f"The password of {user} is changed.")
