"""Shouning's console, in this process, beside a node of Qingyuan's."""

import pytest

from tests.support.console import Reception
from tests.support.town import SHOUNING, Town


@pytest.fixture
def reception(town: Town) -> Reception:
    return Reception(town.nodes[SHOUNING])
