"""A row in every table of a schema, whatever it looks like: what an upgrade must not lose."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import JSON, Column, Connection, MetaData, Table, insert, inspect, select

Rows = dict[str, list[dict[str, Any]]]
"""What stands in each table, by the names of the columns."""

_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_ALEMBIC = "alembic_version"
_SUBJECTS, _AGREEMENTS = "agreement_subjects", "agreements"
"""Nobody ever had a row in the first without the second, which the next migration makes and which it refers to."""
_READ = {"manifests": {"tokens": ["e30.eyJrZXlzIjpbXX0.e30"]}}
"""What a migration reads, and must be able to: here the manifest of a bureau that lists no key."""
_LITERAL = re.compile(r"'([^']*)'")


def fill(connection: Connection, known: Rows | None = None) -> Rows:
    """Put one row into every table that is not `known`, and return what stands in those and in these."""
    known = known or {}
    names = {*inspect(connection).get_table_names()} - {*known, _ALEMBIC}
    if _AGREEMENTS not in names | {*known}:
        names.discard(_SUBJECTS)
    for table in _tables(connection, names).sorted_tables:
        if table.name in names:
            connection.execute(insert(table).values(_row(connection, table)))
    return known | rows(connection, names)


def rows(connection: Connection, names: Iterable[str]) -> Rows:
    """Return what stands in these tables."""
    tables = _tables(connection, names).tables
    return {name: [dict(row) for row in connection.execute(select(tables[name])).mappings()] for name in names}


def lost(before: Rows, now: Rows) -> list[str]:
    """Return the columns whose values are not what they were; those that are new are nobody's loss."""
    return [
        f"{table}.{column}"
        for table, kept in before.items()
        for then, today in zip(kept, now[table], strict=True)
        for column, value in then.items()
        if column not in today or today[column] != value
    ]


def shape(connection: Connection) -> dict[str, list[str]]:
    """Return what the tables look like, so that two schemas made in different ways can be compared."""
    found = inspect(connection)
    return {
        name: [
            *map(_told, found.get_columns(name)),
            _told(found.get_pk_constraint(name)),
            *sorted(map(_told, found.get_foreign_keys(name))),
            *sorted(map(_told, found.get_unique_constraints(name))),
            *sorted(map(_told, found.get_check_constraints(name))),
            *sorted(map(_told, found.get_indexes(name))),
        ]
        for name in found.get_table_names()
    }


def _told(thing: object) -> str:
    if isinstance(thing, Mapping):
        return " ".join(f"{name}=({_told(value)})" for name, value in sorted(thing.items()))
    return ", ".join(map(_told, thing)) if isinstance(thing, list) else " ".join(str(thing).split())


def _tables(connection: Connection, names: Iterable[str]) -> MetaData:
    found = MetaData()
    found.reflect(connection, only=sorted(names))
    return found


def _row(connection: Connection, table: Table) -> dict[str, Any]:
    """Return a row that the table takes: what it refers to, what its checks allow, and no value twice where it may differ."""
    allowed: dict[str, Any] = {**_READ.get(table.name, {})}
    for check in inspect(connection).get_check_constraints(table.name):
        if words := _LITERAL.findall(check["sqltext"]):
            bare = _LITERAL.sub("", check["sqltext"])
            allowed |= {column.name: words[0] for column in table.columns if re.search(rf"\b{column.name}\b", bare)}
    row = {column.name: allowed.get(column.name, _value(column, place)) for place, column in enumerate(table.columns)}
    for foreign in table.foreign_key_constraints:
        referred: Mapping[str, Any] = connection.execute(select(foreign.referred_table)).mappings().one()
        row |= {each.parent.name: referred[each.column.name] for each in foreign.elements}
    return row


def _value(column: Column[Any], place: int) -> object:
    """Return a value of the column's type, another one for each of a table's columns."""
    kind = dict if isinstance(column.type, JSON) else column.type.python_type
    length = getattr(column.type, "length", None)
    made = {
        bool: True,
        int: place + 1,
        float: place + 0.5,
        bytes: f"{column.name} \0".encode(),
        date: _FIRST.date() + timedelta(days=place),
        datetime: _FIRST + timedelta(hours=place),
        time: time(place % 24),
        dict: {"名": [column.name]},
        str: f"{place}号{column.name}"[:length],
    }
    return made[kind]
