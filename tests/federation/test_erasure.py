"""Personal data disappear from both nodes; what was said stays and still verifies."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from ecolink.audit import tombstones
from ecolink.audit.access_models import AccessRow
from ecolink.audit.models import LogLeaf
from ecolink.entrypoints.wiring import Node
from ecolink.errors import NotFoundError
from ecolink.federation.erasure import Erasure, Ordered
from ecolink.federation.handling import Park
from ecolink.federation.models import StatementRow
from ecolink.federation.operations import PUSH, Call
from ecolink.federation.statements import Stored
from ecolink.protocol.sealing import open_statement
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward
from tests.support.crossing import beside
from tests.support.town import JINGNING, QINGYUAN, SHOUNING, Town

pytestmark = pytest.mark.by_turns

ORDERED = Ordered(reason="purpose-served", note="案件已结", username="chief.wu", name="吴局", role="chief")
PERSON = {"persons": [{"ref": "P1", "name": "林大山"}]}


@pytest.fixture
def town(tmp_path: Path, new_database_url: Callable[[], str]) -> Iterator[Town]:
    town = Town(tmp_path, new_database_url)
    for code in (SHOUNING, QINGYUAN, JINGNING):
        town.add(code)
    for one, other in ((SHOUNING, QINGYUAN), (SHOUNING, JINGNING), (QINGYUAN, JINGNING)):
        town.introduce(one, other)
    yield town
    town.close()


class Rooms:
    """Erasure at every node, and what the other rooms were told."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.told: list[tuple[str, str]] = []
        self.at = {code: self._open(node) for code, node in town.nodes.items()}

    def _open(self, node: Node) -> Erasure:
        def tell(_: Session, thread: str, now: datetime) -> None:
            assert now == self.town.clock.now()
            self.told.append((node.us, thread))

        erasure = Erasure(node.us, node.log, node.access, node.outbox, [tell])
        node.handlers.update(erasure.handlers())
        node.handlers["bulletin.published.v1"] = node.handlers["lead.requested.v1"] = lambda *_: None
        return erasure

    def erase(self, code: str, thread: str) -> list[str]:
        with self.town.nodes[code].database.begin() as session:
            return self.at[code].erase(session, thread, ORDERED, now=self.town.clock.now())


@pytest.fixture
def rooms(town: Town) -> Rooms:
    return Rooms(town)


def say(town: Town, author: str, *to: str, thread: str = "", private: dict[str, Any] | None = PERSON) -> Stored:
    node, now = town.nodes[author], town.clock.now()
    draft = Draft(
        type="lead.requested.v1" if len(to) == 1 else "bulletin.published.v1",
        thread=thread,
        lane=Lane.CASE if len(to) == 1 else Lane.BULK,
        classification="internal",
        handling=Handling(code=HandlingCode.H0, onward=Onward.NONE),
        purpose="查办盗伐林木案",
        legal_basis="警务协作协议书",
        author_role="liaison_officer",
        retain_until=now + timedelta(days=1100),
        body={"facts": "下党乡杉木被盗伐"},
        private=private,
    )
    with node.database.begin() as session:
        return node.outbox.send(session, draft, now=now, recipients=to)


def order(
    town: Town, author: str, to: str, about: Stored, body: dict[str, Any], kind: str = "privacy.erased.v1"
) -> None:
    """Send what no honest node would."""
    node, said = town.nodes[author], about.statement
    draft = Draft(
        type=kind,
        thread=said.thread,
        lane=Lane.CONTROL,
        classification=said.classification,
        handling=said.handling,
        purpose=said.purpose,
        legal_basis=said.legal_basis,
        author_role="node",
        retain_until=said.retain_until,
        body=body,
    )
    with node.database.begin() as session:
        node.outbox.send(session, draft, now=town.clock.now(), recipients=[to])


def reasons(town: Town, code: str, kind: str) -> list[str]:
    """Return why statements of a kind were rejected."""
    with town.nodes[code].database.read() as session:
        rows = session.scalars(
            select(StatementRow)
            .where(StatementRow.type == kind, StatementRow.state == "rejected")
            .order_by(StatementRow.n)
        )
        return [str(row.state_reason).partition(":")[0] for row in rows]


def carries_persons(call: Call) -> bool:
    return call.operation is PUSH and b'"private":"' in call.body


def parts(town: Town, code: str, thread: str) -> list[bool]:
    """Tell of each statement of a thread that names a private part whether the part is still there."""
    with town.nodes[code].database.read() as session:
        rows = session.scalars(
            select(StatementRow)
            .where(StatementRow.thread == thread, StatementRow.private_digest.is_not(None))
            .order_by(StatementRow.created_at, StatementRow.digest)
        ).all()
        return [row.private is not None for row in rows]


def complied(town: Town, rooms: Rooms, code: str, thread: str) -> dict[str, int | None]:
    with town.nodes[code].database.read() as session:
        return {
            each.recipient: each.erased if each.complied_at else None
            for each in rooms.at[code].compliance(session, thread)
        }


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_an_erasure_takes_the_persons_from_both_nodes_and_each_answers_for_it(town: Town, rooms: Rooms) -> None:
    asked = say(town, SHOUNING, QINGYUAN)
    thread = asked.statement.thread
    town.settle()
    answered = say(town, QINGYUAN, SHOUNING, thread=thread)
    town.settle()

    concerned = rooms.erase(SHOUNING, thread)
    assert sorted(concerned) == sorted([asked.statement.digest, answered.statement.digest])
    assert parts(town, SHOUNING, thread) == [False, False]
    assert complied(town, rooms, SHOUNING, thread) == {QINGYUAN: None}
    town.settle()
    assert parts(town, QINGYUAN, thread) == [False, False]
    assert complied(town, rooms, SHOUNING, thread) == {QINGYUAN: 2}
    assert rooms.told == [(SHOUNING, thread), (QINGYUAN, thread)]


def test_what_stays_still_verifies_and_the_log_says_who_erased_and_why(town: Town, rooms: Rooms) -> None:
    sent = say(town, SHOUNING, QINGYUAN)
    town.settle()
    rooms.erase(SHOUNING, sent.statement.thread)
    town.settle()

    for code, by in ((SHOUNING, "chief.wu"), (QINGYUAN, SHOUNING)):
        node = town.nodes[code]
        with node.database.read() as session:
            row = session.scalars(select(StatementRow).where(StatementRow.digest == sent.statement.digest)).one()
            grave = tombstones.of(session, [row.digest])[row.digest]
            leaf = session.scalars(select(LogLeaf.kind).where(LogLeaf.digest == grave.digest)).all()
            entry = session.scalars(select(AccessRow).where(AccessRow.action == "erase")).one()
        assert (grave.document["by"], grave.document["reason"]) == (by, "purpose-served")
        assert leaf == ["erasure"]
        assert (entry.actor, entry.object_id, entry.reason) == (by, sent.statement.thread, "案件已结")

    with town.nodes[QINGYUAN].database.read() as session:
        row = session.scalars(select(StatementRow).where(StatementRow.digest == sent.statement.digest)).one()
        author = town.nodes[QINGYUAN].keystore.keys_of(session, SHOUNING)
    assert author is not None
    statement = open_statement(
        row.token, row.private, find_key=author.find, us=QINGYUAN, sender=SHOUNING, received_at=row.received_at
    )
    assert statement.digest == sent.statement.digest
    assert statement.private_data is None


def test_data_that_were_never_delivered_do_not_leave_any_more(town: Town, rooms: Rooms) -> None:
    town.network.cut.add(frozenset({SHOUNING, QINGYUAN}))
    sent = say(town, SHOUNING, QINGYUAN)
    town.settle()
    rooms.erase(SHOUNING, sent.statement.thread)
    town.network.cut.clear()
    town.wait(timedelta(hours=2))

    assert parts(town, QINGYUAN, sent.statement.thread) == [False]
    assert complied(town, rooms, SHOUNING, sent.statement.thread) == {QINGYUAN: 1}
    carried = [b'"private":"' in call.body for _, _, call in town.network.calls if call.operation is PUSH]
    assert carried[0]  # the try on the dead line, before the erasure
    assert not any(carried[1:])


def test_an_order_that_overtakes_its_thread_waits_for_it(town: Town, rooms: Rooms) -> None:
    town.network.keep_back = carries_persons
    sent = say(town, SHOUNING, QINGYUAN)
    town.settle()
    rooms.erase(SHOUNING, sent.statement.thread)
    town.settle()
    assert complied(town, rooms, SHOUNING, sent.statement.thread) == {QINGYUAN: None}

    town.network.keep_back = None
    town.network.release()
    town.settle()
    assert parts(town, QINGYUAN, sent.statement.thread) == [False]
    assert complied(town, rooms, SHOUNING, sent.statement.thread) == {QINGYUAN: 1}


def test_a_reply_that_crossed_the_order_is_erased_when_it_arrives(town: Town, rooms: Rooms) -> None:
    asked = say(town, SHOUNING, QINGYUAN)
    thread = asked.statement.thread
    town.settle()
    town.network.keep_back = carries_persons
    town.clock.advance(timedelta(minutes=5))
    crossing = say(town, QINGYUAN, SHOUNING, thread=thread, private={"persons": [{"ref": "P2", "name": "李小河"}]})
    town.settle()
    rooms.erase(SHOUNING, thread)
    town.settle()
    town.network.keep_back = None
    town.network.release()
    town.settle()
    shouning = town.nodes[SHOUNING]
    assert parts(town, SHOUNING, thread) == [False, True]

    with shouning.database.begin() as session:
        assert rooms.at[SHOUNING].erase_latecomers(session, town.clock.now()) == 1
    assert parts(town, SHOUNING, thread) == [False, False]
    assert parts(town, QINGYUAN, thread) == [False, False]
    with shouning.database.begin() as session:
        assert rooms.at[SHOUNING].erase_latecomers(session, town.clock.now()) == 0
        assert crossing.statement.digest in tombstones.of(session, [crossing.statement.digest])


def test_what_is_said_after_an_erasure_was_known_stays(town: Town, rooms: Rooms) -> None:
    asked = say(town, SHOUNING, QINGYUAN)
    thread = asked.statement.thread
    town.settle()
    rooms.erase(SHOUNING, thread)
    town.settle()
    town.clock.advance(timedelta(minutes=5))
    say(town, QINGYUAN, SHOUNING, thread=thread)
    town.settle()

    for code in (SHOUNING, QINGYUAN):
        with town.nodes[code].database.begin() as session:
            assert rooms.at[code].erase_latecomers(session, town.clock.now()) == 0
        assert parts(town, code, thread) == [False, True]


def test_who_did_not_open_a_thread_has_only_its_own_words_erased_elsewhere(town: Town, rooms: Rooms) -> None:
    asked = say(town, SHOUNING, QINGYUAN)
    thread = asked.statement.thread
    town.settle()
    town.clock.advance(timedelta(minutes=5))
    say(town, QINGYUAN, SHOUNING, thread=thread)
    town.settle()
    rooms.erase(QINGYUAN, thread)
    town.settle()

    assert parts(town, QINGYUAN, thread) == [False, False]
    assert parts(town, SHOUNING, thread) == [True, False]
    assert complied(town, rooms, QINGYUAN, thread) == {SHOUNING: 1}


def test_a_bureau_that_only_received_erases_at_home_and_orders_nothing(town: Town, rooms: Rooms) -> None:
    told = say(town, SHOUNING, QINGYUAN, JINGNING)
    town.settle()
    rooms.erase(JINGNING, told.statement.thread)
    town.settle()

    assert parts(town, JINGNING, told.statement.thread) == [False]
    assert parts(town, SHOUNING, told.statement.thread) == [True]
    assert complied(town, rooms, JINGNING, told.statement.thread) == {}


def test_an_order_to_erase_what_others_said_is_rejected(town: Town, rooms: Rooms) -> None:
    told = say(town, SHOUNING, QINGYUAN, JINGNING)
    town.settle()
    order(
        town, JINGNING, QINGYUAN, told, {"reason": "other", "erased_at": "2026-11-23T09:00:00+08:00", "statements": []}
    )
    order(town, JINGNING, QINGYUAN, told, {"reason": "because"})
    town.settle()

    assert parts(town, QINGYUAN, told.statement.thread) == [True]
    assert reasons(town, QINGYUAN, "privacy.erased.v1") == ["not-yours", "invalid-body"]


def test_every_recipient_of_a_bulletin_erases_and_answers(town: Town, rooms: Rooms) -> None:
    told = say(town, SHOUNING, QINGYUAN, JINGNING)
    town.settle()
    rooms.erase(SHOUNING, told.statement.thread)
    town.settle()

    assert complied(town, rooms, SHOUNING, told.statement.thread) == {QINGYUAN: 1, JINGNING: 1}
    for code in (SHOUNING, QINGYUAN, JINGNING):
        assert parts(town, code, told.statement.thread) == [False]


def test_an_order_reaches_a_suspended_bureau(town: Town, rooms: Rooms) -> None:
    asked = say(town, SHOUNING, QINGYUAN)
    town.settle()
    with town.nodes[SHOUNING].database.begin() as session:
        town.nodes[SHOUNING].peers.suspend(session, QINGYUAN, reason="核查", by="admin", now=town.clock.now())
    rooms.erase(SHOUNING, asked.statement.thread)
    town.settle()

    assert parts(town, QINGYUAN, asked.statement.thread) == [False]


def test_an_order_applied_twice_is_applied_once(town: Town, rooms: Rooms) -> None:
    asked = say(town, SHOUNING, QINGYUAN)
    town.settle()
    town.network.double = 1.0
    rooms.erase(SHOUNING, asked.statement.thread)
    rooms.erase(SHOUNING, asked.statement.thread)
    town.settle()

    with town.nodes[QINGYUAN].database.read() as session:
        assert len(tombstones.of(session, [asked.statement.digest])) == 1
        assert len(session.scalars(select(LogLeaf).where(LogLeaf.kind == "erasure")).all()) == 1


def test_a_thread_nobody_knows_cannot_be_erased(rooms: Rooms) -> None:
    with pytest.raises(NotFoundError):
        rooms.erase(SHOUNING, "019ab000-0000-7000-8000-000000000001")


def test_an_answer_to_no_order_of_ours_is_rejected(town: Town, rooms: Rooms) -> None:
    asked = say(town, SHOUNING, QINGYUAN)
    town.settle()
    answer = {"erasure": "0" * 64, "erased_at": "2026-11-23T09:00:00.000+08:00", "statements": []}
    order(town, QINGYUAN, SHOUNING, asked, answer, kind="privacy.complied.v1")
    town.settle()

    assert reasons(town, SHOUNING, "privacy.complied.v1") == ["unknown-erasure"]


# Beside other workers ---------------------------------------------------------------------------------


on_postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
"""On SQLite one writes at a time, and nobody waits for another in a ring."""


def deliver(town: Town, author: str) -> None:
    """Send what waits at one node, and let nobody apply it."""
    node = town.nodes[author]
    while node.delivery.step(tuple(Lane), node.clock.now):
        pass


def once_after(node: Node, sql: str, work: Callable[[], object]) -> list[threading.Thread]:
    """Have another thread work as soon as this one has asked the database for something with `sql` in it."""
    started: list[threading.Thread] = []
    here = threading.get_ident()

    @event.listens_for(node.database.engine, "after_cursor_execute")
    def go(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if threading.get_ident() == here and sql in statement and not started:
            started.append(threading.current_thread())
            started[0] = beside(work, node.database)

    return started


def states(town: Town, code: str) -> set[str]:
    with town.nodes[code].database.read() as session:
        return set(session.scalars(select(StatementRow.state)))


@on_postgresql
@pytest.mark.parametrize(
    ("first", "then", "between"), [(Lane.CASE, Lane.CONTROL, "SKIP LOCKED"), (Lane.CONTROL, Lane.CASE, "advisory")]
)
def test_an_order_and_another_worker_at_a_statement_of_its_thread_do_not_wait_for_each_other(
    town: Town, rooms: Rooms, first: Lane, then: Lane, between: str
) -> None:
    asked = say(town, SHOUNING, QINGYUAN)
    thread = asked.statement.thread
    town.settle()
    say(town, SHOUNING, QINGYUAN, thread=thread)
    deliver(town, SHOUNING)
    rooms.erase(SHOUNING, thread)
    deliver(town, SHOUNING)

    node, now = town.nodes[QINGYUAN], town.clock.now()
    others = once_after(node, between, lambda: node.applier.step((then,), now))
    with capture_logs() as said:
        assert node.applier.step((first,), now)
        for other in others:
            other.join()
    assert (len(others), said) == (1, []), "nobody was put off"
    assert parts(town, QINGYUAN, thread) == [False, False]
    assert states(town, QINGYUAN) == {"applied"}
    town.settle()
    assert complied(town, rooms, SHOUNING, thread) == {QINGYUAN: 2}


def erased_in_two_threads_while_on_the_way(town: Town, rooms: Rooms, author: str, other: str) -> tuple[str, str]:
    """Let Shouning erase two threads with the other bureau, in each of which the author's latest word is on its way.

    The network holds both words back until it releases them.
    """
    one, two = (say(town, SHOUNING, QINGYUAN).statement.thread for _ in range(2))
    town.settle()
    town.network.keep_back = carries_persons
    for thread in (two, one):
        say(town, author, other, thread=thread)
    deliver(town, author)
    for thread in (one, two):
        rooms.erase(SHOUNING, thread)
    town.network.keep_back = None
    return one, two


@on_postgresql
def test_orders_for_two_threads_whose_latest_statements_both_wait_do_not_wait_for_each_other(
    town: Town, rooms: Rooms
) -> None:
    one, two = erased_in_two_threads_while_on_the_way(town, rooms, SHOUNING, QINGYUAN)
    deliver(town, SHOUNING)
    town.network.release()

    node, now = town.nodes[QINGYUAN], town.clock.now()
    others = once_after(node, "advisory", lambda: node.applier.step((Lane.CONTROL, Lane.CASE), now))
    with capture_logs() as said:
        assert node.applier.step((Lane.CONTROL, Lane.CASE), now)
        for other in others:
            other.join()
    assert (len(others), said) == (1, [])
    town.settle()
    for thread in (one, two):
        assert parts(town, QINGYUAN, thread) == [False, False]
        assert complied(town, rooms, SHOUNING, thread) == {QINGYUAN: 2}


@on_postgresql
def test_an_officer_erases_while_a_worker_wakes_what_waited_in_the_thread(town: Town, rooms: Rooms) -> None:
    told = say(town, SHOUNING, QINGYUAN, JINGNING)
    thread = told.statement.thread
    town.settle()
    node, now = town.nodes[JINGNING], town.clock.now()
    waits = say(town, SHOUNING, JINGNING, thread=thread).statement.digest
    grows = say(town, QINGYUAN, JINGNING, thread=thread).statement.digest
    concerned: list[str] = []
    others: list[threading.Thread] = []

    def handle(_: Session, arrived: Stored, __: datetime) -> None:
        if arrived.statement.digest == waits and not others:
            raise Park("the other one")
        if arrived.statement.digest == grows:
            others.append(beside(lambda: concerned.extend(rooms.erase(JINGNING, thread)), node.database))

    node.handlers["lead.requested.v1"] = handle
    deliver(town, SHOUNING)
    assert node.applier.step((Lane.CASE,), now)
    assert states(town, JINGNING) == {"applied", "parked"}
    deliver(town, QINGYUAN)
    with capture_logs() as said:
        assert node.applier.step((Lane.CASE,), now)
        others[0].join()
    assert said == []
    assert concerned == [told.statement.digest, waits, grows]
    assert parts(town, JINGNING, thread) == [False, False, False]
    town.settle()
    assert states(town, JINGNING) == {"applied"}


@on_postgresql
def test_what_came_late_is_erased_while_an_operator_has_all_that_was_set_aside_tried_again(
    town: Town, rooms: Rooms
) -> None:
    one, two = erased_in_two_threads_while_on_the_way(town, rooms, QINGYUAN, SHOUNING)
    town.network.release()
    node, now, retried = town.nodes[SHOUNING], town.clock.now(), []

    def wait(*_: object) -> None:
        raise Park("somebody")

    def retry() -> None:
        with node.database.begin() as session:
            retried.append(node.applier.retry(session))

    node.handlers["lead.requested.v1"] = wait
    while node.applier.step((Lane.CASE,), now):
        pass
    assert states(town, SHOUNING) == {"applied", "parked"}

    others = once_after(node, "FOR UPDATE", retry)
    with capture_logs() as said:
        with node.database.begin() as session:
            assert rooms.at[SHOUNING].erase_latecomers(session, now) == 2
        others[0].join()
    assert (retried, said) == ([2], []), "nobody was put off"
    assert [parts(town, SHOUNING, thread) for thread in (one, two)] == [[False, False]] * 2
    assert states(town, SHOUNING) == {"applied", "pending"}
