"""Insert what is not there yet, in one statement that both databases understand."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ecolink.storage.base import Base


def insert_new(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert `rows`, passing over those whose unique key is already taken; return how many were new.

    The natural key decides, not a look beforehand: two workers doing the same at once do it once.
    """
    if not rows:
        return 0
    connection = session.connection()
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table.__table__).on_conflict_do_nothing().values(list(rows))
    # Without being told to, the database layer forgets how many rows an insert made.
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount
