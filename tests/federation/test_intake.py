"""Batches kept in one transaction are each answered as if they had come alone."""

import pytest
from sqlalchemy import func, select

from ecolink.federation.intake import Arrival, Receipted
from ecolink.federation.models import InBatch, StatementRow
from tests.support.forger import Forger
from tests.support.town import JINGNING, QINGYUAN, Town


def arrival(town: Town, forger: Forger, body: bytes) -> Arrival:
    """Return what the inbox makes of a push before it is kept."""
    node, now = town.nodes[QINGYUAN], town.clock.now()
    caller = node.callers.identify(forger.call(body), now)
    return Arrival(caller, node.inbox._open(caller, body, now), now)


def keep(town: Town, *arrivals: Arrival):
    node = town.nodes[QINGYUAN]
    with node.database.begin() as session:
        return node.inbox.commits._together(session, arrivals)


def counted(town: Town, model) -> int:
    with town.nodes[QINGYUAN].database.read() as session:
        return session.scalar(select(func.count()).select_from(model))


def test_the_same_batch_twice_in_one_group_is_kept_once_and_gets_one_receipt(town: Town):
    forger = Forger(town)
    body = forger.batch(forger.statement("one"), forger.statement("two"))
    first, second = keep(town, arrival(town, forger, body), arrival(town, forger, body))
    assert isinstance(first, Receipted)
    assert first == second
    assert (counted(town, InBatch), counted(town, StatementRow)) == (1, 2)


def test_batches_of_one_channel_that_follow_each_other_share_a_group(town: Town):
    forger = Forger(town)
    bodies = [forger.batch(forger.statement(f"{number}")) for number in range(3)]
    kept = keep(town, *(arrival(town, forger, body) for body in bodies))
    assert len({each.receipt for each in kept}) == 3
    assert (counted(town, InBatch), counted(town, StatementRow)) == (3, 3)


def test_answers_stay_with_their_batches_whatever_order_they_are_kept_in(town: Town):
    town.add(JINGNING)
    town.introduce(JINGNING, QINGYUAN)
    jingning = Forger(town, claims=JINGNING, key=town.nodes[JINGNING].signer.key)
    shouning = Forger(town)
    came = [
        arrival(town, forger, forger.batch(forger.statement("x")))
        for forger in (shouning, jingning, shouning, jingning)
    ]
    kept = keep(town, *came)
    for each, told in zip(came, kept, strict=True):
        with town.nodes[QINGYUAN].database.read() as session:
            assert told.receipt == session.scalar(select(InBatch.receipt).where(InBatch.digest == each.batch.digest))


def test_an_overlap_within_one_group_is_told_apart_and_each_is_kept_by_itself(town: Town):
    forger = Forger(town)
    one, two, three = (forger.statement(text) for text in ("one", "two", "three"))
    whole = forger.batch(one, two)
    head_before_two = Forger(town)
    head_before_two.batch(one)
    overlapping = head_before_two.batch(two, three)
    came = [arrival(town, forger, whole), arrival(town, forger, overlapping)]
    with pytest.raises(LookupError):
        keep(town, *came)
    assert counted(town, StatementRow) == 0
    for each in came:
        assert isinstance(keep(town, each)[0], Receipted)
    assert (counted(town, InBatch), counted(town, StatementRow)) == (2, 3)
