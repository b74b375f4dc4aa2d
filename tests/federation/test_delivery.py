"""Nothing sent is lost, nothing is applied twice, and nothing urgent waits behind other traffic."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from threading import Barrier

import pytest
from sqlalchemy import func, select

from ecolink.errors import ConflictError, InvalidError, UnavailableError
from ecolink.federation import operations, queues
from ecolink.federation.backoff import pause
from ecolink.federation.client import DEADLINE_S
from ecolink.federation.delivery import FIRST_DEADLINE_S, GATHER, LEASE, Delivery, Leased
from ecolink.federation.models import InBatch, OutBatch, OutChannel, StatementRow
from ecolink.federation.operations import Answer, Call
from ecolink.federation.threads import DeliveryState, delivery, load
from ecolink.protocol.statement import Lane
from tests.support.notes import Notebook, note
from tests.support.town import ALL_LANES, JINGNING, QINGYUAN, SHOUNING


def states(notebook: Notebook, thread: str) -> list[DeliveryState]:
    node = notebook.node
    with node.database.read() as session:
        return [told.state for told in delivery(session, thread, node.clock.now())]


def count(notebook: Notebook, table: type) -> int:
    with notebook.node.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_note_arrives_is_applied_once_and_its_author_sees_it_delivered(town, shouning, qingyuan):
    sent = shouning.send("hello", QINGYUAN)
    assert states(shouning, sent.statement.thread) == [DeliveryState.QUEUED]
    town.settle()
    assert qingyuan.texts == ["hello"]
    assert states(shouning, sent.statement.thread) == [DeliveryState.DELIVERED]


def test_both_nodes_keep_the_very_bytes_that_were_signed(town, shouning, qingyuan):
    sent = shouning.send("hello", QINGYUAN, private={"name": "林某"})
    town.settle()
    with qingyuan.node.database.read() as session:
        (held,) = load(session, sent.statement.thread)
    assert (held.statement.token, held.statement.private) == (sent.statement.token, sent.statement.private)
    assert held.statement.private_data == {"name": "林某"}


def test_a_note_rolled_back_at_its_author_is_never_sent(town, shouning, qingyuan):
    node = shouning.node

    def send_and_fail() -> None:
        with node.database.begin() as session:
            node.outbox.send(session, note("oops", node.clock.now()), now=node.clock.now(), recipients=[QINGYUAN])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        send_and_fail()
    town.settle()
    assert qingyuan.texts == []
    assert town.network.calls == []


def test_a_peer_down_for_five_days_gets_everything_without_new_traffic(town, shouning, qingyuan):
    town.network.down.add(QINGYUAN)
    for number in range(30):
        shouning.send(f"note {number}", QINGYUAN)
    for _ in range(5 * 8):
        town.wait(timedelta(hours=3))
    with shouning.node.database.read() as session:
        (queue,) = queues.status(session)
    assert queue.waiting == 30
    assert queue.last_error == "the line is dead"
    tries = sum(1 for *_, call in town.network.calls if call.operation is operations.PUSH)
    assert 10 < tries < 200, "five days of silence must not be five days of hammering"

    town.network.down.clear()
    town.wait(timedelta(hours=1))
    assert qingyuan.texts == [f"note {number}" for number in range(30)]


def test_an_answer_lost_on_the_way_back_leads_to_the_same_receipt_and_no_second_effect(town, shouning, qingyuan):
    town.network.lose_answers = 1.0
    sent = shouning.send("hello", QINGYUAN)
    town.settle()
    assert qingyuan.texts == ["hello"]
    assert states(shouning, sent.statement.thread) == [DeliveryState.QUEUED]
    town.network.lose_answers = 0.0
    town.wait(timedelta(minutes=5))
    assert qingyuan.texts == ["hello"]
    assert states(shouning, sent.statement.thread) == [DeliveryState.DELIVERED]
    bodies = {call.body for *_, call in town.network.calls if call.operation is operations.PUSH}
    assert len(bodies) == 1, "the batch is re-sent byte for byte"
    assert count(qingyuan, InBatch) == 1


def test_a_doubled_request_changes_nothing(town, shouning, qingyuan):
    town.network.double = 1.0
    shouning.send("one", QINGYUAN)
    shouning.send("two", QINGYUAN)
    town.settle()
    assert qingyuan.texts == ["one", "two"]
    assert count(qingyuan, StatementRow) == 2


@pytest.mark.parametrize("seed", range(4))
def test_on_a_bad_line_every_note_arrives_once_and_in_order(town, shouning, qingyuan, seed):
    town.network.random.seed(seed)
    town.network.lose_requests = town.network.lose_answers = town.network.double = 0.3
    there = [f"to Qingyuan {number}" for number in range(12)]
    back = [f"to Shouning {number}" for number in range(12)]
    for one, other in zip(there, back, strict=True):
        shouning.send(one, QINGYUAN)
        qingyuan.send(other, SHOUNING)
        town.wait(timedelta(seconds=40))
    for _ in range(40):
        town.wait(timedelta(hours=1))
    assert qingyuan.texts == there
    assert shouning.texts == back


def test_an_emergency_overtakes_a_long_queue(town, shouning, qingyuan):
    for number in range(120):
        shouning.send(f"bulk {number}", QINGYUAN, lane=Lane.BULK)
    shouning.send("fire", QINGYUAN, lane=Lane.EMERGENCY)
    node = shouning.node
    node.delivery.step([Lane.EMERGENCY], node.clock.now)
    qingyuan.node.applier.step([Lane.EMERGENCY], node.clock.now())
    assert qingyuan.texts == ["fire"]


def test_a_long_queue_goes_in_batches_of_many(town, shouning, qingyuan):
    for number in range(120):
        shouning.send(f"bulk {number}", QINGYUAN, lane=Lane.BULK)
    while shouning.node.delivery.step(ALL_LANES, town.clock.now):
        pass
    assert count(qingyuan, StatementRow) == 120
    assert count(shouning, OutBatch) <= 2


def test_an_emergency_that_overtakes_its_predecessor_is_applied_at_once(town, shouning, qingyuan):
    held = []
    town.network.keep_back = lambda call: call.operation is operations.PUSH and not held and (held.append(1) or True)
    shouning.send("first", QINGYUAN, lane=Lane.EMERGENCY)
    town.settle()
    node = shouning.node
    with node.database.begin() as session:
        channel = session.scalars(select(OutChannel)).one()
        channel.receipted_seq = 1  # a second batch is under way before the first was receipted
    shouning.send("second", QINGYUAN, lane=Lane.EMERGENCY)
    town.settle()
    assert qingyuan.texts == ["second"]
    town.network.release()
    town.wait(timedelta(minutes=6))
    town.wait(timedelta(minutes=6))
    assert sorted(qingyuan.texts) == ["first", "second"]


def test_what_arrives_after_its_time_is_shown_as_expired_and_never_applied(town, shouning, qingyuan):
    town.network.down.add(QINGYUAN)
    sent = shouning.send("stale", QINGYUAN, deliver_by=town.clock.now() + timedelta(hours=2))
    town.wait(timedelta(hours=3))
    with shouning.node.database.read() as session:
        (told,) = delivery(session, sent.statement.thread, town.clock.now())
    assert told.overdue_since == town.clock.now() - timedelta(hours=1)
    town.network.down.clear()
    town.wait(timedelta(hours=1))
    assert qingyuan.texts == []
    assert states(shouning, sent.statement.thread) == [DeliveryState.EXPIRED]


def test_a_recall_never_expires(town, shouning, qingyuan):
    sent = shouning.send("bulletin", QINGYUAN, lane=Lane.BULK)
    town.settle()
    recall = shouning.send("recall", QINGYUAN, lane=Lane.CONTROL, recalls=sent.statement.jti)
    assert recall.statement.deliver_by is None


def test_a_lane_that_fails_waits_and_the_others_go_on(town, shouning, qingyuan):
    town.network.keep_back = lambda call: b'"lane":"case"' in _payload_of(call)
    shouning.send("case", QINGYUAN)
    shouning.send("bulk", QINGYUAN, lane=Lane.BULK)
    town.settle()
    assert qingyuan.texts == ["bulk"]


def _payload_of(call) -> bytes:
    import base64
    import json

    token = json.loads(call.body)["batch"].split(".")[1] if call.operation is operations.PUSH else ""
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


@pytest.mark.parametrize(
    ("lane", "asked", "waited"),
    [
        (Lane.CASE, "900", timedelta(minutes=15)),
        (Lane.CASE, "86400", timedelta(hours=1)),
        (Lane.EMERGENCY, "86400", timedelta(minutes=5)),
    ],
    ids=["as asked", "never longer than for a silent peer", "an emergency least of all"],
)
def test_a_peer_that_asks_for_a_slower_pace_gets_it_and_then_everything_in_order(
    town, shouning, qingyuan, lane, asked, waited
):
    answer = town.network.gates[QINGYUAN]
    town.network.gates[QINGYUAN] = lambda _: Answer(
        429, b'{"reason":"rate-limited"}', "application/problem+json", {"Retry-After": asked}
    )
    sent = [shouning.send(text, QINGYUAN, lane=lane) for text in ("one", "two")]
    town.settle()
    town.network.gates[QINGYUAN] = answer

    town.wait(waited - timedelta(seconds=1))
    assert qingyuan.texts == []
    assert states(shouning, sent[0].statement.thread) == [DeliveryState.QUEUED]
    town.wait(timedelta(seconds=1))
    assert qingyuan.texts == ["one", "two"]
    assert len(town.network.calls) == 2, "one refused call, and one that brought both"


@pytest.mark.parametrize(
    "status", [201, 202, 204, 301, 400, 401, 403, 404, 405, 409, 410, 415, 422, 429, 451, 500, 503]
)
def test_an_answer_without_a_receipt_is_never_a_delivery_and_the_queue_goes_on_later(town, shouning, qingyuan, status):
    answer = town.network.gates[QINGYUAN]
    town.network.gates[QINGYUAN] = lambda _: Answer(status, b"{}")
    sent = shouning.send("hello", QINGYUAN)
    town.settle()

    assert states(shouning, sent.statement.thread) == [DeliveryState.QUEUED]
    with shouning.node.database.read() as session:
        (queue,) = queues.status(session)
    assert (queue.waiting, str(status) in str(queue.last_error)) == (1, True)

    town.network.gates[QINGYUAN] = answer
    town.wait(timedelta(minutes=1))
    assert qingyuan.texts == ["hello"]


@dataclass
class Door:
    """Qingyuan's, through which no more than `most` statements go at once."""

    gate: Callable[[Call], Answer]
    most: int
    tried: list[int] = field(default_factory=list)
    """How many each push brought."""

    def __call__(self, call: Call) -> Answer:
        if call.operation is operations.PUSH:
            self.tried.append(call.body.count(b'"token"'))
            if self.tried[-1] > self.most:
                return Answer(413, b'{"reason":"too-large"}')
        return self.gate(call)


@pytest.fixture
def door(town) -> Door:
    """Qingyuan's, through which three statements go at once."""
    town.network.gates[QINGYUAN] = door = Door(town.network.gates[QINGYUAN], most=3)
    return door


def test_a_batch_too_large_for_the_peer_is_split(town, shouning, qingyuan, door):
    for number in range(10):
        shouning.send(f"note {number}", QINGYUAN)
    for _ in range(30):
        town.wait(timedelta(hours=1))
    assert qingyuan.texts == [f"note {number}" for number in range(10)]


def brought(town, shouning: Notebook, several: int) -> list[int]:
    """Send so many notes through the door; return how many each push brought."""
    door = town.network.gates[QINGYUAN]
    door.tried.clear()
    for number in range(several):
        shouning.send(f"note {number}", QINGYUAN)
    for _ in range(5):
        town.wait(timedelta(seconds=30))
    return door.tried


@pytest.mark.by_turns
def test_a_peer_that_took_only_small_batches_for_a_while_gets_large_ones_again_an_hour_later(
    town, shouning, qingyuan, door
):
    assert brought(town, shouning, 20) == [20, 10, 5, *[2] * 10]
    door.most = 500
    assert brought(town, shouning, 8) == [2] * 4
    town.clock.advance(timedelta(hours=1))
    assert brought(town, shouning, 40) == [2, 4, 8, 16, 10]
    assert len(qingyuan.texts) == 68


@pytest.mark.by_turns
def test_a_peer_that_never_takes_large_batches_is_seldom_tried_with_one(town, shouning, qingyuan, door):
    for _ in range(30):
        for _ in range(5):
            shouning.send("note", QINGYUAN)
        town.wait(timedelta(minutes=6))
    refused = [brought for brought in door.tried if brought > door.most]
    assert len(qingyuan.texts) == 150
    assert 1 + 2 <= len(refused) <= 1 + 3, "one until its size was found, and then one an hour"


@pytest.mark.by_turns
def test_a_size_found_by_a_clock_that_ran_ahead_does_not_stay_until_then(town, shouning, qingyuan, door):
    shouning.node.clock.skew = timedelta(seconds=290)
    assert brought(town, shouning, 20)[-1] == 2
    shouning.node.clock.skew, door.most = timedelta(0), 500
    assert brought(town, shouning, 20) == [2, 4, 8, 6]


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


def test_only_the_first_try_of_an_emergency_is_short(town, shouning, qingyuan, monkeypatch):
    """Where hundreds of peers went silent at once, each holds a thread that those who answer wait for."""
    node, patience = shouning.node, []
    line = type(node.delivery.client.transport)
    send = line.send

    def spy(self, base_url, call, *, deadline_s):
        patience.append(deadline_s)
        return send(self, base_url, call, deadline_s=deadline_s)

    monkeypatch.setattr(line, "send", spy)
    town.network.down.add(QINGYUAN)
    for lane in (Lane.CASE, Lane.EMERGENCY):
        shouning.send("hello", QINGYUAN, lane=lane)
        for _ in range(2):
            town.clock.advance(timedelta(minutes=10))
            node.delivery.step((lane,), town.clock.now)
    assert patience == [DEADLINE_S, DEADLINE_S, FIRST_DEADLINE_S, DEADLINE_S]
    assert FIRST_DEADLINE_S < DEADLINE_S


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
    from ecolink.egress import Unreachable

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


def shouning_channel(node) -> tuple[int, int, str | None]:
    with node.database.read() as session:
        channel = session.scalars(select(OutChannel)).one()
        return channel.receipted_seq, channel.attempts, channel.last_error


def test_a_statement_to_two_bureaus_names_only_parents_both_can_see(town, shouning, qingyuan):
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    jingning = Notebook(town.nodes[JINGNING])
    opener = shouning.send("to both", QINGYUAN, JINGNING, lane=Lane.BULK)
    town.settle()
    thread = opener.statement.thread
    qingyuan.send("feedback of Qingyuan", SHOUNING, lane=Lane.BULK, thread=thread)
    town.settle()
    correction = shouning.send("correction", QINGYUAN, JINGNING, lane=Lane.BULK, thread=thread)
    town.settle()
    assert correction.statement.parents == (opener.statement.digest,)
    assert jingning.texts == ["to both", "correction"]


def test_nothing_is_sent_to_a_stranger_to_oneself_or_to_nobody(town, shouning, qingyuan):
    with pytest.raises(InvalidError):
        shouning.send("x")
    with pytest.raises(InvalidError):
        shouning.send("x", SHOUNING)
    town.nodes[SHOUNING]
    with town.nodes[SHOUNING].database.begin() as session:
        town.nodes[SHOUNING].peers.suspend(session, QINGYUAN, reason="under review", by="chief", now=town.clock.now())
    with pytest.raises(ConflictError):
        shouning.send("x", QINGYUAN)


@pytest.mark.parametrize(("lane", "cap"), [(Lane.EMERGENCY, 300), (Lane.CASE, 3600)])
def test_pauses_double_from_five_seconds_to_their_cap_with_full_jitter(lane, cap):
    random = Random(1)  # noqa: S311 - jitter is no secret
    for attempts in range(1, 40):
        ceiling = min(cap, 5 * 2 ** (attempts - 1))
        waits = [pause(lane, attempts, random).total_seconds() for _ in range(200)]
        assert all(1 <= wait <= ceiling for wait in waits)
        assert max(waits) > 0.8 * ceiling


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
