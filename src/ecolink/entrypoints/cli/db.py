"""`ecolink db`: the database's schema."""

import typer

from ecolink.entrypoints.cli.context import settings_of
from ecolink.entrypoints.cli.printing import say
from ecolink.storage import schema
from ecolink.storage.engine import Database, connect

app = typer.Typer(help="The database's schema.", no_args_is_help=True)


@app.command()
def upgrade(context: typer.Context) -> None:
    """Bring the schema to the version this ecolink was written for; stop `serve` and the workers first."""
    database = Database(connect(settings_of(context).database_url))
    try:
        with database.read():  # for what it says when the database cannot be reached
            before = schema.upgrade(database.engine)
            newest, _ = schema.versions(database.engine)
    finally:
        database.dispose()
    say(f"The schema is at {newest}, as before." if before == newest else f"The schema went from {before} to {newest}.")


@app.command()
def check(context: typer.Context) -> None:
    """Say whether the schema is the one this ecolink was written for; exit 1 if not."""
    database = Database(connect(settings_of(context).database_url))
    try:
        with database.read():  # for what it says when the database cannot be reached
            schema.refuse_unless_current(database.engine)
            present, _ = schema.versions(database.engine)
    finally:
        database.dispose()
    say(f"The schema is current ({present}).")
