import pytest

from tests.exchanges.quarterly.desks import Desk, agreement
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town


@pytest.fixture
def shouning(town: Town) -> Desk:
    """Shouning's quarterly desk; on both databases."""
    return Desk.open(town.nodes[SHOUNING], agreement())


@pytest.fixture
def qingyuan(town: Town) -> Desk:
    """Qingyuan's."""
    return Desk.open(town.nodes[QINGYUAN], agreement())


@pytest.fixture
def alliance(town: Town) -> list[Desk]:
    """Three bureaus under one agreement, who take turns."""
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    members = (SHOUNING, QINGYUAN, JINGNING)
    rotation = {"period": "quarter", "order": list(members), "begins": "2026-Q3"}
    return [Desk.open(town.nodes[code], agreement(members, rotation=rotation)) for code in members]
