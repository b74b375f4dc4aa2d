"""`ecolink db upgrade` killed midway, from nothing and from older tables with rows; run twice at once."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from ecolink.errors import SettingError
from ecolink.storage import schema
from ecolink.storage.base import Base
from ecolink.storage.engine import Database
from tests.storage import filling

IN_THE_MIDDLE = "CREATE TABLE leads"
AT_THE_LOCK = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock"}


WHOLE = schema.migrations()
CHAIN = [each.revision for each in ScriptDirectory(str(WHOLE)).walk_revisions()][::-1]
"""Every version of the schema, oldest first."""
KILLED: dict[str, tuple[str, str, str]] = {
    "rows about to be copied": (
        "20261122_first", "INSERT INTO _alembic_tmp_login_sessions", "ALTER TABLE login_sessions ADD CONSTRAINT"
    ),
    "an old table gone and the new one without its name": (
        "20261122_paced_channels", "ALTER TABLE _alembic_tmp_alerts RENAME", "ALTER TABLE alerts ADD CONSTRAINT"
    ),
    "between two migrations": ("20261122_paced_channels", "UPDATE alembic_version", "UPDATE alembic_version"),
    "all done and nothing kept": ("20261122_first", "COMMIT", "COMMIT"),
}  # fmt: skip
"""Where an upgrade is killed: the version it comes from, and the SQL it never gets to, on SQLite and on PostgreSQL."""


@pytest.fixture
def empty(database: Database) -> Engine:
    """A database without a single table."""
    with database.engine.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    return database.engine


@contextmanager
def upgrading(engine: Engine, folder: Path, frozen_before: str) -> Iterator[subprocess.Popen[str]]:
    """Run `ecolink db upgrade`, and go into the block when it is frozen before that SQL."""
    settings = {
        "UNIT_CODE": "350924000000", "NAME_ZH": "寿宁县公安局", "NAME_EN": "Shouning", "DUTY_PHONE": "0593-0000001",
        "DATA_DIR": str(folder), "DATABASE_URL": engine.url.render_as_string(hide_password=False),
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("freezing.py"), frozen_before, "db", "upgrade"],
        env={**os.environ, **{f"ECOLINK_{name}": value for name, value in settings.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            _, how = os.waitpid(running.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(how), running.communicate()
            yield running
        finally:
            running.kill()


def test_an_upgrade_killed_midway_leaves_nothing_behind_and_the_next_one_does_it_whole(empty: Engine, tmp_path: Path):
    with upgrading(empty, tmp_path, IN_THE_MIDDLE) as running:
        with pytest.raises(SettingError, match="ecolink db upgrade"):
            schema.refuse_unless_current(empty)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
    with pytest.raises(SettingError, match="ecolink db upgrade"):
        schema.refuse_unless_current(empty)
    assert schema.upgrade(empty) is None
    schema.refuse_unless_current(empty)
    with empty.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


@pytest.fixture
def brought_up_to(
    empty: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], str | None]]:
    """Bring the database up to an older version, as the software of that time did."""

    def bring(version: str) -> str | None:
        folder = tmp_path / f"until-{version}"
        shutil.copytree(WHOLE, folder)
        for later in CHAIN[CHAIN.index(version) + 1 :]:
            (folder / "versions" / f"{later}.py").unlink()
        with monkeypatch.context() as then:
            then.setattr(schema, "migrations", lambda: folder)
            return schema.upgrade(empty)

    return bring


def test_every_migration_keeps_what_stands_in_every_table(empty: Engine, brought_up_to: Callable[[str], str | None]):
    kept: filling.Rows = {}
    for version in CHAIN:
        brought_up_to(version)
        with empty.begin() as connection:
            kept = filling.fill(connection, kept)
    assert kept.keys() == Base.metadata.tables.keys()
    with empty.connect() as connection:
        assert filling.lost(kept, filling.rows(connection, kept)) == []


@pytest.mark.parametrize("where", KILLED)
def test_an_upgrade_of_tables_with_rows_killed_midway_leaves_them_as_they_were_and_the_next_one_does_it_whole(
    where: str,
    empty: Engine,
    brought_up_to: Callable[[str], str | None],
    new_database: Callable[[], Database],
    tmp_path: Path,
):
    version, *never_run = KILLED[where]
    brought_up_to(version)
    with empty.begin() as connection:
        before, older = filling.fill(connection), filling.shape(connection)
    with upgrading(empty, tmp_path, never_run[empty.dialect.name == "postgresql"]) as running:
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
    with empty.connect() as connection:
        assert filling.rows(connection, before) == before
        assert filling.shape(connection) == older
    assert schema.versions(empty) == (version, CHAIN[-1])
    assert schema.upgrade(empty) == version
    schema.refuse_unless_current(empty)
    with empty.connect() as connection, new_database().engine.connect() as straight:
        assert filling.lost(before, filling.rows(connection, before)) == []
        assert filling.shape(connection) == filling.shape(straight)


def test_of_two_upgrades_at_once_one_does_it_and_the_other_finds_it_done(empty: Engine, tmp_path: Path):
    with (
        upgrading(empty, tmp_path, IN_THE_MIDDLE) as first,
        upgrading(empty, tmp_path, AT_THE_LOCK[empty.dialect.name]) as second,
    ):
        for each in (second, first):
            each.send_signal(signal.SIGCONT)
        told = [each.communicate()[0].strip() for each in (first, second)]
        assert [each.returncode for each in (first, second)] == [0, 0], told
    _, newest = schema.versions(empty)
    assert told == [f"The schema went from None to {newest}.", f"The schema is at {newest}, as before."]


def test_a_table_that_is_altered_keeps_the_rows_that_refer_to_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(schema.migrations(), tmp_path / "migrations")
    _, newest = schema.versions(database.engine)
    (tmp_path / "migrations" / "versions" / "later.py").write_text(LATER.format(newest=newest))
    monkeypatch.setattr(schema, "migrations", lambda: tmp_path / "migrations")
    with database.begin() as session:
        session.execute(text("CREATE TABLE stations (id INTEGER PRIMARY KEY, name VARCHAR(40))"))
        session.execute(text("CREATE TABLE posts (station INTEGER REFERENCES stations ON DELETE CASCADE)"))
        session.execute(text("INSERT INTO stations VALUES (1, '下党警务站')"))
        session.execute(text("INSERT INTO posts VALUES (1)"))
    assert schema.upgrade(database.engine) == newest
    with database.read() as session:
        assert session.execute(text("SELECT name FROM posts JOIN stations ON station = id")).all() == [("下党警务站",)]
    with pytest.raises(IntegrityError), database.begin() as session:
        session.execute(text("INSERT INTO posts VALUES (2)"))


LATER = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "later", "{newest}"


def upgrade():
    with op.batch_alter_table("stations", recreate="auto") as batch:
        batch.alter_column("name", existing_type=sa.String(40), nullable=False)
"""
