"""Each channel has its turn, one worker at a time, and whoever holds one that fails or hangs holds up nobody else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select

from ecolink.egress import Unreachable
from ecolink.errors import UnavailableError
from ecolink.federation.delivery import Delivery, Leased
from ecolink.federation.leasing import GATHER, LEASE
from ecolink.federation.models import OutBatch, OutChannel, StatementRow
from ecolink.federation.operations import Answer
from ecolink.protocol.statement import Lane
from tests.support.notes import Notebook
from tests.support.town import ALL_LANES, QINGYUAN, SHOUNING


def count(notebook: Notebook, table: type) -> int:
    with notebook.node.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def shouning_channel(node) -> tuple[int, int, str | None]:
    with node.database.read() as session:
        channel = session.scalars(select(OutChannel)).one()
        return channel.receipted_seq, channel.attempts, channel.last_error


def test_an_emergency_told_while_the_clock_ran_ahead_goes_out_as_soon_as_it_is_right(town, shouning, qingyuan):
    shouning.node.clock.skew = timedelta(hours=8)
    shouning.send("fire", QINGYUAN, lane=Lane.EMERGENCY)
    town.settle()
    assert qingyuan.texts == []
    shouning.node.clock.skew = timedelta(0)
    town.settle()
    assert qingyuan.texts == ["fire"]


@pytest.mark.parametrize("is_tried", [False, True])
@pytest.mark.parametrize("lane", [Lane.EMERGENCY, Lane.CASE])
def test_what_was_queued_while_the_clock_ran_five_minutes_ahead_goes_out_once_it_is_right(
    town, shouning, qingyuan, lane, is_tried
):
    """Also where the node was killed before it could try, and where nobody calls who would have it tried at once."""
    shouning.node.clock.skew = timedelta(seconds=290)
    shouning.send("fire", QINGYUAN, lane=lane)
    if is_tried:
        town.network.down.add(QINGYUAN)
        shouning.node.delivery.step([lane], shouning.node.clock.now)
        town.network.down.clear()
    shouning.node.clock.skew = timedelta(0)
    town.settle()
    assert qingyuan.texts == ["fire"]


def test_two_workers_never_send_the_same_channel_at_once(town, shouning, qingyuan):
    shouning.send("hello", QINGYUAN)
    node = shouning.node
    leased = node.delivery.take(ALL_LANES, town.clock.now())
    assert leased is not None
    assert node.delivery.take(ALL_LANES, town.clock.now()) is None


def test_a_channel_whose_last_try_failed_is_taken_up_apart(town, shouning, qingyuan):
    """A silent peer keeps a thread waiting: those that send to the others are not to meet it."""
    delivery = shouning.node.delivery
    town.network.down.add(QINGYUAN)
    shouning.send("hello", QINGYUAN)
    town.settle()
    assert delivery.due(ALL_LANES, again=False) is None
    due = delivery.due(ALL_LANES, again=True)
    assert due is not None
    assert due > town.clock.now()
    town.clock.advance(timedelta(hours=1))
    assert delivery.take(ALL_LANES, town.clock.now(), again=False) is None
    assert delivery.take(ALL_LANES, town.clock.now(), again=True) is not None


def test_a_lease_is_a_moment_that_others_wait_for(town, shouning, qingyuan):
    shouning.send("hello", QINGYUAN)
    delivery = shouning.node.delivery
    delivery.take(ALL_LANES, town.clock.now())
    assert delivery.due(ALL_LANES) == town.clock.now() + LEASE


def test_what_waits_behind_a_batch_goes_out_without_letting_go_of_the_channel(town, shouning, qingyuan):
    node = shouning.node
    for number in range(3):
        shouning.send(f"note {number}", QINGYUAN)
    with node.database.begin() as session:
        session.scalars(select(OutChannel)).one().batch_limit = 1
    leased = node.delivery.take(ALL_LANES, town.clock.now())
    node.delivery.carry(leased, town.clock.now)
    assert node.delivery.due(ALL_LANES) is None
    assert count(qingyuan, StatementRow) == 3


def test_a_few_bulletins_that_come_while_a_batch_is_out_wait_for_more_and_for_a_moment(town, shouning, qingyuan):
    delivery, clock = shouning.node.delivery, town.clock
    shouning.send("first", QINGYUAN, lane=Lane.BULK)
    leased = delivery.take(ALL_LANES, clock.now())
    shouning.send("second", QINGYUAN, lane=Lane.BULK)
    delivery.carry(leased, clock.now)
    assert delivery.take(ALL_LANES, clock.now()) is None
    assert delivery.due(ALL_LANES) == clock.now() + GATHER
    shouning.send("third", QINGYUAN, lane=Lane.BULK)
    clock.advance(GATHER)
    delivery.carry(delivery.take(ALL_LANES, clock.now()), clock.now)
    assert delivery.due(ALL_LANES) is None
    assert count(shouning, OutBatch) == 2
    assert count(qingyuan, StatementRow) == 3


def test_what_comes_in_any_other_lane_while_a_batch_is_out_goes_at_once(town, shouning, qingyuan):
    delivery, clock = shouning.node.delivery, town.clock
    shouning.send("first", QINGYUAN, lane=Lane.CASE)
    leased = delivery.take(ALL_LANES, clock.now())
    shouning.send("second", QINGYUAN, lane=Lane.CASE)
    delivery.carry(leased, clock.now)
    assert delivery.due(ALL_LANES) is None
    assert count(qingyuan, StatementRow) == 2


def test_of_workers_that_reach_for_a_channel_at_the_same_moment_one_gets_it(town, shouning, qingyuan):
    shouning.send("hello", QINGYUAN)
    node, all_there = shouning.node, Barrier(8)

    def reach(_: int) -> Leased | None:
        all_there.wait()
        return node.delivery.take(ALL_LANES, town.clock.now())

    with ThreadPoolExecutor(8) as workers:
        taken = [leased for leased in workers.map(reach, range(8)) if leased is not None]
    assert len(taken) == 1


def test_a_worker_that_hung_past_its_lease_is_fenced_off(town, shouning, qingyuan):
    shouning.send("hello", QINGYUAN)
    node = shouning.node
    late = node.delivery.take(ALL_LANES, town.clock.now())
    town.clock.advance(timedelta(minutes=2))
    town.settle()
    before = shouning_channel(node)
    node.delivery._record(late, Unreachable("a very late answer"), town.clock.now())
    assert shouning_channel(node) == before


def test_what_could_not_be_written_down_is_sent_again_as_soon_as_the_database_is_back(
    town, shouning, qingyuan, monkeypatch
):
    def fail(*_: object, **__: object) -> None:
        raise UnavailableError("The database is away.", "数据库不可用。")

    shouning.send("hello", QINGYUAN)
    with monkeypatch.context() as away:
        away.setattr(Delivery, "_record", fail)
        with pytest.raises(UnavailableError):
            shouning.node.delivery.step(ALL_LANES, town.clock.now)
    town.settle()
    assert qingyuan.texts == ["hello"]
    assert shouning_channel(shouning.node)[0] == 1


def test_a_silent_peer_that_is_heard_again_is_tried_at_once_but_not_again_and_again(town, shouning, qingyuan):
    town.network.down.add(QINGYUAN)
    shouning.send("waiting", QINGYUAN)
    for _ in range(12):
        town.wait(timedelta(minutes=30))
    town.network.down.clear()
    town.clock.advance(timedelta(seconds=1))
    qingyuan.send("we are back", SHOUNING)
    town.settle()
    assert qingyuan.texts == ["waiting"]

    town.network.gates[QINGYUAN] = lambda _: Answer(500, b"{}")
    shouning.send("a broken node", QINGYUAN)
    town.settle()
    tries = len(town.network.calls)
    for number in range(5):
        qingyuan.send(f"still here {number}", SHOUNING)
        town.settle()
    probes = [call for sender, *_, call in town.network.calls[tries:] if sender == SHOUNING]
    assert len(probes) <= 1
