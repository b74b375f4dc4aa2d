"""Nothing sent is lost, nothing is applied twice, and nothing urgent waits behind other traffic."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import func, select

from ecolink.errors import ConflictError, InvalidError
from ecolink.federation import operations, queues
from ecolink.federation.backoff import pause
from ecolink.federation.client import DEADLINE_S
from ecolink.federation.delivery import FIRST_DEADLINE_S
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
