"""What arrives too early waits, what cannot be applied is set aside or answered, and the rest goes on."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from ecolink.entrypoints.wiring import Node
from ecolink.errors import IllegalMoveError, NotFoundError
from ecolink.exchanges.leads.rules import State
from ecolink.federation import applying, operations, queues
from ecolink.federation.applying import REJECTED, Parked
from ecolink.federation.models import Alarm, StatementRow
from ecolink.federation.threads import load
from ecolink.kit.ids import new_id
from ecolink.protocol.batch import GENESIS, pack, seal_batch
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Lane, Statement
from tests.exchanges.leads.bureaux import Border
from tests.federation.test_trust import Forger, verdicts
from tests.support.crossing import beside
from tests.support.notes import NOTE, Notebook, note
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def said() -> Iterator[list]:
    """What the node writes to its log; a fault of a room is told there."""
    with capture_logs() as events:
        yield events


def parked(notebook: Notebook) -> list[Parked]:
    node = notebook.node
    with node.database.read() as session:
        return node.applier.parked(session)


def retry(notebook: Notebook, jti: str | None = None) -> int:
    with notebook.node.database.begin() as session:
        return notebook.node.applier.retry(session, jti)


def told(notebook: Notebook, thread: str) -> list[tuple[str, str]]:
    """Return type and state of every statement of a thread, in order of arrival."""
    with notebook.node.database.read() as session:
        return [(each.statement.type, each.state) for each in load(session, thread)]


def written(town: Town, text: str, *after: Statement, **members) -> Statement:
    """Return a note of Shouning's, sealed by hand, in the thread of what it comes after."""
    now = town.clock.now()
    jti = new_id(now)
    thread = after[0].thread if after else jti
    draft = replace(
        note(text, now, **members), aud=(QINGYUAN,), thread=thread, parents=tuple(each.digest for each in after)
    )
    return seal(draft, iss=SHOUNING, jti=jti, iat=now, key=town.nodes[SHOUNING].signer.key)


# What arrives before what it builds on


def test_a_reply_that_arrives_before_its_request_is_parked_and_then_applied(town, shouning, qingyuan):
    jingning = Notebook(town.add(JINGNING))
    town.introduce(SHOUNING, JINGNING)
    town.introduce(QINGYUAN, JINGNING)
    town.network.cut.add(frozenset({SHOUNING, JINGNING}))
    request = shouning.send("who saw the truck?", QINGYUAN, JINGNING, lane=Lane.BULK).statement
    town.settle()
    qingyuan.send("we did", SHOUNING, JINGNING, lane=Lane.BULK, thread=request.thread)
    town.settle()

    assert jingning.texts == []
    (waiting,) = parked(jingning)
    assert (waiting.iss, waiting.type, waiting.thread) == (QINGYUAN, NOTE, request.thread)
    assert waiting.reason.endswith(f"not here yet, the first is {request.digest}")

    town.network.cut.clear()
    town.wait(HOUR)
    assert jingning.texts == ["who saw the truck?", "we did"]
    assert parked(jingning) == []


def test_a_chain_of_replies_in_reverse_order_is_applied_in_order(town, qingyuan):
    forger = Forger(town)
    first = written(town, "one")
    second = written(town, "two", first)
    third = written(town, "three", second)
    assert verdicts(town, forger.push(forger.batch(third, second))) == [("stored", None)] * 2
    town.settle()
    assert [each.jti for each in parked(qingyuan)] == [third.jti, second.jti]
    assert qingyuan.texts == []

    forger.push(forger.batch(first))
    town.settle()
    assert qingyuan.texts == ["one", "two", "three"]
    assert parked(qingyuan) == []


def test_an_update_that_overtakes_its_alert_waits_for_it_and_holds_up_no_other_emergency(town, shouning, qingyuan):
    town.network.keep_back = lambda call: call.operation is operations.PUSH and not town.network.held
    alert = shouning.send("fire", QINGYUAN, lane=Lane.EMERGENCY).statement
    town.settle()
    update = written(town, "the fire spreads", alert, lane=Lane.EMERGENCY)
    flood = written(town, "flood", lane=Lane.EMERGENCY)
    batch = seal_batch(
        iss=SHOUNING, aud=QINGYUAN, lane=Lane.EMERGENCY, epoch=1, first_seq=2, prev=GENESIS,
        entries=[update.digest, flood.digest], key=town.nodes[SHOUNING].signer.key,
    )  # fmt: skip
    assert Forger(town).push(pack(batch, [(update.token, None), (flood.token, None)])).status == 409
    town.settle()
    assert qingyuan.texts == ["flood"]
    assert [each.jti for each in parked(qingyuan)] == [update.jti]

    town.network.release()
    town.settle()
    assert qingyuan.texts == ["flood", "fire", "the fire spreads"]


# Two workers in one thread, whose commits cross


def apply_all(node: Node) -> None:
    while node.applier.step(tuple(Lane), node.clock.now()):
        pass


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_reply_that_one_worker_sets_aside_while_another_applies_its_request_is_applied_after_it(
    town, shouning, qingyuan
):
    node, workers = qingyuan.node, []
    late, over = threading.Event(), threading.Event()
    request = shouning.send("who saw the truck?", QINGYUAN).statement
    shouning.send("it was green", QINGYUAN, thread=request.thread)
    deliver(town)

    def apply_slowly(session, stored, now):
        node.handlers[NOTE] = qingyuan.apply
        workers.append(beside(lambda: apply_all(node), node.database, late))
        qingyuan.apply(session, stored, now)

    def commit_late(_session):
        if threading.current_thread() is not threading.main_thread():
            late.set()
            over.wait()

    node.handlers[NOTE] = apply_slowly
    node.database.before_commit(commit_late)
    node.applier.step((Lane.CASE,), town.clock.now())
    over.set()
    workers[0].join()
    apply_all(node)
    assert qingyuan.texts == ["who saw the truck?", "it was green"]
    assert parked(qingyuan) == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_worker_passes_by_the_thread_another_one_is_at_work_in_and_takes_what_else_waits(town, shouning, qingyuan):
    node, workers = qingyuan.node, []
    request = shouning.send("who saw the truck?", QINGYUAN).statement
    shouning.send("it was green", QINGYUAN, thread=request.thread)
    shouning.send("something else", QINGYUAN)
    deliver(town)

    def apply_slowly(session, stored, now):
        node.handlers[NOTE] = qingyuan.apply
        workers.append(beside(lambda: apply_all(node), node.database))
        assert qingyuan.texts == ["something else"]
        qingyuan.apply(session, stored, now)

    node.handlers[NOTE] = apply_slowly
    node.applier.step((Lane.CASE,), town.clock.now())
    workers[0].join()
    assert qingyuan.texts == ["something else", "who saw the truck?", "it was green"]
    assert parked(qingyuan) == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_reply_whose_request_comes_and_is_applied_while_it_is_set_aside_is_applied_after_it(town, qingyuan):
    node, workers, forger = qingyuan.node, [], Forger(town)
    request = written(town, "who saw the truck?")
    forger.push(forger.batch(written(town, "it was green", request)))

    def take_the_request() -> None:
        forger.push(forger.batch(request))
        apply_all(node)

    def commit_late(_session):
        if threading.current_thread() is threading.main_thread() and not workers:
            workers.append(beside(take_the_request, node.database))

    node.database.before_commit(commit_late)
    node.applier.step((Lane.CASE,), town.clock.now())
    workers[0].join()
    apply_all(node)
    assert qingyuan.texts == ["who saw the truck?", "it was green"]
    assert parked(qingyuan) == []


# What cannot be applied


def test_a_statement_whose_handler_fails_is_set_aside_with_the_reason_and_the_rest_goes_on(
    town, shouning, qingyuan, said
):
    qingyuan.stumble.add("cursed")
    sent = [shouning.send(text, QINGYUAN) for text in ("before", "cursed", "after")]
    town.settle()
    assert qingyuan.texts == ["before", "after"]
    (aside,) = parked(qingyuan)
    assert (aside.jti, aside.iss, aside.received_at) == (sent[1].statement.jti, SHOUNING, town.clock.now())
    assert aside.reason.startswith("ZeroDivisionError")
    assert [event["jti"] for event in said if event["event"] == "applying.failed"] == [aside.jti]

    town.wait(24 * HOUR)
    assert len(parked(qingyuan)) == 1, "a fault of ours is mended by people, not by trying again"
    assert retry(qingyuan) == 1
    town.settle()
    assert len(parked(qingyuan)) == 1, "it failed again and is set aside again"

    qingyuan.stumble.clear()
    assert retry(qingyuan, aside.jti) == 1
    town.settle()
    assert qingyuan.texts == ["before", "after", "cursed"]
    assert parked(qingyuan) == []


def test_a_statement_whose_row_is_damaged_is_set_aside_and_the_rest_goes_on(town, shouning, qingyuan, said):
    sent = [shouning.send(text, QINGYUAN).statement for text in ("before", "damaged", "after")]
    deliver(town)
    row = update(StatementRow).where(StatementRow.jti == sent[1].jti)
    with qingyuan.node.database.begin() as session:
        session.execute(row.values(token=sent[1].token[:-200]))
    town.settle()
    assert qingyuan.texts == ["before", "after"]
    (aside,) = parked(qingyuan)
    assert (aside.jti, aside.type) == (sent[1].jti, NOTE)
    assert [event["jti"] for event in said if event["event"] == "applying.failed"] == [aside.jti]

    with qingyuan.node.database.begin() as session:
        session.execute(row.values(token=sent[1].token))  # as from a backup
    retry(qingyuan)
    town.settle()
    assert qingyuan.texts == ["before", "after", "damaged"]


def test_what_builds_on_a_statement_that_is_set_aside_waits_for_it(town, shouning, qingyuan):
    qingyuan.stumble.add("cursed")
    sent = shouning.send("cursed", QINGYUAN).statement
    shouning.send("more of it", QINGYUAN, thread=sent.thread)
    town.settle()
    assert qingyuan.texts == []
    assert [each.reason.partition(":")[0] for each in parked(qingyuan)] == ["ZeroDivisionError", "waits"]
    qingyuan.stumble.clear()
    retry(qingyuan, sent.jti)
    town.settle()
    assert qingyuan.texts == ["cursed", "more of it"]


def test_what_a_failing_handler_had_written_is_undone(town, shouning, qingyuan):
    node = qingyuan.node

    def fail_halfway(session, stored, now):
        session.add(Alarm(kind="half-done", subject=stored.statement.jti, details={}, at=now))
        session.flush()
        raise RuntimeError

    node.handlers[NOTE] = fail_halfway
    shouning.send("hello", QINGYUAN)
    town.settle()
    with node.database.read() as session:
        assert session.scalars(select(Alarm)).all() == []
    assert len(parked(qingyuan)) == 1


def test_a_database_that_fails_for_a_moment_sets_nothing_aside_and_blocks_nothing(town, shouning, qingyuan):
    node = qingyuan.node

    def lose_the_race(session, stored, now):
        node.handlers[NOTE] = qingyuan.apply
        raise OperationalError("UPDATE leads", {}, Exception("deadlock detected"))

    node.handlers[NOTE] = lose_the_race
    shouning.send("unlucky", QINGYUAN)
    shouning.send("next", QINGYUAN)
    town.settle()
    assert qingyuan.texts == ["next"]
    assert parked(qingyuan) == []
    town.wait(timedelta(seconds=1))
    assert qingyuan.texts == ["next", "unlucky"]


def deliver(town: Town) -> None:
    """Send what waits at Shouning, and let nobody apply it."""
    node = town.nodes[SHOUNING]
    while node.delivery.step(tuple(Lane), node.clock.now):
        pass


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_what_waits_is_applied_together_on_sqlite_and_only_while_there_is_nothing_better_to_do(
    town, shouning, qingyuan
):
    node, now = qingyuan.node, town.clock.now()
    for text in ("one", "two", "three", "four"):
        shouning.send(text, QINGYUAN)
    deliver(town)
    assert node.applier.step((Lane.CASE,), now, is_free=lambda: False)
    assert qingyuan.texts == ["one"]
    qingyuan.stumble.add("two")
    assert node.applier.step((Lane.CASE,), now)
    together = node.database.is_sqlite
    assert qingyuan.texts == (["one", "three", "four"] if together else ["one"])
    assert len(parked(qingyuan)) == 1, "what fails takes nothing down with it"
    assert node.applier.step((Lane.CASE,), now) is not together


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_is_applied_together_ends_where_somebody_waits_to_write(town, shouning, qingyuan):
    node = qingyuan.node
    seen = threading.Event()

    def be_interrupted(session, stored, now):
        node.handlers[NOTE] = qingyuan.apply
        writer.start()
        while node.database.holds_up_nobody:
            assert not seen.wait(0.001)
        qingyuan.apply(session, stored, now)

    def write() -> None:
        with node.database.begin():
            qingyuan.texts.append("somebody else")

    writer = threading.Thread(target=write)
    for text in ("one", "two"):
        shouning.send(text, QINGYUAN)
    deliver(town)
    node.handlers[NOTE] = be_interrupted
    town.settle()
    writer.join()
    assert qingyuan.texts == ["one", "somebody else", "two"]


def test_what_is_applied_together_is_undone_together_when_the_database_fails(town, shouning, qingyuan):
    node = qingyuan.node

    def lose_the_race(session, stored, now):
        qingyuan.apply(session, stored, now)
        if stored.statement.body["text"] == "unlucky":
            node.handlers[NOTE] = qingyuan.apply
            raise OperationalError("UPDATE leads", {}, Exception("database or disk is full"))

    node.handlers[NOTE] = lose_the_race
    for text in ("one", "unlucky", "three"):
        shouning.send(text, QINGYUAN)
    deliver(town)
    town.settle()
    assert qingyuan.texts == ["one", "three"]
    town.wait(timedelta(seconds=1))
    assert qingyuan.texts == ["one", "three", "unlucky"]


def test_of_very_many_matters_the_oldest_are_tried_again_first(town, shouning, qingyuan, monkeypatch):
    monkeypatch.setattr(applying, "MOST_THREADS", 2)
    texts = ["one", "two", "three"]
    qingyuan.stumble.update(texts)
    for text in texts:
        shouning.send(text, QINGYUAN)
    town.settle()
    qingyuan.stumble.clear()
    assert retry(qingyuan) == 2
    town.settle()
    assert qingyuan.texts == ["one", "two"]
    assert retry(qingyuan) == 1
    town.settle()
    assert qingyuan.texts == texts


def test_retrying_what_is_not_parked_says_so(town, shouning, qingyuan):
    sent = shouning.send("hello", QINGYUAN).statement
    town.settle()
    with pytest.raises(NotFoundError):
        retry(qingyuan, sent.jti)
    assert retry(qingyuan) == 0


@pytest.fixture
def returned(shouning: Notebook) -> list[dict]:
    """What Shouning's rooms are told came back."""
    bodies: list[dict] = []
    for room in ("note", "weather"):
        shouning.node.hooks.rejected[room] = lambda _session, stored, _now: bodies.append(stored.statement.body)
    return bodies


def test_a_move_the_recipient_cannot_make_is_answered_signed_and_shown_to_its_author(
    town, shouning, qingyuan, returned
):
    qingyuan.refuse.add("no thanks")
    sent = shouning.send("no thanks", QINGYUAN).statement
    shouning.send("something else", QINGYUAN)
    town.settle()
    assert qingyuan.texts == ["something else"]
    (answer,) = returned
    assert (answer["digest"], answer["jti"], answer["code"]) == (sent.digest, sent.jti, "not-wanted")
    assert told(qingyuan, sent.thread) == [(NOTE, "rejected"), (REJECTED, "applied")]
    assert told(shouning, sent.thread) == [(NOTE, "applied"), (REJECTED, "applied")]


def test_a_statement_of_an_unknown_type_is_kept_and_answered_unsupported(town, shouning, qingyuan, returned):
    sent = shouning.send("storm", QINGYUAN, type="weather.forecast.v9").statement
    shouning.send("after it", QINGYUAN, thread=sent.thread)
    town.settle()
    assert told(qingyuan, sent.thread)[0] == ("weather.forecast.v9", "unsupported")
    assert qingyuan.texts == ["after it"], "what builds on it is not held up"
    (answer,) = returned
    assert (answer["digest"], answer["code"]) == (sent.digest, "unsupported")
    assert "weather.forecast.v9" in answer["detail"]


def test_two_nodes_that_reject_each_others_rejection_do_not_talk_for_ever(town, shouning, qingyuan, returned):
    qingyuan.refuse.add("no thanks")
    del shouning.node.hooks.rejected["note"]
    sent = shouning.send("no thanks", QINGYUAN, type=NOTE).statement
    qingyuan.send("a rejection by hand", SHOUNING, type=REJECTED, thread=sent.thread)
    town.settle()
    assert len(told(shouning, sent.thread)) == 3
    assert parked(shouning) == parked(qingyuan) == []


# A line that is cut, and moves that cross


def test_after_a_partition_both_sides_hold_what_the_other_said(town, shouning, qingyuan):
    town.add(JINGNING)
    town.introduce(SHOUNING, JINGNING)
    jingning = Notebook(town.nodes[JINGNING])
    opener = shouning.send("opener", QINGYUAN).statement
    town.settle()
    town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    for number in range(5):
        for lane in (Lane.EMERGENCY, Lane.CASE, Lane.BULK):
            shouning.send(f"S {lane} {number}", QINGYUAN, lane=lane)
            qingyuan.send(f"Q {lane} {number}", SHOUNING, lane=lane)
        shouning.send(f"thread S{number}", QINGYUAN, thread=opener.thread)
        qingyuan.send(f"thread Q{number}", SHOUNING, thread=opener.thread)
        shouning.send(f"J {number}", JINGNING)
        town.wait(HOUR)
    assert (qingyuan.texts, shouning.texts) == (["opener"], [])
    assert jingning.texts == [f"J {number}" for number in range(5)], "others are reached as before"

    town.network.cut.clear()
    town.wait(HOUR)
    assert sorted(qingyuan.texts[1:]) == sorted(
        [f"S {lane} {number}" for lane in ("emergency", "case", "bulk") for number in range(5)]
        + [f"thread S{number}" for number in range(5)]
    )
    assert sorted(shouning.texts) == sorted(
        [f"Q {lane} {number}" for lane in ("emergency", "case", "bulk") for number in range(5)]
        + [f"thread Q{number}" for number in range(5)]
    )
    assert [text for text in qingyuan.texts if text.startswith("thread")] == [f"thread S{n}" for n in range(5)]
    for notebook in (shouning, qingyuan):
        with notebook.node.database.read() as session:
            assert [queue.waiting for queue in queues.status(session)] == [0] * len(queues.status(session))


@pytest.mark.parametrize("first", [SHOUNING, QINGYUAN])
def test_a_withdrawal_and_a_reply_that_crossed_end_alike_whichever_arrives_first(town, first):
    border = Border(town)
    lead_id = border.ask("acknowledged", "accepted", "started")
    town.network.keep_back = lambda call: call.operation is operations.PUSH
    border.shouning.make(lead_id, "withdrawn")
    border.qingyuan.make(lead_id, "replied")
    town.settle()
    late = dict(town.network.held)
    town.network.keep_back = None
    town.network.held.clear()
    for recipient in (first, SHOUNING if first == QINGYUAN else QINGYUAN):
        town.network.gates[recipient](late[recipient])
        town.settle()
    town.wait(HOUR)
    assert border.shouning.state(lead_id) == border.qingyuan.state(lead_id) == State.REPLIED
    assert border.shouning.history(lead_id) == border.qingyuan.history(lead_id)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_crosses_on_a_bad_line_both_bureaus_tell_the_same_story(town, seed):
    border = Border(town)
    lead_id = border.ask("acknowledged", "accepted", "started")
    network, chance = town.network, Random(seed)  # noqa: S311 - who speaks next in a test
    network.random.seed(seed)
    network.lose_requests = network.lose_answers = network.double = 0.4
    there, back = ["message", "message", "withdrawn"], ["message", "interim_reply", "message", "replied"]
    while there or back:
        moves, office = (
            (there, border.shouning) if there and (not back or chance.random() < 0.5) else (back, border.qingyuan)
        )
        try:
            office.make(lead_id, moves.pop(0))
        except IllegalMoveError:
            moves.clear()  # what has arrived by now rules it out
        if chance.random() < 0.5:
            town.wait(timedelta(seconds=20))
    for _ in range(30):
        town.wait(HOUR)
    assert border.shouning.state(lead_id) == border.qingyuan.state(lead_id)
    told = border.shouning.history(lead_id)
    assert told == border.qingyuan.history(lead_id)
    assert len(told) >= 7, "the four steps before, and what was done since"
