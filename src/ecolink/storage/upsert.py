"""Insert what is not there yet, in one statement that both databases understand."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from ecolink.storage.base import Base, table_of
from ecolink.storage.queries import Query


def insert_new(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert `rows`, passing over those whose unique key is already taken; return how many were new.

    The natural key decides, not a look beforehand: two workers doing the same at once do it once.
    """
    if not rows:
        return 0
    insert = _insert(table, session.connection().dialect.name)
    return insert.run(session, rows[0]) if len(rows) == 1 else insert.run_each(session, rows)


@lru_cache(maxsize=128)
def _insert(table: type[Base], dialect: str) -> Query:
    """Return the statement, built once: one row at a time is what the busiest paths insert."""
    # Of the two dialects, the one that is not used need not be in memory.
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415

        return Query(sqlite.insert(table_of(table)).on_conflict_do_nothing())
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return Query(postgresql.insert(table_of(table)).on_conflict_do_nothing())
