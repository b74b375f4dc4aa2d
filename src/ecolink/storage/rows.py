"""Many rows in few statements: what the hottest paths use instead of SQLAlchemy's work on every row.

The driver is handed statements of up to 64 rows each. SQLite's driver gives up the interpreter's lock at every
statement, so one for each row would wait for other threads as often as there are rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Dialect, Table
from sqlalchemy.orm import Session

from ecolink.storage.base import Base, table_of

Row = Sequence[Any]
_Prepare = Callable[[Any], Any] | None
"""What a column's type does to a value before the driver sees it; None when nothing."""

_PORTIONS = (64, 32, 16, 8, 4, 2, 1)
"""Rows of one statement: few different texts, so that the driver's statements stay prepared."""


@dataclass(frozen=True)
class RowInsert:
    """An INSERT of some columns of a table; the others get their column's default or NULL in the database."""

    table: Table
    columns: tuple[str, ...]

    @classmethod
    def into(cls, model: type[Base], *columns: str) -> "RowInsert":
        """Return the insertion into the table of `model`."""
        return cls(table_of(model), columns)

    def run(self, session: Session, rows: Sequence[Row]) -> None:
        """Insert `rows`, each with a value for every column."""
        if not rows:
            return
        connection = session.connection()
        dialect = connection.dialect
        prepared = _prepared(rows, _preparations(self, dialect))
        start = 0
        for size in _portions(len(rows)):
            values = tuple(chain.from_iterable(prepared[start : start + size]))
            connection.exec_driver_sql(_text(self, dialect, size), values)
            start += size


def _prepared(rows: Sequence[Row], preparations: Sequence[_Prepare]) -> Sequence[Row]:
    """Prepare the values column by column: most columns need nothing, and most others hold few different values."""
    if not any(preparations):
        return rows
    columns = [
        values if prepare is None else _each_once(prepare, values)
        for prepare, values in zip(preparations, zip(*rows, strict=True), strict=True)
    ]
    return list(zip(*columns, strict=True))


def _each_once(prepare: Callable[[Any], Any], values: Sequence[Any]) -> Sequence[Any]:
    prepared = {value: prepare(value) for value in set(values)}
    return [prepared[value] for value in values]


def _portions(count: int) -> Iterator[int]:
    for size in _PORTIONS:
        times, count = divmod(count, size)
        yield from (size for _ in range(times))


@lru_cache(maxsize=64)
def _preparations(insert: RowInsert, dialect: Dialect) -> tuple[_Prepare, ...]:
    return tuple(insert.table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in insert.columns)


@lru_cache(maxsize=256)
def _text(insert: RowInsert, dialect: Dialect, rows: int) -> str:
    quote = dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in insert.columns)
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    row = "(" + ", ".join([mark] * len(insert.columns)) + ")"
    return f"INSERT INTO {quote(insert.table.name)} ({names}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - names of our own tables
