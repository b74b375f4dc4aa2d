"""`ecolink login` and `ecolink logout`: so that the password is asked for once, not at every command."""

from typing import Annotated

import typer

from ecolink.entrypoints.cli import tokens
from ecolink.entrypoints.cli.api import LOGOUT_PATH, ApiAddress, PasswordFile, User, address, log_in, open_client, send
from ecolink.entrypoints.cli.printing import say
from ecolink.errors import EcolinkError
from ecolink.kit.times import CHINA


def login(
    context: typer.Context,
    user: Annotated[str, typer.Option("--user", envvar="ECOLINK_USER", prompt="User", help="Who you are.")],
    api: ApiAddress = None,
    password_file: PasswordFile = None,
) -> None:
    """Log in to the local API; the access token is kept for its few minutes in a file only you can read."""
    kept = log_in(context, api, user, password_file)
    tokens.keep(kept)
    say(f"Logged in to {kept.api} as {user} until {kept.expires_at.astimezone(CHINA):%H:%M:%S}.")


def logout(context: typer.Context, api: ApiAddress = None, user: User = None) -> None:
    """End the login and forget its token."""
    base = address(context, api)
    for kept in tokens.forget(base, user):
        with open_client(context, base) as client:
            client.headers["authorization"] = f"Bearer {kept.token}"
            try:
                send(client, "POST", LOGOUT_PATH)
            except EcolinkError:
                say(f"{base} could not be told; the token of {kept.user} ends by itself within minutes.")
    say("Logged out.")
