"""Insert what is not there yet, in one statement that both databases understand."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ecolink.storage.base import Base, table_of


def insert_new(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert `rows`, passing over those whose unique key is already taken; return how many were new.

    The natural key decides, not a look beforehand: two workers doing the same at once do it once.
    """
    if not rows:
        return 0
    connection = session.connection()
    # Without being told to, the database layer forgets how many rows an insert made.
    insert = _insert(table, connection.dialect.name)
    return connection.execute(insert, list(rows), execution_options={"preserve_rowcount": True}).rowcount


@lru_cache(maxsize=128)
def _insert(table: type[Base], dialect: str) -> sqlite.Insert | postgresql.Insert:
    """Return the statement, built once: one row at a time is what the busiest paths insert."""
    if dialect == "sqlite":
        return sqlite.insert(table_of(table)).on_conflict_do_nothing()
    return postgresql.insert(table_of(table)).on_conflict_do_nothing()
