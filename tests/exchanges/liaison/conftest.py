from datetime import timedelta

import pytest

from tests.exchanges.liaison.officers import Officer
from tests.support.agreements import conclude, terms
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town


@pytest.fixture
def december(town: Town) -> Town:
    """Shouning and Qingyuan on 3 December 2026; their agreement asks for a contact every month from this one on."""
    conclude(town, terms())
    town.wait(timedelta(days=9))
    return town


@pytest.fixture
def shouning(december: Town) -> Officer:
    return Officer(december.nodes[SHOUNING])


@pytest.fixture
def qingyuan(december: Town) -> Officer:
    return Officer(december.nodes[QINGYUAN])


@pytest.fixture
def jingning(december: Town) -> Officer:
    """A third bureau, known to both and party to no agreement."""
    node = december.add(JINGNING)
    december.introduce(SHOUNING, JINGNING)
    december.introduce(QINGYUAN, JINGNING)
    return Officer(node)
