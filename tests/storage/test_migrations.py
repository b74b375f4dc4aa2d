"""The migrations lead from nothing to exactly the tables the code declares, on both databases."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from ecolink.errors import SettingError
from ecolink.storage import schema
from ecolink.storage.base import Base
from ecolink.storage.engine import Database, connect


@pytest.fixture
def empty(database: Database) -> Engine:
    """A database without a single table."""
    engine = database.engine
    with engine.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    return engine


def test_from_empty_to_head_the_schema_equals_the_code(empty):
    schema.upgrade(empty)
    with empty.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_check_constraints_and_partial_indexes_are_there_too(empty):
    schema.upgrade(empty)
    found = inspect(empty)
    for table in Base.metadata.sorted_tables:
        declared = {check.name for check in table.constraints if check.__class__.__name__ == "CheckConstraint"}
        present = {check["name"] for check in found.get_check_constraints(table.name)}
        assert {str(name) for name in declared if name} <= present, table.name
        assert {index.name for index in table.indexes} <= {index["name"] for index in found.get_indexes(table.name)}


def test_the_newest_version_is_the_one_that_alembic_leads_to(database):
    scripts = ScriptDirectory(str(schema.migrations()))
    assert schema.versions(database.engine) == (scripts.get_current_head(),) * 2
    assert schema.known() == {each.revision for each in scripts.walk_revisions()}


def test_upgrading_twice_changes_nothing(empty):
    schema.upgrade(empty)
    before = schema.versions(empty)
    schema.upgrade(empty)
    assert schema.versions(empty) == before
    schema.refuse_unless_current(empty)


def test_a_node_refuses_to_run_on_a_schema_that_is_older_or_unknown(empty):
    with pytest.raises(SettingError, match="ecolink db upgrade"):
        schema.refuse_unless_current(empty)
    schema.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '20990101_from_the_future'"))
    with pytest.raises(SettingError, match="20990101_from_the_future"):
        schema.refuse_unless_current(empty)


def test_a_database_that_is_not_there_is_said_to_be_so(tmp_path):
    engine = create_engine(connect(f"sqlite:///{tmp_path}/new.db").url)
    with pytest.raises(SettingError):
        schema.refuse_unless_current(engine)
    engine.dispose()
