"""A post office for every test that asks for one."""

import pytest

from ecolink.storage.engine import Database
from tests.alerts.office import Office


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)
