"""A small soak in every run of the suite; the large one is `make soak`."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ecolink.protocol.statement import Lane
from tests.soak.plan import UNIT_CODES, make_plan
from tests.soak.proxy import BAD, Fault, surely_struck
from tests.soak.run import STALLED_AFTER_S, Soak

SEED = 20261122
SETTLES_WITHIN_S = STALLED_AFTER_S + 60.0
"""Nobody works for most of that: a channel waits for its next try after the failures of a bad line (the fifth in a row
costs up to 80 s, the sixth 160), and what was said by a clock 340 s ahead waits for its time, up to 40 s."""
MANY = 5_000

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("ECOLINK_") and not name.startswith("ECOLINK_TEST")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("backend", "messages"), [("sqlite", MANY), ("postgresql", 200)], indirect=["backend"])
def test_whatever_goes_wrong_every_message_is_applied_once_and_all_books_agree(
    backend: str, messages: int, tmp_path: Path, new_database_url: Callable[[], str]
):
    urls = {code: new_database_url() for code in UNIT_CODES} if backend == "postgresql" else {}
    outcome = Soak(make_plan(SEED, messages), tmp_path, print, SETTLES_WITHIN_S, urls).run()
    print(outcome.figures)
    assert outcome.violations == []
    # The run was as bad as it was meant to be.
    assert outcome.figures["messages"] >= messages
    assert set(outcome.figures["statements received"]) == set(Lane)
    assert outcome.figures["mishaps"] == {"kill": 4, "rotate": 1, "skew": 1}
    struck = outcome.figures["calls between nodes"]
    sure = surely_struck(sum(struck.values()) - struck.get(Fault.NONE, 0))
    assert set(struck) >= sure
    # Of the few dozen calls that go wrong among 200 messages, one kind or another may by chance be none.
    assert messages < MANY or sure == set(BAD)
