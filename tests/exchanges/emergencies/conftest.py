import pytest

from tests.exchanges.emergencies.desks import Desk
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town


@pytest.fixture
def shouning(town: Town) -> Desk:
    """Shouning's emergency desk; on both databases."""
    return Desk.open(town.nodes[SHOUNING])


@pytest.fixture
def qingyuan(town: Town) -> Desk:
    """Qingyuan's."""
    return Desk.open(town.nodes[QINGYUAN])


@pytest.fixture
def jingning(town: Town) -> Desk:
    """A third bureau, known to both."""
    node = town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    return Desk.open(node)
