"""What the busiest paths ask of the database: put together once, and handed to SQLite's driver as it is.

Between a constant statement of SQL and the driver, SQLAlchemy does several times the work that SQLite needs for the
answer. A `Query` is compiled once for each set of names it is given values for, and remembers what the columns' types
do to values on their way in and out. PostgreSQL is asked through SQLAlchemy, and so is SQLite whenever the driver's way
does not fit: a list written with `in_`, a default made in Python, or somebody who listens to every statement, as tests
do.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Self

from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    ColumnElement,
    Connection,
    Delete,
    Dialect,
    Insert,
    Select,
    Text,
    Update,
    bindparam,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

Values = Mapping[str, Any]
_Process = Callable[[Any], Any]

_NOTHING: Final[Values] = MappingProxyType({})

TEXTS: Final = JSON().with_variant(ARRAY(Text()), "postgresql")
"""Several texts as one value."""


class among(FunctionElement[bool]):  # noqa: N801 - reads as a word of SQL
    """Whether a column holds one of several texts, given under one name: as many as they are, its SQL is the same.

    SQLAlchemy's own `in_` writes a mark for each, so that neither database has the statement prepared.
    """

    name = "among"
    inherit_cache = True
    type = Boolean()

    def __init__(self, column: ColumnElement[str], texts: str) -> None:
        """Look for `column` among those that come under the name `texts`."""
        super().__init__(column, bindparam(texts, type_=TEXTS))

    def self_group(self, against: object = None) -> Self:  # noqa: ARG002
        """Stand in a condition as it is: SQLAlchemy would compare it to 1 for SQLite, which then uses no index."""
        return self


@compiles(among)
def _among(element: among, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's own
    column, texts = (compiler.process(each, **options) for each in element.clauses)
    if compiler.dialect.name == "postgresql":
        return f"{column} = ANY ({texts})"
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608 - a column's name and a mark


class Query:
    """One statement of SQL over tables, with named values. Rows are named tuples."""

    def __init__(
        self, statement: Select[Any] | Insert | Update | Delete, *, on_postgresql: Select[Any] | None = None
    ) -> None:
        """Keep it; what SET and VALUES name may be left to the values that it is given.

        PostgreSQL is asked `on_postgresql` instead, where it would go the long way about the statement.
        """
        self.statement = statement
        self._on_postgresql = statement if on_postgresql is None else on_postgresql
        self._compiled: dict[tuple[str, ...], _Compiled | None] = {}

    def all(self, session: Session, values: Values = _NOTHING) -> Sequence[Any]:
        """Return every row of the answer."""
        return self._ask(session.connection(), values)[0]

    def first(self, session: Session, values: Values = _NOTHING) -> Any:  # noqa: ANN401 - the statement says what it is
        """Return the first row of the answer, or None."""
        rows = self.all(session, values)
        return rows[0] if rows else None

    def one(self, session: Session, values: Values = _NOTHING) -> Any:  # noqa: ANN401 - likewise
        """Return the one row of the answer.

        Raises:
            ValueError: there are none, or several.

        """
        (row,) = self.all(session, values)
        return row

    def scalars(self, session: Session, values: Values = _NOTHING) -> Sequence[Any]:
        """Return the first column of every row."""
        return [row[0] for row in self.all(session, values)]

    def scalar(self, session: Session, values: Values = _NOTHING) -> Any:  # noqa: ANN401 - likewise
        """Return the first column of the first row, or None."""
        row = self.first(session, values)
        return None if row is None else row[0]

    def run(self, session: Session, values: Values) -> int:
        """Change rows, and return how many."""
        return self._ask(session.connection(), values)[1]

    def run_each(self, session: Session, several: Sequence[Values]) -> int:
        """Change rows once for each of several values, of the same names all; return how many in all."""
        connection = session.connection()
        compiled = self._for(connection, several[0])
        if compiled is not None:
            return compiled.run_each(connection, several)
        # Without being told to, SQLAlchemy forgets how many rows an insert made.
        return connection.execute(self.statement, list(several), execution_options={"preserve_rowcount": True}).rowcount

    def _ask(self, connection: Connection, values: Values) -> tuple[Sequence[Any], int]:
        compiled = self._for(connection, values)
        if compiled is not None:
            return compiled.ask(connection, values)
        statement = self.statement if connection.dialect.name == "sqlite" else self._on_postgresql
        answer = connection.execute(statement, values, execution_options={"preserve_rowcount": True})
        return (answer.all() if answer.returns_rows else ()), answer.rowcount

    def _for(self, connection: Connection, values: Values) -> "_Compiled | None":
        """Return the statement as the driver takes it, or None where SQLAlchemy is to be asked."""
        if not is_asked_directly(connection):
            return None
        names = tuple(values)
        if names not in self._compiled:
            self._compiled[names] = _compiled(self.statement, names, connection.dialect)
        return self._compiled[names]


def _compiled(statement: Any, names: Sequence[str], dialect: Dialect) -> "_Compiled | None":  # noqa: ANN401 - of four kinds
    compiled = statement.compile(dialect=dialect, column_keys=None if isinstance(statement, Select) else list(names))
    makes_defaults = compiled.insert_prefetch or compiled.update_prefetch
    if makes_defaults or any(bind.expanding for bind in compiled.binds.values()):
        return None
    return _Compiled(compiled, names, dialect)


class _Compiled:
    """A statement as SQLite's driver takes it."""

    def __init__(self, compiled: SQLCompiler, names: Sequence[str], dialect: Dialect) -> None:
        self._text = compiled.string
        self._template: list[Any] = []
        """The values by place, those that never change filled in."""
        self._given: list[tuple[int, str, _Process | None]] = []
        for place, name in enumerate(compiled.positiontup or ()):
            bind = compiled.binds[name]
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            value = None
            if name in names:
                self._given.append((place, name, process))
            else:
                value = process(bind.effective_value) if process else bind.effective_value
            self._template.append(value)

        statement: Any = compiled.statement
        columns = list(statement.selected_columns if isinstance(statement, Select) else statement.exported_columns)
        self._row: Callable[[Sequence[Any]], Any] = tuple
        if columns:
            named: Any = namedtuple("Row", [each.key for each in columns], rename=True)  # type: ignore[misc] # noqa: PYI024 - the columns are known now
            self._row = named._make
        self._results: list[tuple[int, _Process]] = []
        for place, column in enumerate(columns):
            process = column.type.dialect_impl(dialect).result_processor(dialect, None)
            if process is not None:
                self._results.append((place, process))

    def ask(self, connection: Connection, values: Values) -> tuple[Sequence[Any], int]:
        """Return the rows of the answer, and how many were changed."""
        rows, changed = ask_driver(connection, self._text, self._parameters(values))
        return self._rows(rows), changed

    def run_each(self, connection: Connection, several: Sequence[Values]) -> int:
        """Change rows once for each of the values; return how many were changed."""
        try:
            changed: int = driver_of(connection).executemany(self._text, map(self._parameters, several)).rowcount
        except sqlite3.Error as fault:
            raise _told(self._text, fault) from fault
        return changed

    def _parameters(self, values: Values) -> Sequence[Any]:
        parameters = self._template.copy()
        for place, name, process in self._given:
            value = values[name]
            parameters[place] = value if process is None else process(value)
        return parameters

    def _rows(self, found: Sequence[Sequence[Any]]) -> Sequence[Any]:
        if not self._results:
            return [self._row(row) for row in found]
        rows = []
        for each in found:
            row = list(each)
            for place, process in self._results:
                row[place] = process(row[place])
            rows.append(self._row(row))
        return rows


def is_asked_directly(connection: Connection) -> bool:
    """Tell whether the driver may be asked instead of SQLAlchemy."""
    return connection.dialect.name == "sqlite" and not connection.engine.dispatch.before_cursor_execute


def ask_driver(connection: Connection, text: str, parameters: Sequence[Any]) -> tuple[Sequence[Any], int]:
    """Ask SQLite's driver; return the rows of the answer as it has them, and how many were changed."""
    try:
        cursor = driver_of(connection).execute(text, parameters)
        return cursor.fetchall(), cursor.rowcount
    except sqlite3.Error as fault:
        raise _told(text, fault) from fault


def driver_of(connection: Connection) -> Any:  # noqa: ANN401 - sqlite3's
    """Return the driver's own connection."""
    return connection.connection.driver_connection


def _told(text: str, fault: sqlite3.Error) -> BaseException:
    """Return the fault as SQLAlchemy tells it, without any value."""
    return DBAPIError.instance(text, None, fault, sqlite3.Error, hide_parameters=True)
