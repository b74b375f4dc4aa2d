"""Shouning's console, in this process, beside a node of Qingyuan's; Jingning's alone, with services for its alerts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.alerts.office import Services
from tests.support.console import Reception
from tests.support.town import JINGNING, SHOUNING, Town


@pytest.fixture
def reception(town: Town) -> Reception:
    return Reception(town.nodes[SHOUNING])


@pytest.fixture
def services() -> Services:
    """Whoever carries Jingning's alerts."""
    return Services()


@pytest.fixture
def lone(tmp_path: Path, new_database_url: Callable[[], str], services: Services) -> Iterator[Reception]:
    """Jingning's console: it knows no other bureau."""
    town = Town(tmp_path, new_database_url, postman=services)
    yield Reception(town.add(JINGNING))
    town.close()
