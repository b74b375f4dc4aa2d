"""`ecolink calendar`: addresses at which a person's calendar program reads what is due."""

from typing import Annotated

import typer

from ecolink.entrypoints.cli.api import Api
from ecolink.entrypoints.cli.person import logged_in
from ecolink.entrypoints.cli.printing import AsJson, print_json, print_rows, say

FEEDS = "/api/v1/me/calendar-feeds"

app = typer.Typer(help="Addresses at which your calendar program reads what is due.", no_args_is_help=True)


@app.command()
@logged_in
def add(
    api: Api,
    label: Annotated[str, typer.Argument(help="What you will know it by, such as the device.")],
    as_json: AsJson = False,
) -> None:
    """Make an address for a calendar program, shown once. It needs no login: keep it to yourself."""
    told = api.post(FEEDS, {"label": label}).document
    if as_json:
        print_json(told)
    else:
        say(told["address"])


@app.command("list")
@logged_in
def list_(api: Api, as_json: AsJson = False) -> None:
    """List your calendar addresses; the addresses themselves are not told again."""
    print_rows(api.get(FEEDS).document["items"], as_json=as_json, empty="None.")


@app.command()
@logged_in
def revoke(api: Api, feed_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """End a calendar address: from now on it answers nobody."""
    api.delete(f"{FEEDS}/{feed_id}")
    say("Revoked.")
