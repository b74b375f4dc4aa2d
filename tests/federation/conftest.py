import pytest

from tests.support.notes import Notebook
from tests.support.town import QINGYUAN, SHOUNING, Town


@pytest.fixture
def shouning(town: Town) -> Notebook:
    return Notebook(town.nodes[SHOUNING])


@pytest.fixture
def qingyuan(town: Town) -> Notebook:
    return Notebook(town.nodes[QINGYUAN])
