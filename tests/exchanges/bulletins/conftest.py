"""Two or three bureaus that exchange bulletins."""

import pytest

from tests.exchanges.bulletins.bureaux import SONGXI, Bureau, Pair, Three
from tests.support.town import BUREAUS, JINGNING, SHOUNING, Town


@pytest.fixture
def pair(town: Town) -> Pair:
    return Pair.open(town)


@pytest.fixture
def three(town: Town) -> Three:
    return Three.open(town)


@pytest.fixture
def songxi_on_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the town know a fourth bureau; to be asked for before the town."""
    monkeypatch.setitem(BUREAUS, SONGXI, ("松溪县公安局", "Songxi County Public Security Bureau", "0599-0000006"))


@pytest.fixture
def four(songxi_on_the_map: None, town: Town) -> tuple[Three, Bureau]:
    """Three bureaus and Songxi, whom Shouning and Jingning know."""
    three = Three.open(town)
    town.add(SONGXI)
    town.introduce(SHOUNING, SONGXI)
    town.introduce(JINGNING, SONGXI)
    return three, Bureau.open(town, town.nodes[SONGXI])
