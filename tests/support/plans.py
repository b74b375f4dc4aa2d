"""How a database means to find what a node asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Engine, event

# Without rows PostgreSQL would read any table whole: so it is told to do that, and to sort, only where it cannot help it.
_WITHOUT = "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true)"


class Plan(NamedTuple):
    """One SQL statement and the steps by which its rows are found."""

    sql: str
    steps: tuple[str, ...]


@contextmanager
def plans(engine: Engine) -> Iterator[list[Plan]]:
    """Collect the plan of every different statement that looks for rows while the block lasts."""
    found: dict[str, Plan] = {}
    collected: list[Plan] = []
    steps_of = _on_sqlite if engine.dialect.name == "sqlite" else _on_postgresql

    def explain(connection: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, many: bool) -> None:
        if many or sql in found or sql.split(None, 1)[0] not in {"SELECT", "UPDATE", "DELETE", "WITH"}:
            return
        found[sql] = Plan(sql, steps_of(connection.connection.driver_connection, sql, parameters))
        collected.append(found[sql])

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield collected
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def _on_sqlite(driver: Any, sql: str, parameters: Any) -> tuple[str, ...]:
    return tuple(step[3] for step in driver.execute(f"EXPLAIN QUERY PLAN {sql}", parameters))


def _on_postgresql(driver: Any, sql: str, parameters: Any) -> tuple[str, ...]:
    driver.execute(_WITHOUT)
    lines = [step[0].replace("->", "").strip() for step in driver.execute(f"EXPLAIN (COSTS OFF) {sql}", parameters)]
    steps: list[str] = []
    for line in lines:
        # The index by which a bitmap is made stands below its table; told together, they read as any other step.
        if line.startswith("Bitmap Index Scan") and steps[-1].startswith("Bitmap Heap Scan"):
            steps[-1] += f" by {line}"
        elif not line.startswith("Recheck Cond"):
            steps.append(line)
    return tuple(steps)
