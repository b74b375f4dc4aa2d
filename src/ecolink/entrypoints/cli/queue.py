"""`ecolink queue`: what waits for whom, since when, and why."""

import typer
from sqlalchemy import select

from ecolink.entrypoints.cli.context import open_node
from ecolink.entrypoints.cli.printing import AsJson, print_rows
from ecolink.federation.models import OutChannel, PeerRow

app = typer.Typer(help="What waits to be delivered.", no_args_is_help=True)


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show for each peer and lane how much waits, since when, the last contact, the last error and the next try."""
    with open_node(context) as node, node.database.read() as session:
        found = session.execute(
            select(OutChannel, PeerRow)
            .join(PeerRow, PeerRow.unit_code == OutChannel.recipient)
            .order_by(OutChannel.recipient, OutChannel.lane, OutChannel.epoch)
        ).all()
        rows = [
            {
                "peer": channel.recipient,
                "name": peer.name_zh,
                "lane": channel.lane,
                "waiting": channel.last_seq - channel.receipted_seq,
                "oldest": channel.waiting_since if channel.last_seq > channel.receipted_seq else None,
                "last_contact": peer.last_contact_at,
                "last_error": channel.last_error,
                "next_try": channel.next_try_at if channel.last_seq > channel.receipted_seq else None,
            }
            for channel, peer in found
        ]
    print_rows(rows, as_json=as_json, empty="Nothing was ever sent.")
