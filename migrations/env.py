"""Alembic's entry, within the one transaction that `ecolink.storage.schema` opened; batch mode lets SQLite alter tables."""

from importlib import import_module
from pathlib import Path

from alembic import context
from sqlalchemy import JSON

import ecolink
from ecolink.storage.base import Base, UtcDateTime
from ecolink.storage.indexes import complete


def import_tables() -> None:
    """Import every module that declares a table, so that the metadata is whole."""
    root = Path(ecolink.__file__).parent
    for path in sorted(root.rglob("*.py")):
        within = path.relative_to(root).with_suffix("").parts
        if within[0] != "migrations" and "__tablename__ =" in path.read_text("utf-8"):
            import_module(".".join(("ecolink", *within)))


def render(kind: str, thing: object, _context: object) -> str | bool:
    """Write column types by what the database knows them as, so that a migration does not change with our code."""
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, JSON):
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False


import_tables()
complete(Base.metadata)
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=render,
)
context.run_migrations()
