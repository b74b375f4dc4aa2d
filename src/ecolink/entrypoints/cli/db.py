"""`ecolink db`: the database's schema."""

import typer

from ecolink.entrypoints.cli.context import settings_of
from ecolink.entrypoints.cli.operator import usable
from ecolink.entrypoints.cli.printing import say
from ecolink.entrypoints.databases import opened
from ecolink.storage import schema

app = typer.Typer(help="The database's schema.", no_args_is_help=True)


@app.command()
def upgrade(context: typer.Context) -> None:
    """Bring the schema to the version this ecolink was written for; stop `serve` and the workers first."""
    url = usable(settings_of(context)).database_url
    with opened(url) as database, database.read():  # for what it says when it cannot be reached
        before = schema.upgrade(database.engine)
        newest, _ = schema.versions(database.engine)
    say(f"The schema is at {newest}, as before." if before == newest else f"The schema went from {before} to {newest}.")


@app.command()
def check(context: typer.Context) -> None:
    """Say whether the schema is the one this ecolink was written for; exit 1 if not."""
    url = usable(settings_of(context), only_reads=True).database_url
    with opened(url) as database, database.read():  # for what it says when it cannot be reached
        schema.refuse_unless_current(database.engine)
        present, _ = schema.versions(database.engine)
    say(f"The schema is current ({present}).")
