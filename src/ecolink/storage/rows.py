"""Many rows in few statements: what the hottest paths use instead of SQLAlchemy's work on every row.

SQLite's driver is handed statements of up to 100 rows each: it gives up the interpreter's lock at every statement, so
one for each row would wait for other threads as often as there are rows. PostgreSQL is sent many rows by COPY, in its
own binary form: neither side spends time on statements of a thousand parameters.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, LargeBinary, Table
from sqlalchemy.orm import Session

from ecolink.storage.base import Base, table_of
from ecolink.storage.queries import ask_driver, is_asked_directly

Row = Sequence[Any]
_Prepare = Callable[[Any], Any]
"""What a column's type does to a value before the driver sees it."""

WORTH_COPYING = 8
"""Rows from which on COPY is the quicker way."""

COPIED = "ecolink_copied"
"""The execution option that carries rows and their types to the driver."""

_PORTIONS = (100, 50, 20, 10, 5, 2, 1)
"""Rows of one statement: few different texts, so that the driver's statements stay prepared; batches have 50 or 200."""


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
        if connection.dialect.name == "postgresql" and len(rows) >= WORTH_COPYING:
            statement = _copy_text(self, connection.dialect)
            copied = {COPIED: (rows, _copy_types(self, connection.dialect))}
            connection.exec_driver_sql(statement, execution_options=copied)
        else:
            self._insert(connection, rows)

    def _insert(self, connection: Connection, rows: Sequence[Row]) -> None:
        dialect, width = connection.dialect, len(self.columns)
        values = list(chain.from_iterable(rows))
        for column, prepare in _preparations(self, dialect):
            values[column::width] = _each_once(prepare, values[column::width])
        start, is_direct = 0, is_asked_directly(connection)
        for size in _portions(len(rows)):
            end = start + size * width
            text, parameters = _text(self, dialect, size), tuple(values[start:end])
            if is_direct:
                ask_driver(connection, text, parameters)
            else:
                connection.exec_driver_sql(text, parameters)
            start = end


def copy_rows(cursor: Any, statement: str, _parameters: object, context: Any) -> bool | None:  # noqa: ANN401 - the driver's
    """Do what SQLAlchemy asks of the driver, where it is to copy rows; its own handling of errors stays around it."""
    copied = context.execution_options.get(COPIED)
    if copied is None:
        return None
    rows, types = copied
    with cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
    return True


def _each_once(prepare: _Prepare, values: Sequence[Any]) -> Sequence[Any]:
    """Prepare a column's values; it holds few different ones, as a time or a bureau does."""
    prepared = {value: prepare(value) for value in set(values)}
    return [prepared[value] for value in values]


def _portions(count: int) -> Iterator[int]:
    for size in _PORTIONS:
        times, count = divmod(count, size)
        yield from (size for _ in range(times))


@lru_cache(maxsize=64)
def _preparations(insert: RowInsert, dialect: Dialect) -> Sequence[tuple[int, _Prepare]]:
    """Return what a column's values need before the driver sees them, by the column's place; bytes go as they are."""
    prepared = []
    for place, name in enumerate(insert.columns):
        kind = insert.table.c[name].type
        prepare = None if isinstance(kind, LargeBinary) else kind.dialect_impl(dialect).bind_processor(dialect)
        if prepare is not None:
            prepared.append((place, prepare))
    return prepared


@lru_cache(maxsize=64)
def _copy_types(insert: RowInsert, dialect: Dialect) -> Sequence[str]:
    """Return PostgreSQL's names of the columns' types: in its binary form, values say nothing of themselves."""
    kinds = (insert.table.c[name].type.dialect_impl(dialect) for name in insert.columns)
    return [kind.compile(dialect).partition("(")[0].lower() for kind in kinds]


@lru_cache(maxsize=64)
def _copy_text(insert: RowInsert, dialect: Dialect) -> str:
    quote = dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in insert.columns)
    return f"COPY {quote(insert.table.name)} ({names}) FROM STDIN (FORMAT BINARY)"


@lru_cache(maxsize=256)
def _text(insert: RowInsert, dialect: Dialect, rows: int) -> str:
    quote = dialect.identifier_preparer.quote
    names = ", ".join(quote(name) for name in insert.columns)
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    row = "(" + ", ".join([mark] * len(insert.columns)) + ")"
    return f"INSERT INTO {quote(insert.table.name)} ({names}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - names of our own tables
