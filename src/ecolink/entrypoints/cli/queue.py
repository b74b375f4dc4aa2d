"""`ecolink queue`: what waits for whom, since when, and why."""

from dataclasses import asdict

import typer

from ecolink.entrypoints.cli.operator import open_node
from ecolink.entrypoints.cli.printing import AsJson, print_rows
from ecolink.federation import queues

app = typer.Typer(help="What waits to be delivered.", no_args_is_help=True)


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show for each peer and lane how much waits, since when, the last contact, the last error and the next try."""
    with open_node(context, only_reads=True) as node, node.database.read() as session:
        rows = [asdict(channel) for channel in queues.status(session)]
    print_rows(rows, as_json=as_json, empty="Nothing was ever sent.")
