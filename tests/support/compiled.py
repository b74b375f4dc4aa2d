"""SQL, and the patterns of addresses, compiled once in a run, not once for each test's own databases and applications.

SQLAlchemy keeps what it compiled with the engine, and a node has one for its whole life; a test run makes thousands.
"""

from functools import cache
from typing import Any

import sqlalchemy
from sqlalchemy import Engine

from ecolink.storage import engine
from ecolink.surface import route


class _Compiled(dict[Any, Any]):
    """What was compiled for one dialect, whichever engine asks: its keys begin with the engine's own."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key[1:], value)


_BY_DIALECT = {"sqlite": _Compiled(), "postgresql": _Compiled()}


def share_compiled() -> None:
    """Let every engine and every application that ecolink makes from now on use what another has compiled."""

    def create(*arguments: Any, **more: Any) -> Engine:
        made = sqlalchemy.create_engine(*arguments, **more)
        made._compiled_cache = _BY_DIALECT[made.dialect.name]
        return made

    engine.create_engine = create  # type: ignore[attr-defined]
    route.compile_path = cache(route.compile_path)  # type: ignore[attr-defined]
