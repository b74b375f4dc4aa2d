"""Two transactions that wait for each other: PostgreSQL ends one, which may simply try again."""

import threading

import pytest
from sqlalchemy import update

from ecolink.errors import UnavailableError
from ecolink.federation.models import InChannel
from ecolink.storage.engine import Database
from ecolink.storage.upsert import insert_new
from tests.support.town import JINGNING, SHOUNING

PATIENCE_S = 30.0


@pytest.fixture
def backend() -> str:
    """On SQLite one writes at a time, and nobody waits for another in a ring."""
    return "postgresql"


def test_one_of_two_that_wait_for_each_other_is_told_to_try_again_and_no_outage_is_told(database: Database) -> None:
    with database.begin() as session:
        for sender in (SHOUNING, JINGNING):
            opened = {"sender": sender, "lane": "case", "epoch": 1, "head_seq": 0, "head_chain": "0" * 64}
            insert_new(session, InChannel, [opened])
    both, ended = threading.Barrier(2), []

    def write(first: str, then: str) -> None:
        try:
            with database.begin() as session:
                session.execute(update(InChannel).where(InChannel.sender == first).values(head_seq=1))
                both.wait(PATIENCE_S)
                session.execute(update(InChannel).where(InChannel.sender == then).values(head_seq=1))
        except UnavailableError:
            ended.append(first)

    writers = [threading.Thread(target=write, args=names) for names in ((SHOUNING, JINGNING), (JINGNING, SHOUNING))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PATIENCE_S)
    assert len(ended) == 1
    assert database._outage._since is None
