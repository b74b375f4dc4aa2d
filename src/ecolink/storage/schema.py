"""The schema's version: brought up by Alembic, and checked at every start."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from ecolink.errors import SettingError


def migrations() -> Path:
    """Return the folder of the migrations: inside the installed package, or beside the sources."""
    inside = Path(__file__).parents[1] / "migrations"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "migrations"


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest version this software knows; nothing happens when it is there already."""
    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    config.attributes["engine"] = engine
    command.upgrade(config, "head")


def versions(engine: Engine) -> tuple[str | None, str | None]:
    """Return the database's schema version and the newest one this software knows."""
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    return present, ScriptDirectory(str(migrations())).get_current_head()


def known() -> set[str]:
    """Return every schema version that this software knows the way from."""
    return {revision.revision for revision in ScriptDirectory(str(migrations())).walk_revisions()}


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
