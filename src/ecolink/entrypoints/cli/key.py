"""`ecolink key`: the node's own keys, their change in good time, and their revocation at once."""

from datetime import datetime
from typing import Annotated

import typer

from ecolink.entrypoints.cli.operator import note, open_node
from ecolink.entrypoints.cli.printing import AsJson, print_rows, say
from ecolink.errors import InvalidError
from ecolink.kit.times import from_text
from ecolink.protocol.keys import Use
from ecolink.protocol.manifest import Manifest

app = typer.Typer(help="The node's own keys: list, rotate, revoke.", no_args_is_help=True)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the keys of this node's manifest and the times between which each is believed."""
    with open_node(context, only_reads=True) as node, node.database.read() as session:
        head = node.keystore.head(session, node.us)
        now = node.clock.now()
    rows = [
        {
            "kid": key.kid,
            "use": str(key.use),
            "state": _state(key.not_after, key.revoked_at, now),
            "not_before": key.not_before,
            "not_after": key.not_after,
            "revoked_at": key.revoked_at,
            "compromised_since": key.compromised_since,
        }
        for key in head.keys
    ]
    print_rows(rows, as_json=as_json)


@app.command()
def rotate(context: typer.Context) -> None:
    """Change to the committed next signing key; the present one stays valid for a week so that nothing is lost."""
    with open_node(context) as node, node.database.begin() as session:
        now = node.clock.now()
        head = node.keystore.rotate(session, now)
        note(node, session, "key-rotate", head.current(Use.SIGN).kid, now=now)
    _tell(head)


@app.command()
def revoke(
    context: typer.Context,
    compromised_since: Annotated[
        str | None,
        typer.Option(help="Since when others may have had the key: RFC 3339, such as 2026-11-22T08:00:00+08:00."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Revoke the present signing key at once and go on with the committed next one. There is no way back."""
    since = _moment(compromised_since)
    if not yes:
        typer.confirm("Every peer will refuse what the present key signs from now on. Revoke it?", abort=True)
    with open_node(context) as node, node.database.begin() as session:
        now = node.clock.now()
        head = node.keystore.revoke(session, now, compromised_since=since)
        note(node, session, "key-revoke", head.current(Use.SIGN).kid, now=now)
    _tell(head)


def _tell(head: Manifest) -> None:
    say(f"The signing key is now {head.current(Use.SIGN).kid} (manifest version {head.version}).")
    say("Peers learn it by themselves. Back up the key directory now: it holds a new committed next key.")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return from_text(text)
    except ValueError as fault:
        raise InvalidError(f"--compromised-since: {fault}", f"--compromised-since：{fault}") from None


def _state(not_after: datetime | None, revoked_at: datetime | None, now: datetime) -> str:
    if revoked_at is not None and revoked_at <= now:
        return "revoked"
    if not_after is not None and not_after <= now:
        return "expired"
    return "ending" if not_after is not None else "valid"
