"""The schema's version: brought up by Alembic, and checked at every start, which does without it."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Engine, func, inspect, select, text

from ecolink.errors import SettingError

_UPGRADING = 20_261_122
"""The number of PostgreSQL's advisory lock that an upgrade holds; any number, as long as it never changes."""

_STEP = re.compile(r'^revision = "(.+)"\ndown_revision = (?:None|"(.+)")$', re.MULTILINE)
"""How a migration names the version it leads to and the one it leads from."""


def migrations() -> Path:
    """Return the folder of the migrations: inside the installed package, or beside the sources."""
    inside = Path(__file__).parents[1] / "migrations"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "migrations"


def upgrade(engine: Engine) -> str | None:
    """Bring the schema to the newest version this software knows, wholly or not at all; return the one it had.

    All of it is one transaction, on SQLite too, so that a process killed midway leaves nothing behind. Of several
    that upgrade at once one does it, and the others wait and find it done.
    """
    from alembic import command  # noqa: PLC0415 - a tenth of a second of every start, and the start needs none of it
    from alembic.config import Config  # noqa: PLC0415 - the same

    with _alone(engine) as connection:
        before = _present(connection)
        config = Config()
        config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Open the transaction of an upgrade, while no other upgrade runs."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            with _foreign_keys_off(connection), connection.execution_options(ecolink_write=True).begin():
                yield connection
                if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
                    msg = f"the migration leaves rows that refer to nothing, such as {broken[0]}"
                    raise RuntimeError(msg)
        else:
            with connection.begin():
                connection.execute(select(func.pg_advisory_xact_lock(_UPGRADING)))
                yield connection


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[None]:
    """Let tables be altered as SQLite does it, by a copy: dropping the old one would take along what refers to it.

    Without effect inside a transaction, therefore said to the driver before one begins.
    """
    driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def versions(engine: Engine) -> tuple[str | None, str]:
    """Return the database's schema version and the newest one this software knows."""
    with engine.connect() as connection:
        present = _present(connection)
    (newest,) = known() - set(_steps().values())
    return present, newest


def known() -> set[str]:
    """Return every schema version that this software knows the way from."""
    return set(_steps())


def _present(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return cast("str | None", connection.execute(text("SELECT version_num FROM alembic_version")).scalar())


def _steps() -> dict[str, str | None]:
    """Return each version with the one that its migration leads from."""
    texts = [path.read_text("utf-8") for path in (migrations() / "versions").glob("*.py")]
    return {revision: before for each in texts for revision, before in _STEP.findall(each)}


def refuse_unless_current(engine: Engine) -> None:
    """Return if the schema is the one this software was written for.

    Raises:
        SettingError: it is older (upgrade) or unknown (a newer ecolink wrote it).

    """
    present, newest = versions(engine)
    if present == newest:
        return
    if present is None or present in known():
        raise SettingError(
            "The database's schema is older than this ecolink: run 'ecolink db upgrade'.",
            "数据库结构版本较旧：请运行 ecolink db upgrade。",
        )
    raise SettingError(
        f"The database's schema {present} is not known to this ecolink: install the version that wrote it, or a newer.",
        f"本版本不认识数据库结构 {present}：请安装写入它的版本或更新的版本。",
    )
