"""Alembic's entry: one transaction per migration, batch mode so that SQLite can alter tables."""

from importlib import import_module
from pathlib import Path

from alembic import context
from sqlalchemy import JSON, Engine

import ecolink
from ecolink.storage.base import Base, UtcDateTime
from ecolink.storage.engine import connect


def import_tables() -> None:
    """Import every module that declares a table, so that the metadata is whole."""
    root = Path(ecolink.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if "__tablename__ =" in path.read_text("utf-8"):
            import_module(".".join(("ecolink", *path.relative_to(root).with_suffix("").parts)))


def render(kind: str, thing: object, _context: object) -> str | bool:
    """Write column types by what the database knows them as, so that a migration does not change with our code."""
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, JSON):
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False


def run(engine: Engine) -> None:
    """Apply the migrations, each in a transaction of its own."""
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            transaction_per_migration=True,
            compare_type=True,
            render_item=render,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


import_tables()
given = context.config.attributes.get("engine")
run(given if given is not None else connect(context.config.get_main_option("sqlalchemy.url") or ""))
