"""What may be kept no longer leaves a node by itself: neither before its time, nor from under people's hands."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from ecolink.audit import tombstones
from ecolink.audit.access_models import AccessRow
from ecolink.entrypoints.wiring import Node
from ecolink.federation import retention
from ecolink.federation.erasure import Erasure
from ecolink.federation.evidence import EvidenceDesk
from ecolink.federation.models import PeerRow, StatementRow
from ecolink.federation.retention import Retention
from ecolink.protocol import evidence
from ecolink.protocol.evidence import Trust
from ecolink.protocol.statement import Lane
from tests.support.crossing import beside
from tests.support.notes import NOTE, Notebook
from tests.support.town import QINGYUAN, SHOUNING, Town

YEAR = timedelta(days=365)
DAY = timedelta(days=1)
PERSON = {"persons": [{"ref": "P1", "name": "林大山"}]}


class Keeper:
    """The retention of one node, and a room that says which matters go on."""

    def __init__(self, town: Town, node: Node) -> None:
        self.town, self.node = town, node
        self.under_way: set[str] = set()
        self.told: list[str] = []
        erasure = Erasure(node.us, node.log, node.access, node.outbox, [lambda _, thread, __: self.told.append(thread)])
        self.retention = Retention(node.database, erasure, [self._is_under_way])

    def step(self) -> int:
        return self.retention.step(self.town.clock.now())

    def held(self, thread: str) -> list[bool]:
        """Tell of each statement of a thread with a private part whether the part is still there."""
        with self.node.database.read() as session:
            rows = session.scalars(
                select(StatementRow)
                .where(StatementRow.thread == thread, StatementRow.private_digest.is_not(None))
                .order_by(StatementRow.n)
            ).all()
            return [row.private is not None for row in rows]

    def _is_under_way(self, _: Session, thread: str, now: datetime) -> bool:
        assert now == self.town.clock.now()
        return thread in self.under_way


@pytest.fixture
def keeper(town: Town, shouning: Notebook, qingyuan: Notebook) -> Iterator[Keeper]:
    return Keeper(town, town.nodes[SHOUNING])


def told(town: Town, notebook: Notebook, to: str, keep: timedelta, **members: Any) -> str:
    """Tell something about a person that may be kept for `keep`; return the thread."""
    members.setdefault("private", PERSON)
    sent = notebook.send("about a person", to, retain_until=town.clock.now() + keep, **members)
    town.settle()
    return sent.statement.thread


def test_nothing_is_erased_before_its_time_and_everything_at_it(town: Town, shouning: Notebook, keeper: Keeper) -> None:
    thread = told(town, shouning, QINGYUAN, YEAR)

    town.clock.advance(YEAR - timedelta(seconds=1))
    assert (keeper.step(), keeper.held(thread)) == (0, [True])
    town.clock.advance(timedelta(seconds=1))
    assert (keeper.step(), keeper.held(thread)) == (1, [False])
    assert keeper.told == [thread], "the rooms drop what they keep beside it"
    assert keeper.step() == 0


def test_each_bureau_keeps_what_it_was_told_for_as_long_as_its_author_said(
    town: Town, shouning: Notebook, qingyuan: Notebook, keeper: Keeper
) -> None:
    told_by_us = told(town, shouning, QINGYUAN, YEAR)
    told_to_us = told(town, qingyuan, SHOUNING, 2 * YEAR)
    calls = len(town.network.calls)

    town.clock.advance(YEAR)
    keeper.step()
    town.settle()
    assert (keeper.held(told_by_us), keeper.held(told_to_us)) == ([False], [True])
    assert Keeper(town, town.nodes[QINGYUAN]).held(told_by_us) == [True], "its own clock erases there"
    assert len(town.network.calls) == calls, "nobody is told: every statement says it already"
    town.clock.advance(YEAR)
    keeper.step()
    assert keeper.held(told_to_us) == [False]


def test_of_one_thread_only_what_is_over_goes(town: Town, shouning: Notebook, keeper: Keeper) -> None:
    thread = told(town, shouning, QINGYUAN, YEAR)
    told(town, shouning, QINGYUAN, 2 * YEAR, thread=thread)

    town.clock.advance(YEAR)
    keeper.step()
    assert keeper.held(thread) == [False, True]


def test_a_matter_under_way_keeps_its_persons_until_it_ends(town: Town, shouning: Notebook, keeper: Keeper) -> None:
    going_on, over = told(town, shouning, QINGYUAN, YEAR), told(town, shouning, QINGYUAN, YEAR)
    keeper.under_way.add(going_on)

    town.clock.advance(3 * YEAR)
    keeper.step()
    assert (keeper.held(going_on), keeper.held(over)) == ([True], [False])
    keeper.under_way.clear()
    keeper.step()
    assert keeper.held(going_on) == [False]


def test_who_erased_and_why_stands_in_the_access_log_and_on_a_tombstone(
    town: Town, shouning: Notebook, keeper: Keeper
) -> None:
    thread = told(town, shouning, QINGYUAN, YEAR)
    town.clock.advance(YEAR)
    keeper.step()

    with keeper.node.database.read() as session:
        entry = session.scalars(select(AccessRow).where(AccessRow.action == "erase")).one()
        digest = session.scalars(select(StatementRow.digest).where(StatementRow.thread == thread)).one()
        grave = tombstones.of(session, [digest])[digest].document
        assert keeper.node.access.verify(session).fault is None
    assert (entry.actor, entry.role, entry.object_id) == ("retention", "node", thread)
    assert (entry.reason, entry.details["statements"]) == ("retention-over", "1")
    assert (grave["by"], grave["reason"]) == ("retention", "retention-over")


def test_what_was_said_still_verifies_as_lawfully_erased(town: Town, shouning: Notebook, keeper: Keeper) -> None:
    thread = told(town, shouning, QINGYUAN, YEAR)
    town.clock.advance(YEAR)
    keeper.step()

    node = keeper.node
    desk = EvidenceDesk(node.us, node.database, node.keystore, node.signer, node.log)
    raw = desk.export(thread, town.clock.now())
    report = evidence.verify(raw, Trust.given([each.card(town.clock.now()) for each in town.nodes.values()]))
    assert report.ok, report.first_wrong
    (note,) = [finding for finding in report.findings if finding.code == "lawfully-erased"]
    assert "retention" in note.detail_en
    assert "林大山" not in raw.decode()


def test_the_clock_goes_round_in_bounded_steps_and_misses_nothing(
    town: Town, shouning: Notebook, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOOKED_AT", 4)
    monkeypatch.setattr(retention, "MOST_FOUND", 2)
    threads = [told(town, shouning, QINGYUAN, YEAR) for _ in range(7)]
    keeper.under_way.add(threads[0])
    town.clock.advance(YEAR)

    erased = [keeper.step() for _ in range(4)]
    assert sum(erased) == 6
    assert max(erased) == 2
    assert keeper.held(threads[0]) == [True]
    keeper.under_way.clear()
    assert sum(keeper.step() for _ in range(4)) == 1, "it comes round again"


def test_two_processes_that_erase_the_same_erase_it_once(town: Town, shouning: Notebook, keeper: Keeper) -> None:
    thread = told(town, shouning, QINGYUAN, YEAR)
    town.clock.advance(YEAR)
    other = Keeper(town, keeper.node)

    late = other.retention._over(town.clock.now())
    assert (late, keeper.step()) == ([thread], 1)
    with keeper.node.database.begin() as session:
        assert other.retention.erasure.expire(session, thread, now=town.clock.now()) == 0
    with keeper.node.database.read() as session:
        assert len(session.scalars(select(AccessRow).where(AccessRow.action == "erase")).all()) == 1


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_clock_and_a_worker_in_one_thread_do_not_wait_for_each_other_where_a_room_locks_its_row_to_answer(
    town: Town, shouning: Notebook, qingyuan: Notebook
) -> None:
    node, others = town.nodes[QINGYUAN], []
    keeper = Keeper(town, node)

    def lock(session: Session) -> None:
        session.get_one(PeerRow, SHOUNING, with_for_update=True)

    def is_under_way(session: Session, *_: object) -> bool:
        lock(session)
        return False

    def apply(session: Session, *_: object) -> None:
        others.append(beside(keeper.step, node.database))
        lock(session)

    keeper.retention.rooms = [is_under_way]
    thread = told(town, shouning, QINGYUAN, YEAR)
    town.clock.advance(YEAR - DAY)
    node.handlers[NOTE] = apply
    shouning.send("and more of it", QINGYUAN, thread=thread, retain_until=town.clock.now() + DAY, private=PERSON)
    town.nodes[SHOUNING].delivery.step((Lane.CASE,), town.clock.now)
    town.clock.advance(DAY)
    with capture_logs() as said:
        assert node.applier.step((Lane.CASE,), town.clock.now())
        others[0].join()
    assert said == [], "nobody was put off"
    assert keeper.held(thread) == [False, False]
