"""How SQLite means to find what a node asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Engine, event


class Plan(NamedTuple):
    """One SQL statement and the steps by which its rows are found."""

    sql: str
    steps: tuple[str, ...]


@contextmanager
def plans(engine: Engine) -> Iterator[list[Plan]]:
    """Collect the plan of every different statement that looks for rows while the block lasts."""
    found: dict[str, Plan] = {}
    collected: list[Plan] = []

    def explain(connection: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, many: bool) -> None:
        if many or sql in found or sql.split(None, 1)[0] not in {"SELECT", "UPDATE", "DELETE", "WITH"}:
            return
        steps = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        found[sql] = Plan(sql, tuple(step[3] for step in steps))
        collected.append(found[sql])

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield collected
    finally:
        event.remove(engine, "before_cursor_execute", explain)
