"""A node brought back from an old backup: what it forgot is noticed, sent again and declared; nothing is doubled."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from ecolink.egress import Unreachable
from ecolink.entrypoints.wiring import Node
from ecolink.federation import operations, queues
from ecolink.federation.models import Alarm, InChannel, OutChannel, StatementRow
from ecolink.federation.operations import Answer, Call
from ecolink.federation.threads import DeliveryState, delivery
from ecolink.protocol.checkpoint import origin_of
from ecolink.protocol.heads import ChannelHead, seal_heads
from ecolink.protocol.limits import MAX_EPOCH, MAX_INTEGER
from ecolink.protocol.statement import Lane
from tests.federation.backups import back_up, rebuild
from tests.support.crossing import beside
from tests.support.notes import Notebook
from tests.support.town import QINGYUAN, SHOUNING, Town

HOUR = timedelta(hours=1)


def alarms(node: Node) -> set[str]:
    with node.database.read() as session:
        return set(session.scalars(select(Alarm.kind)))


def ids(node: Node, author: str) -> list[str]:
    """Return the id of every statement of `author` that the node holds; a doubled one would stand twice."""
    with node.database.read() as session:
        return list(session.scalars(select(StatementRow.jti).filter_by(iss=author).order_by(StatementRow.jti)))


def epochs(node: Node, lane: Lane = Lane.CASE) -> list[tuple[int, bool, int]]:
    """Return epoch, whether it is closed, and how many entries, of each of our channels in `lane`."""
    with node.database.read() as session:
        rows = session.scalars(select(OutChannel).filter_by(lane=lane.value).order_by(OutChannel.epoch))
        return [(row.epoch, row.closed, row.last_seq) for row in rows]


def heads(node: Node, lane: Lane = Lane.CASE) -> dict[int, tuple[int, str]]:
    with node.database.read() as session:
        rows = session.scalars(select(InChannel).filter_by(lane=lane.value))
        return {row.epoch: (row.head_seq, row.head_chain) for row in rows}


def waiting(node: Node) -> int:
    with node.database.read() as session:
        return sum(queue.waiting for queue in queues.status(session))


def bring_back(town: Town, notebook: Notebook, url: str) -> Notebook:
    """Let the node of `notebook` die and come back on the database at `url`; it remembers what it applied by then."""
    applied_then = list(notebook.texts)
    restored = rebuild(town, notebook.node, url)
    with restored.database.read() as session:
        known = session.scalar(
            select(func.count()).select_from(StatementRow).filter_by(direction="in", state="applied")
        )
    return Notebook(restored, applied_then[:known])


def start(town: Town, unit_code: str) -> str:
    """Do what a worker does first; return what came of comparing heads with the one peer."""
    (told,) = town.nodes[unit_code].compare(town.clock.now).values()
    return told


@pytest.fixture
def old_url(town: Town, shouning: Notebook, qingyuan: Notebook, new_database_url: Callable[[], str]) -> str:
    """Two notes went each way; Shouning was backed up; two more went each way, which the backup does not have."""
    for number in (1, 2):
        shouning.send(f"S{number}", QINGYUAN)
        qingyuan.send(f"Q{number}", SHOUNING)
        town.settle()
    url = back_up(shouning.node, new_database_url)
    for number in (3, 4):
        shouning.send(f"S{number}", QINGYUAN)
        qingyuan.send(f"Q{number}", SHOUNING)
        town.settle()
    return url


def test_a_restored_sender_opens_a_new_epoch_from_its_peers_head_and_goes_on(town, shouning, qingyuan, old_url):
    before = heads(qingyuan.node)[1]
    shouning = bring_back(town, shouning, old_url)
    assert start(town, SHOUNING) == "mended"
    assert epochs(shouning.node) == [(1, True, 4), (2, False, 0)]
    assert "restored" in alarms(shouning.node)

    shouning.send("S5", QINGYUAN)
    town.settle()
    assert qingyuan.texts == ["S1", "S2", "S3", "S4", "S5"]
    assert heads(qingyuan.node)[1] == before, "the old epoch stays as it was"
    assert heads(qingyuan.node)[2][0] == 1
    with shouning.node.database.read() as session:
        assert session.scalar(select(OutChannel.start_chain).filter_by(epoch=2)) == before[1]
    assert start(town, SHOUNING) == start(town, QINGYUAN) == "agreed", "what is mended is not mended again"


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_what_is_sent_while_a_new_epoch_is_opened_goes_out_in_it(town, shouning, qingyuan, old_url):
    """Whoever queues waits for the channel, and then finds it closed."""
    shouning = bring_back(town, shouning, old_url)
    officers = []

    def send_meanwhile(session):
        if not officers and session.scalars(select(OutChannel.epoch).filter_by(epoch=2)).all():
            officers.append(beside(lambda: shouning.send("S5", QINGYUAN), shouning.node.database))

    shouning.node.database.before_commit(send_meanwhile)
    assert start(town, SHOUNING) == "mended"
    officers[0].join()
    assert epochs(shouning.node) == [(1, True, 4), (2, False, 1)]
    town.settle()
    assert qingyuan.texts == ["S1", "S2", "S3", "S4", "S5"]


def test_a_restored_receiver_gets_again_what_it_had_receipted(town, shouning, qingyuan, old_url):
    shouning = bring_back(town, shouning, old_url)
    assert shouning.texts == ["Q1", "Q2"]
    assert start(town, SHOUNING) == "mended"
    town.settle()
    assert shouning.texts == ["Q1", "Q2", "Q3", "Q4"]
    assert ids(shouning.node, QINGYUAN) == ids(qingyuan.node, QINGYUAN)
    assert alarms(qingyuan.node) == set()


def test_a_restored_receiver_that_cannot_ask_is_sent_to_by_its_peer(town, shouning, qingyuan, old_url):
    shouning = bring_back(town, shouning, old_url)
    assert start(town, QINGYUAN) == "mended"
    town.settle()
    assert shouning.texts == ["Q1", "Q2", "Q3", "Q4"]
    assert waiting(qingyuan.node) == 0


def test_what_was_queued_at_the_backup_and_delivered_after_it_is_delivered_once(
    town, shouning, qingyuan, new_database_url
):
    town.network.down.add(QINGYUAN)
    queued = [shouning.send(f"S{number}", QINGYUAN).statement for number in range(3)]
    town.settle()
    url = back_up(shouning.node, new_database_url)
    town.network.down.clear()
    town.wait(HOUR)
    shouning.send("forgotten", QINGYUAN)
    town.settle()

    shouning = bring_back(town, shouning, url)
    assert start(town, SHOUNING) == "mended"
    shouning.send("new", QINGYUAN)
    town.wait(HOUR)
    assert qingyuan.texts == ["S0", "S1", "S2", "forgotten", "new"]
    with shouning.node.database.read() as session:
        told = [delivery(session, each.thread, town.clock.now()) for each in queued]
    assert [[one.state for one in each] for each in told] == [[DeliveryState.DELIVERED]] * 3
    assert waiting(shouning.node) == 0


def test_a_restored_node_that_sends_before_it_compared_heals_with_the_fork_on_record(town, shouning, qingyuan, old_url):
    shouning = bring_back(town, shouning, old_url)
    shouning.send("S5", QINGYUAN)
    town.settle()
    assert qingyuan.texts == ["S1", "S2", "S3", "S4"]
    assert alarms(qingyuan.node) == {"channel-fork"}
    assert start(town, SHOUNING) == "mended"
    town.wait(HOUR)
    assert qingyuan.texts == ["S1", "S2", "S3", "S4", "S5"]
    assert epochs(shouning.node)[-1] == (2, False, 1)


def test_the_restored_node_declares_the_gap_in_its_evidence_log_and_nobody_calls_it_a_forgery(
    town, shouning, qingyuan, old_url
):
    start(town, QINGYUAN)  # Qingyuan holds a checkpoint of what Shouning is about to forget
    shouning = bring_back(town, shouning, old_url)
    start(town, SHOUNING)
    shouning.send("S5", QINGYUAN)
    qingyuan.send("Q5", SHOUNING)
    for _ in range(3):
        town.wait(HOUR)
        start(town, QINGYUAN)
        start(town, SHOUNING)
    node = shouning.node
    with node.database.read() as session:
        head = node.log.head(session)
        declared = json.loads(node.log.declaration(session, head.log_epoch))
    assert head.origin == origin_of(SHOUNING, 2)
    assert [shown["unit_code"] for shown in declared["held_by_peers"]] == [QINGYUAN]
    assert alarms(node) == {"restored", "log-restored"}
    assert alarms(qingyuan.node) == set()


def test_a_node_that_lost_everything_but_its_keys_and_peers_gets_every_statement_again(
    town, shouning, qingyuan, new_database_url
):
    url = back_up(shouning.node, new_database_url)
    for number in range(3):
        shouning.send(f"S{number}", QINGYUAN)
        qingyuan.send(f"Q{number}", SHOUNING)
        shouning.send(f"fire {number}", QINGYUAN, lane=Lane.EMERGENCY)
        town.settle()
    shouning = bring_back(town, shouning, url)
    assert shouning.texts == []
    assert start(town, SHOUNING) == "mended"
    town.settle()
    assert shouning.texts == ["Q0", "Q1", "Q2"]
    shouning.send("S3", QINGYUAN)
    shouning.send("fire 3", QINGYUAN, lane=Lane.EMERGENCY)
    town.settle()
    assert sorted(qingyuan.texts) == sorted([f"S{n}" for n in range(4)] + [f"fire {n}" for n in range(4)])
    assert epochs(shouning.node) == epochs(shouning.node, Lane.EMERGENCY) == [(1, True, 3), (2, False, 1)]


def test_a_node_restored_twice_from_one_backup_opens_a_third_epoch(town, shouning, qingyuan, old_url, new_database_url):
    first = bring_back(town, shouning, old_url)
    again = back_up(first.node, new_database_url)
    start(town, SHOUNING)
    first.send("S5", QINGYUAN)
    town.settle()

    second = bring_back(town, first, again)
    start(town, SHOUNING)
    second.send("S6", QINGYUAN)
    town.settle()
    assert qingyuan.texts == ["S1", "S2", "S3", "S4", "S5", "S6"]
    assert epochs(second.node) == [(1, True, 4), (2, True, 1), (3, False, 1)]
    assert second.texts == ["Q1", "Q2", "Q3", "Q4"]


def test_both_nodes_restored_at_once_agree_again(town, shouning, qingyuan, new_database_url):
    shouning.send("S1", QINGYUAN)
    qingyuan.send("Q1", SHOUNING)
    town.settle()
    backups = [back_up(notebook.node, new_database_url) for notebook in (shouning, qingyuan)]
    shouning.send("S2", QINGYUAN)
    qingyuan.send("Q2", SHOUNING)
    town.settle()
    shouning, qingyuan = (
        bring_back(town, notebook, url) for notebook, url in zip((shouning, qingyuan), backups, strict=True)
    )
    for unit_code in (SHOUNING, QINGYUAN):
        start(town, unit_code)
    shouning.send("S3", QINGYUAN)
    qingyuan.send("Q3", SHOUNING)
    town.settle()
    assert qingyuan.texts == ["S1", "S3"], "what both forgot is gone"
    assert shouning.texts == ["Q1", "Q3"]


def test_a_peer_that_was_down_for_the_restore_is_compared_with_later(town, shouning, qingyuan, old_url):
    shouning = bring_back(town, shouning, old_url)
    town.network.down.add(QINGYUAN)
    assert start(town, SHOUNING) == "the line is dead"
    shouning.send("S5", QINGYUAN)
    town.settle()
    town.network.down.clear()
    assert start(town, SHOUNING) == "mended"
    town.wait(HOUR)
    assert qingyuan.texts == ["S1", "S2", "S3", "S4", "S5"]
    assert shouning.texts == ["Q1", "Q2", "Q3", "Q4"]


@pytest.mark.parametrize("epoch", [MAX_EPOCH, MAX_EPOCH + 1, 2**40])
def test_a_peer_that_says_it_holds_the_furthest_there_is_can_be_gone_on_from_and_none_further(town, epoch):
    node, gate = town.nodes[QINGYUAN], town.network.gates[QINGYUAN]
    furthest = ChannelHead(Lane.CASE, epoch, MAX_INTEGER, bytes(32))

    def claim(call: Call) -> Answer:
        if call.operation is not operations.HEADS:
            return gate(call)
        with node.database.begin() as session:
            note = node.log.checkpoint(session)
        now, key = town.clock.now(), node.signer.key
        said = seal_heads(iss=QINGYUAN, aud=SHOUNING, now=now, received=[furthest], sent=[], checkpoint=note, key=key)
        return Answer(200, said)

    town.network.gates[QINGYUAN] = claim
    told = start(town, SHOUNING)
    if epoch > MAX_EPOCH:
        assert told.startswith("its heads do not verify: invalid-claim: epoch is not a whole number")
        assert epochs(town.nodes[SHOUNING]) == []
    else:
        assert [each[0] for each in epochs(town.nodes[SHOUNING])] == [MAX_EPOCH + 1]


def test_after_a_crash_nothing_waits_for_the_lease_of_the_dead(town, shouning, qingyuan):
    node = shouning.node
    shouning.send("fire", QINGYUAN, lane=Lane.EMERGENCY)
    dead = node.delivery.take([Lane.EMERGENCY], town.clock.now())
    town.settle()
    assert qingyuan.texts == []
    node.delivery.take_over()
    town.settle()
    assert qingyuan.texts == ["fire"]
    # Should the dead be alive after all, what it has to say about the channel counts no more.
    node.delivery._record(dead, Unreachable("a very late answer"), town.clock.now())
    with node.database.read() as session:
        (queue,) = queues.status(session)
    assert (queue.waiting, queue.last_error) == (0, None)
