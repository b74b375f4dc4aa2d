"""`ecolink inbox`: messages that were set aside, why, and another try."""

from dataclasses import asdict
from typing import Annotated

import typer

from ecolink.entrypoints.cli.operator import note, open_node
from ecolink.entrypoints.cli.printing import AsJson, print_rows, say
from ecolink.errors import InvalidError

app = typer.Typer(help="Messages that were set aside.", no_args_is_help=True)


@app.command()
def parked(context: typer.Context, as_json: AsJson = False) -> None:
    """List the messages that could not be applied yet, and why; oldest first, at most 200."""
    with open_node(context, only_reads=True) as node, node.database.read() as session:
        rows = [asdict(message) for message in node.applier.parked(session)]
    print_rows(rows, as_json=as_json, empty="Nothing is set aside.")


@app.command()
def retry(
    context: typer.Context,
    jti: Annotated[str | None, typer.Argument(help="The message's id, as `inbox parked` shows it.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Try every message that is set aside.")] = False,
) -> None:
    """Have the worker try a message again."""
    if (jti is None) != every:
        raise InvalidError("Name one message by its id, or all of them by --all.", "请指定一条消息，或使用 --all。")
    with open_node(context) as node, node.database.begin() as session:
        count = node.applier.retry(session, jti)
        note(node, session, "inbox-retry", jti or "all", now=node.clock.now())
    say(f"{count} to be tried again.")
