"""Backups of a node's database, taken and brought back the way an operator would."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from shutil import copyfile

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import URL, make_url

from ecolink.entrypoints.wiring import Node
from tests.support.town import Town

_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"


def back_up(node: Node, new_database_url: Callable[[], str]) -> str:
    """Copy the node's database as it is now into a fresh one, and return the copy's URL."""
    node.database.dispose()
    source, url = node.database.engine.url, new_database_url()
    if node.database.is_sqlite:
        # With every connection closed the write-ahead log is in the file.
        copyfile(Path(str(source.database)), Path(str(make_url(url).database)))
    else:
        _copy_rows(source, make_url(url))
    return url


def _copy_rows(source: URL, target: URL) -> None:
    with psycopg.connect(_address(source)) as old, psycopg.connect(_address(target)) as new:
        new.execute("SET session_replication_role = replica")  # rows need no order among foreign keys
        for (name,) in old.execute(_TABLES).fetchall():
            table = Identifier(name)
            with (
                old.cursor().copy(SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(table)) as rows,
                new.cursor().copy(SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(table)) as copied,
            ):
                for block in rows:
                    copied.write(block)
        for name, last in old.execute(_SEQUENCES).fetchall():
            new.execute("SELECT setval(%s::regclass, %s)", (f'"{name}"', last))


def _address(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def rebuild(town: Town, node: Node, url: str) -> Node:
    """Let a node die and come back on the database at `url`, two minutes later; it has not asked its peers yet."""
    node.close()
    town.clock.advance(timedelta(minutes=2))
    restored = town.build(node.us, url)
    restored.tick(town.clock.now())
    return restored
