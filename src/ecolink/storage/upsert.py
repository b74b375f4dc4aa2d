"""Insert what is not there yet, in one statement that both databases understand."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, Insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ecolink.storage.base import Base


def insert_new(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert `rows`, passing over those whose unique key is already taken; return how many were new.

    The natural key decides, not a look beforehand: two workers doing the same at once do it once.
    """
    if not rows:
        return 0
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = cast("Insert", dialect.insert(table).on_conflict_do_nothing())
    result = cast("CursorResult[Any]", session.execute(statement.values(list(rows))))
    return result.rowcount
