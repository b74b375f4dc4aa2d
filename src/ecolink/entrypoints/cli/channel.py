"""`ecolink channel`: by what our people are told."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ecolink.entrypoints.cli.files import read_document
from ecolink.entrypoints.cli.operator import open_node, operator
from ecolink.entrypoints.cli.printing import AsJson, complain, print_record, print_rows, say
from ecolink.errors import InvalidError

if TYPE_CHECKING:
    from ecolink.alerts.health import Health
    from ecolink.entrypoints.wiring import Node

app = typer.Typer(help="By what our people are told: e-mail, robots, push, text messages.", no_args_is_help=True)

WAIT_S: Final = 60.0
LOOK_EVERY_S: Final = 0.2

Name = Annotated[str, typer.Argument(help="The channel's name.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    file: Annotated[Path, typer.Argument(help="Its settings as JSON, - for standard input: see docs/alerts.md.")],
    own: Annotated[
        bool, typer.Option("--own/--third-party", help="Whether it may carry what an alert is about.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a channel; its secrets are sealed and never shown again."""
    from ecolink.alerts.register import Wanted

    settings = read_document(file)
    if not isinstance(settings, dict):
        raise InvalidError("The file holds no JSON object.", "文件内容不是 JSON 对象。")
    with open_node(context) as node, node.database.begin() as session:
        wanted = Wanted(name=name, own=own, enabled=True, settings=settings)
        channel = node.post_office.channels.add(session, wanted, by=operator(), now=node.clock.now())
        record = {"name": channel.name, "kind": channel.kind, "own": channel.own, "settings": channel.settings}
    print_record(record, as_json=as_json)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the channels and how each fares."""
    from ecolink.alerts.health import health_of_channels

    with open_node(context, only_reads=True) as node, node.database.read() as session:
        rows = [_row(health) for health in health_of_channels(session)]
    print_rows(rows, as_json=as_json, empty="None yet: ecolink channel add")


@app.command("test")
def try_out(
    context: typer.Context,
    name: Name,
    address: Annotated[str, typer.Argument(help="Where it goes: an e-mail address, a number, a topic.")] = "",
    as_json: AsJson = False,
) -> None:
    """Send a test by the way every alert goes, and wait for what comes of it; the node has to run."""
    with open_node(context) as node:
        with node.database.begin() as session:
            channel = node.post_office.channels.named(session, name)
            posted = node.post_office.channels.test(session, channel, address, by=operator(), now=node.clock.now())
        state, result = _await(node, posted.id)
    print_record({"id": posted.id, "state": state, "result": result}, as_json=as_json)
    if state != "sent":
        if state == "waiting":
            complain("nothing was sent within a minute: does the node run?")
        raise typer.Exit(1)


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Remove a channel, its secrets and people's addresses on it."""
    with open_node(context) as node, node.database.begin() as session:
        channel = node.post_office.channels.named(session, name)
        node.post_office.channels.remove(session, channel, by=operator(), now=node.clock.now())
    say(f"{name} is removed.")


def _await(node: "Node", dispatch_id: str) -> tuple[str, str | None]:
    from ecolink.alerts.dispatch_models import Dispatch

    over = time.monotonic() + WAIT_S
    while True:
        with node.database.read() as session:
            found = session.get_one(Dispatch, dispatch_id)
        if found.state != "waiting" or time.monotonic() > over:
            return found.state, found.result
        time.sleep(LOOK_EVERY_S)


def _row(health: "Health") -> dict[str, Any]:
    channel = health.channel
    return {
        "name": channel.name,
        "kind": channel.kind,
        "own": channel.own,
        "state": health.state,
        "waiting": health.waiting,
        "last_success": channel.last_success_at,
        "failing_since": channel.failing_since,
        "last_error": channel.last_error,
    }
