"""`ecolink peer`: other bureaus' nodes, from the exchange of cards to the telephone call that activates them."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ecolink.entrypoints.cli.files import read_card, write
from ecolink.entrypoints.cli.operator import note, open_node, operator
from ecolink.entrypoints.cli.printing import AsJson, print_record, print_rows, say
from ecolink.errors import InvalidError
from ecolink.federation.peers import Peer
from ecolink.protocol.card import fingerprint

app = typer.Typer(help="Other bureaus' nodes: cards, fingerprints, activation.", no_args_is_help=True)

UnitCode = Annotated[str, typer.Argument(help="The bureau's 12-digit unit code.", metavar="UNIT_CODE")]


@app.command()
def card(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write it to this file [default: print it].")] = None,
) -> None:
    """Give out this node's own card, and show the fingerprint to be read out by telephone."""
    with open_node(context, only_reads=True) as node, node.database.read() as session:
        token = node.card_within(session, node.clock.now())
        words = fingerprint(node.us, node.keystore.head(session, node.us).digest)
    if out is None:
        say(token.decode())
    else:
        write(out, token + b"\n")
        say(f"Written to {out}. Send it to the other bureau by any way; it holds no secret.")
    typer.echo(f"Fingerprint of {node.us}, to be read out by telephone:\n  {words}", err=True)


@app.command()
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The card the other bureau sent; - reads standard input.")],
    as_json: AsJson = False,
) -> None:
    """Import another bureau's card. It stays pending until `peer activate`."""
    card = read_card(file)
    with open_node(context) as node, node.database.begin() as session:
        now = node.clock.now()
        peer = node.peers.import_card(session, card, by=operator().username, now=now)
        note(node, session, "peer-add", peer.unit_code, now=now)
    if as_json:
        print_record(_details(peer), as_json=True)
        return
    say(f"{peer.name_zh} {peer.name_en} ({peer.unit_code}) is {peer.state}. Its fingerprint is")
    say(f"  {peer.fingerprint}")
    if peer.state == "pending":
        say("Call that bureau on a number you already know and have its fingerprint read out. If it is this one:")
        say(f'  ecolink peer activate {peer.unit_code} --fingerprint "<as read out>"')


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the peers and where each stands."""
    with open_node(context, only_reads=True) as node, node.database.read() as session:
        peers = node.peers.names(session).values()
    rows = [
        {
            "unit_code": peer.unit_code,
            "name": peer.name_zh,
            "state": str(peer.state),
            "last_contact": peer.last_contact_at,
            "skew_seconds": peer.clock_skew_s,
            "last_error": peer.last_error,
        }
        for peer in peers
    ]
    print_rows(rows, as_json=as_json, empty="No peers yet: ecolink peer add CARD")


@app.command()
def show(context: typer.Context, unit_code: UnitCode, as_json: AsJson = False) -> None:
    """Show everything held about one peer."""
    with open_node(context, only_reads=True) as node, node.database.read() as session:
        peer = node.peers.get(session, unit_code)
    print_record(_details(peer), as_json=as_json)


@app.command()
def activate(
    context: typer.Context,
    unit_code: UnitCode,
    read_out: Annotated[
        str | None, typer.Option("--fingerprint", help="The fingerprint as the other bureau read it out by telephone.")
    ] = None,
) -> None:
    """Trust a peer's keys and begin to exchange with it, after the fingerprints were compared by telephone."""
    if read_out is None:
        if not sys.stdin.isatty():
            raise InvalidError("Give the fingerprint that was read out: --fingerprint.", "请提供对方宣读的指纹。")
        read_out = typer.prompt("Fingerprint as read out by the other bureau")
    with open_node(context) as node, node.database.begin() as session:
        now = node.clock.now()
        by = operator().username
        peer = node.peers.activate(session, unit_code, read_out=read_out or "", by=by, now=now)
        note(node, session, "peer-activate", unit_code, now=now)
    say(f"{peer.name_zh} ({peer.unit_code}) is active.")


@app.command()
def suspend(
    context: typer.Context,
    unit_code: UnitCode,
    reason: Annotated[str, typer.Option(help="Why; kept in the access log.")],
) -> None:
    """Stop exchanging with a peer; receipts, keys and recalls still pass, everything else waits."""
    with open_node(context) as node, node.database.begin() as session:
        now = node.clock.now()
        peer = node.peers.suspend(session, unit_code, reason=reason, by=operator().username, now=now)
        note(node, session, "peer-suspend", unit_code, now=now, reason=reason)
    say(f"{peer.name_zh} ({peer.unit_code}) is suspended.")


def _details(peer: Peer) -> dict[str, Any]:
    moments: dict[str, datetime | None] = {"activated_at": peer.activated_at, "last_contact_at": peer.last_contact_at}
    return {
        "unit_code": peer.unit_code,
        "name_zh": peer.name_zh,
        "name_en": peer.name_en,
        "state": str(peer.state),
        "duty_phone": peer.duty_phone,
        "federation_url": peer.federation_url,
        "fingerprint": peer.fingerprint,
        "manifest_version": peer.manifest_version,
        **moments,
        "suspended_reason": peer.suspended_reason,
        "clock_skew_seconds": peer.clock_skew_s,
        "last_error": peer.last_error,
    }
