"""The local API, alone, on both databases."""

from collections.abc import Iterator

import pytest

from ecolink.storage.engine import Database
from tests.support.web import Desk


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    with Desk.open(database) as desk:
        yield desk
