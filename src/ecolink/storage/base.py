"""Base class, naming convention and column types shared by every table."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, MetaData, Table, TypeDecorator
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeEngine

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC. SQLite hands datetimes back naive; this gives them their zone again."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """Say what the column holds; a decorator does not ask what it decorates."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a naive time rather than guess its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "a stored time must be aware"
            raise ValueError(msg)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _BinaryJson(TypeDecorator[Any]):
    """PostgreSQL's JSONB, imported where there is a PostgreSQL: its dialect takes 2 MB."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Say what the database calls it."""
        from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415

        return dialect.type_descriptor(JSONB())


JsonDocument = JSON().with_variant(_BinaryJson(), "postgresql")
"""A JSON column; binary and indexable where the database has it."""


class TextList(TypeDecorator[list[str] | None]):
    """A list of texts as JSON; None where what stands in a row is none: one damaged row fails no query for many."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Say what the database calls it."""
        return dialect.type_descriptor(_BinaryJson() if dialect.name == "postgresql" else JSON())

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], list[str] | None]:
        """Return what reads a value: the database's way, and no fault of its own where that does not succeed."""
        read = super().result_processor(dialect, coltype)

        def readable(value: Any) -> list[str] | None:  # noqa: ANN401 - whatever stands there
            try:
                said = read(value) if read else value
            except (TypeError, ValueError):
                return None
            return said if isinstance(said, list) and all(isinstance(each, str) for each in said) else None

        return readable


class Base(DeclarativeBase):
    """The metadata that migrations must equal."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: UtcDateTime(),
        dict[str, Any]: JsonDocument,
        list[Any]: JsonDocument,
        list[str]: JsonDocument,
    }


def table_of(model: type[Base]) -> Table:
    """Return the table of `model`, for statements that name columns rather than attributes."""
    table = model.__table__
    if not isinstance(table, Table):
        msg = f"{model.__name__} is not mapped to a table"
        raise TypeError(msg)
    return table
