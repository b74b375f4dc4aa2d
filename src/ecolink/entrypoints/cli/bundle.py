"""`ecolink bundle`: exchange with a bureau that shares no network with this one, by a file that somebody carries."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ecolink.entrypoints.cli.files import new_file
from ecolink.entrypoints.cli.operator import note, open_node
from ecolink.entrypoints.cli.printing import AsJson, print_json, say
from ecolink.federation.bundles import Carried

app = typer.Typer(help="Files for a carrier: exchange across an air gap.", no_args_is_help=True)


@app.command()
def export(
    context: typer.Context,
    unit_code: Annotated[str, typer.Argument(help="The bureau it is for, by its 12-digit unit code.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write it; an existing file is not overwritten.")],
    as_json: AsJson = False,
) -> None:
    """Write everything that waits for a bureau, and our receipts for it, into a file sealed to that bureau's key.

    What it holds stays queued until its receipt comes back, so a lost disc loses nothing.
    """
    from ecolink.entrypoints.carrying import bundle_desk

    with open_node(context) as node:
        now = node.clock.now()
        with new_file(out) as file:
            told = bundle_desk(node).export(unit_code, file, now)
        with node.database.begin() as session:
            note(node, session, "bundle-export", unit_code, now=now)
    _tell(told, as_json=as_json, what=f"Written to {out} for {unit_code}")


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file the carrier brought.", exists=True, dir_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Take in a bundle: check, keep and receipt what it holds. Doing it twice does no harm.

    The receipts go back with the next `bundle export`.
    """
    from ecolink.entrypoints.carrying import bundle_desk

    with open_node(context) as node:
        now = node.clock.now()
        with file.open("rb") as stream:
            told = bundle_desk(node).take_in(stream, now)
        with node.database.begin() as session:
            note(node, session, "bundle-import", told.peer, now=now)
    _tell(told, as_json=as_json, what=f"Taken in from {told.peer}")
    if told.problems:
        raise typer.Exit(1)


def _tell(told: Carried, *, as_json: bool, what: str) -> None:
    if as_json:
        print_json(asdict(told))
        return
    say(f"{what}: {told.batches} batches, {told.receipts} receipts, {told.attachments} attachments.")
    if told.left_out:
        say(f"{told.left_out} attachments did not fit; export again after this one was taken in.")
    for problem in told.problems:
        say(f"Not taken in: {problem}")
