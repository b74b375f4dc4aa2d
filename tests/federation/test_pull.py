"""A node nobody can reach inward fetches what is for it, by the same batches, checks and receipts as a push."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select

from ecolink.federation import operations, queues
from ecolink.federation.models import InBatch, InChannel, OutBatch, OutChannel, StatementRow
from ecolink.federation.operations import Answer, Call, Operation
from ecolink.federation.rounds import LONGEST
from ecolink.federation.threads import DeliveryState, delivery
from ecolink.kit.canonical import dumps
from ecolink.protocol.heads import ChannelHead, seal_heads
from ecolink.protocol.limits import MAX_EPOCH
from ecolink.protocol.statement import Lane
from tests.support.notes import Notebook
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def one_way(town: Town) -> None:
    """Nobody reaches Qingyuan; Qingyuan reaches everybody."""
    inward = town.network.carry

    def carry(sender, recipient, call):
        if recipient == QINGYUAN:
            town.network.down.add(QINGYUAN)
        try:
            return inward(sender, recipient, call)
        finally:
            town.network.down.discard(QINGYUAN)

    town.network.carry = carry


def ask(town: Town, asker: str, operation: Operation, *, body: bytes = b"", **params: str) -> Answer:
    node = town.nodes[asker]
    with node.database.read() as session:
        url = node.peers.get(session, SHOUNING).federation_url
    return node.client.call(SHOUNING, url, operation, now=town.clock.now(), params=params, body=body)


def pulled(town: Town, asker: str = QINGYUAN, **params: str) -> list[dict]:
    answer = ask(town, asker, operations.PULL, **params)
    assert answer.status == 200, answer.body
    return [json.loads(body) for body in json.loads(answer.body)["batches"]]


def reason(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["reason"]


def fetch(town: Town) -> None:
    """Let Qingyuan compare heads, as its worker does now and then, and both come to rest."""
    town.nodes[QINGYUAN].compare(town.clock.now)
    town.settle()


def test_what_cannot_be_pushed_is_fetched_applied_once_and_shown_as_delivered(town, shouning, qingyuan):
    sent = [shouning.send(f"note {number}", QINGYUAN) for number in range(12)]
    fire = shouning.send("fire", QINGYUAN, lane=Lane.EMERGENCY)
    town.settle()
    assert qingyuan.texts == []
    fetch(town)
    assert sorted(qingyuan.texts) == sorted([f"note {number}" for number in range(12)] + ["fire"])
    assert [text for text in qingyuan.texts if text != "fire"] == [f"note {number}" for number in range(12)]
    node = shouning.node
    with node.database.read() as session:
        told = [delivery(session, each.statement.thread, town.clock.now())[0] for each in (*sent, fire)]
        assert [queue.waiting for queue in queues.status(session)] == [0, 0]
    assert {each.state for each in told} == {DeliveryState.DELIVERED}
    assert {each.at for each in told} == {town.clock.now()}


def test_what_is_fetched_can_be_answered(town, shouning, qingyuan):
    sent = shouning.send("question", QINGYUAN)
    fetch(town)
    qingyuan.send("answer", SHOUNING, thread=sent.statement.thread)
    town.settle()
    assert shouning.texts == ["answer"]


def test_fetching_again_brings_nothing_new(town, shouning, qingyuan):
    shouning.send("hello", QINGYUAN)
    fetch(town)
    batches = len(town.network.calls)
    assert town.nodes[QINGYUAN].compare(town.clock.now) == {SHOUNING: "agreed"}
    assert operations.PULL not in [call.operation for *_, call in town.network.calls[batches:]]
    assert qingyuan.texts == ["hello"]


def test_receipts_lost_on_the_way_back_cost_nothing_but_time(town, shouning, qingyuan):
    shouning.send("hello", QINGYUAN)
    town.network.keep_back = lambda call: call.operation is operations.RECEIPTS
    fetch(town)
    assert qingyuan.texts == ["hello"]
    with shouning.node.database.read() as session:
        assert queues.status(session)[0].waiting == 1, "its author does not know yet"
    town.network.keep_back = None
    town.network.release()
    with shouning.node.database.read() as session:
        assert queues.status(session)[0].waiting == 0


def test_a_batch_that_is_pushed_and_fetched_is_kept_once(town, shouning, qingyuan):
    shouning.send("hello", QINGYUAN)
    town.settle()  # sealed, and pushed in vain
    (late,) = (call for *_, call in town.network.calls if call.operation is operations.PUSH)
    fetch(town)
    receipt = town.network.gates[QINGYUAN](late)
    assert receipt.status == 200
    with qingyuan.node.database.read() as session:
        assert session.scalars(select(InBatch.receipt)).one() == receipt.body
        assert session.scalar(select(func.count()).select_from(StatementRow)) == 1
    town.settle()
    assert qingyuan.texts == ["hello"]


def test_the_cursor_is_exclusive_and_inside_a_batch_brings_the_batch(town, shouning):
    for number in range(3):
        shouning.send(f"first {number}", QINGYUAN)
    town.settle()  # seals entries 1 to 3, or fewer at a time
    for number in range(2):
        shouning.send(f"second {number}", QINGYUAN)
    everything = pulled(town, lane="case", epoch="1", after="0")
    sizes = [len(body["statements"]) for body in everything]
    assert sum(sizes) == 5
    last_of_first = sizes[0]
    assert pulled(town, lane="case", epoch="1", after=str(last_of_first)) == everything[1:]
    assert pulled(town, lane="case", epoch="1", after=str(last_of_first - 1)) == everything
    assert pulled(town, lane="case", epoch="1", after="5") == []
    assert pulled(town, lane="case", epoch="1", after="0", limit="1") == everything[:1]
    with shouning.node.database.read() as session:
        assert session.scalar(select(func.count()).select_from(OutBatch)) == len(everything)


def queue_singly(shouning: Notebook, count: int) -> None:
    """Queue so many notes for Qingyuan, each to go in a batch of its own."""
    for number in range(count):
        shouning.send(f"note {number}", QINGYUAN)
        if number == 0:
            with shouning.node.database.begin() as session:
                session.scalars(select(OutChannel)).one().batch_limit = 1


def test_a_backlog_of_more_than_one_answer_is_fetched_whole(town, shouning, qingyuan):
    queue_singly(shouning, 25)
    fetch(town)
    assert qingyuan.texts == [f"note {number}" for number in range(25)]
    assert sum(call.operation is operations.PULL for *_, call in town.network.calls) > 3
    with qingyuan.node.database.read() as session:
        assert session.scalars(select(InChannel.head_seq)).one() == 25


def test_a_backlog_that_takes_long_to_fetch_is_fetched_whole_each_part_at_its_own_time(town, shouning, qingyuan):
    """A call's token is good for a minute, and deadlines run from when a statement came."""
    queue_singly(shouning, 25)
    gate, begun = town.network.gates[SHOUNING], town.clock.now()

    def slowly(call):
        try:
            return gate(call)
        finally:
            town.clock.advance(timedelta(seconds=50))

    town.network.gates[SHOUNING] = slowly
    town.nodes[QINGYUAN].compare(town.clock.now)
    with qingyuan.node.database.read() as session:
        came = list(session.scalars(select(StatementRow.received_at).order_by(StatementRow.n)))
    assert town.clock.now() - begun > timedelta(minutes=6)
    assert [came.count(at) for at in sorted(set(came))] == [8, 8, 8, 1]
    assert {later - earlier for earlier, later in pairwise(sorted(set(came)))} == {timedelta(seconds=100)}


def test_a_bureau_fetches_its_own_channel_and_no_other(town, shouning):
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    shouning.send("for Qingyuan", QINGYUAN)
    assert pulled(town, JINGNING, lane="case", epoch="1", after="0") == []
    assert len(pulled(town, QINGYUAN, lane="case", epoch="1", after="0")) == 1


def test_a_receipt_for_anothers_batch_is_refused(town, shouning):
    jingning = Notebook(town.add(JINGNING))
    town.introduce(SHOUNING, JINGNING)
    shouning.send("for Jingning", JINGNING)
    town.settle()
    with jingning.node.database.read() as session:
        receipt = session.scalars(select(InBatch.receipt)).one()
    answer = ask(town, QINGYUAN, operations.RECEIPTS, body=dumps({"receipts": [receipt.decode()]}))
    assert answer.status in {401, 403}
    assert ask(town, JINGNING, operations.RECEIPTS, body=dumps({"receipts": [receipt.decode()]})).status == 204


def test_a_suspended_bureau_fetches_recalls_and_nothing_else(town, shouning, qingyuan):
    sent = shouning.send("bulletin", QINGYUAN, lane=Lane.BULK)
    fetch(town)
    node = shouning.node
    shouning.send("recall", QINGYUAN, lane=Lane.CONTROL, recalls=sent.statement.jti)
    shouning.send("case", QINGYUAN)
    with node.database.begin() as session:
        node.peers.suspend(session, QINGYUAN, reason="under review", by="chief", now=town.clock.now())
    assert reason(ask(town, QINGYUAN, operations.PULL, lane="case")) == (403, "peer-suspended")
    fetch(town)
    assert qingyuan.texts == ["bulletin", "recall"]


@pytest.mark.parametrize(
    "params",
    [
        {}, {"lane": "sideways"}, {"lane": "case", "after": "-1"}, {"lane": "case", "after": "1e3"},
        {"lane": "case", "after": "٣"}, {"lane": "case", "epoch": "9" * 16}, {"lane": "case", "epoch": str(MAX_EPOCH + 1)},
        {"lane": "case", "limit": ""},
    ],
)  # fmt: skip
def test_a_cursor_that_is_none_is_a_clear_400(town, params):
    assert reason(ask(town, QINGYUAN, operations.PULL, **params)) == (400, "invalid-claim")


@pytest.mark.parametrize(
    "said", [b"[]", b'{"batches":[1]}', b'{"batches":"x"}', b"{", b'{"batches":["{}"]}', b'{"batches":["a","b"]}']
)
def test_a_peer_that_answers_rubbish_is_noted_and_the_others_are_compared_with(town, shouning, qingyuan, said):
    jingning = Notebook(town.add(JINGNING))
    town.introduce(QINGYUAN, JINGNING)
    shouning.send("lost for now", QINGYUAN)
    jingning.send("from Jingning", QINGYUAN)
    gate = town.network.gates[SHOUNING]
    town.network.gates[SHOUNING] = lambda call: Answer(200, said) if call.operation is operations.PULL else gate(call)
    told = town.nodes[QINGYUAN].compare(town.clock.now)
    assert told[JINGNING] == "mended"
    assert told[SHOUNING].startswith("its heads do not verify") or told[SHOUNING] == "mended"
    town.settle()
    assert qingyuan.texts == ["from Jingning"]
    town.network.gates[SHOUNING] = gate
    fetch(town)
    assert qingyuan.texts == ["from Jingning", "lost for now"]


# Hostile peers --------------------------------------------------------------------------------------------


def claim(town: Town, *, sent: int) -> None:
    """Let Shouning's heads say that it sent so many entries to Qingyuan, whatever it did."""
    node, gate = town.nodes[SHOUNING], town.network.gates[SHOUNING]

    def answer(call: Call) -> Answer:
        if call.operation is not operations.HEADS:
            return gate(call)
        with node.database.begin() as session:
            checkpoint = node.log.checkpoint(session)
        head = ChannelHead(Lane.CASE, 1, sent, bytes(32))
        now, key = town.clock.now(), node.signer.key
        said = seal_heads(iss=SHOUNING, aud=QINGYUAN, now=now, received=[], sent=[head], checkpoint=checkpoint, key=key)
        return Answer(200, said)

    town.network.gates[SHOUNING] = answer


def pulls(town: Town) -> int:
    return sum(call.operation is operations.PULL for *_, call in town.network.calls)


def test_a_peer_that_hands_out_one_batch_for_ever_is_asked_no_more_after_the_second_time(town, shouning, qingyuan):
    shouning.send("hello", QINGYUAN)
    batch = dumps({"batches": [dumps(body).decode() for body in pulled(town, lane="case")]})
    claim(town, sent=1_000_000)
    gate = town.network.gates[SHOUNING]

    def again(call: Call) -> Answer:
        assert pulls(town) < 10, "it is asked without end"
        return Answer(200, batch) if call.operation is operations.PULL else gate(call)

    town.network.gates[SHOUNING] = again
    town.network.calls.clear()
    assert town.nodes[QINGYUAN].compare(town.clock.now) == {SHOUNING: "mended"}
    assert pulls(town) == 2
    town.settle()
    assert qingyuan.texts == ["hello"]


def test_a_peer_that_answers_as_slowly_as_it_may_is_left_after_its_time_and_the_next_round_goes_on(
    town, shouning, qingyuan
):
    queue_singly(shouning, 60)
    gate, begun = town.network.gates[SHOUNING], town.clock.now()

    def slowly(call: Call) -> Answer:
        town.clock.advance(timedelta(minutes=2))
        return gate(call)

    town.network.gates[SHOUNING] = slowly
    town.nodes[QINGYUAN].compare(town.clock.now)
    assert LONGEST <= town.clock.now() - begun < 2 * LONGEST
    town.settle()
    some = len(qingyuan.texts)
    assert 0 < some < 60
    town.network.gates[SHOUNING] = gate
    fetch(town)
    assert qingyuan.texts == [f"note {number}" for number in range(60)]
