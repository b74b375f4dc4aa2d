"""Alembic's entry: one transaction per migration, batch mode so that SQLite can alter tables."""

from importlib import import_module
from pathlib import Path

from alembic import context
from sqlalchemy import Engine

import ecolink
from ecolink.storage.base import Base
from ecolink.storage.engine import connect


def import_tables() -> None:
    """Import every module that declares a table, so that the metadata is whole."""
    root = Path(ecolink.__file__).parent
    for path in sorted(root.rglob("*models.py")):
        import_module(".".join(("ecolink", *path.relative_to(root).with_suffix("").parts)))


def run(engine: Engine) -> None:
    """Apply the migrations, each in a transaction of its own."""
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            transaction_per_migration=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


import_tables()
given = context.config.attributes.get("engine")
run(given if given is not None else connect(context.config.get_main_option("sqlalchemy.url") or ""))
