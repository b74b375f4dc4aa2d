"""Two or three bureaus that exchange bulletins."""

import pytest

from tests.exchanges.bulletins.bureaux import Pair, Three
from tests.support.town import Town


@pytest.fixture
def pair(town: Town) -> Pair:
    return Pair.open(town)


@pytest.fixture
def three(town: Town) -> Three:
    return Three.open(town)
