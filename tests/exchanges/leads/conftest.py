from collections.abc import Iterator

import pytest

from tests.exchanges.leads.bureaux import Border
from tests.support.town import Town


@pytest.fixture
def border(town: Town) -> Iterator[Border]:
    """Shouning and Qingyuan with their leads rooms and people; on both databases."""
    return Border(town)
