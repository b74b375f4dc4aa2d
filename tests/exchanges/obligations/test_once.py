"""Whoever is killed over it, and however many watch: everybody is told once, and the partner hears once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.obligations import watch
from ecolink.exchanges.obligations.models import LatenessNotice, Notice
from tests.exchanges.obligations.covenant import (
    DECEMBER,
    lateness,
    live_until,
    obligation,
    picture,
    room,
    sayings,
    told,
)
from tests.exchanges.obligations.test_waivers import answer, propose
from tests.exchanges.test_giving_back import bring_back
from tests.federation.backups import back_up
from tests.support.agreements import LIAISON, conclude, terms
from tests.support.town import QINGYUAN, SHOUNING, Killed, Town

DAILY = {
    **LIAISON,
    "remind_days": [7, 6, 5, 4, 3, 2, 1, 0],
    "escalate": [{"after_days": days, "to": "deputy"} for days in range(1, 11)],
}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_node_killed_at_any_statement_of_its_watch_loses_nothing_and_doubles_nothing(town: Town) -> None:
    conclude(town, terms(valid_from="2026-12-01", duties=[DAILY]))
    town.wait(timedelta(days=29))
    killed = 0
    for day in range(19):
        town.clock.advance(timedelta(days=1))
        for statements in (day, day + 19):
            town.doom(SHOUNING, statements)
            try:
                town.nodes[SHOUNING].tick(town.clock.now())
            except Killed:
                killed += 1
            with suppress(Killed):
                town.settle()
            town.revive(SHOUNING)
        for node in town.nodes.values():
            node.tick(town.clock.now())
        town.settle()
    assert killed > 19
    steps = [*(f"remind-{days}" for days in range(7, -1, -1)), *(f"escalate-{days}" for days in range(1, 11))]
    for node in town.nodes.values():
        assert [(step, state) for step, _, state in told(node, DECEMBER)] == [(step, "open") for step in steps]
        assert [sayings(node, author) for author in (SHOUNING, QINGYUAN)] == [1, 1]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_two_processes_that_watch_at_once_share_the_work_and_do_each_thing_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "AT_ONCE", 1)
    conclude(town, terms(valid_from="2026-12-01"))
    node = town.nodes[SHOUNING]
    twin = town.build(SHOUNING, node.settings.database_url)
    town.clock.advance(timedelta(days=230))

    def work(process: Node) -> None:
        for _ in range(30):
            process.tick(town.clock.now())

    with ThreadPoolExecutor(2) as both:
        list(both.map(work, (node, twin)))
    node.close()
    with twin.database.read() as session:
        late = session.scalars(select(LatenessNotice.key).where(LatenessNotice.author == SHOUNING)).all()
        open_ones = session.scalars(
            select(Notice.subject).where(Notice.state == "open", Notice.step.startswith("escalate"))
        ).all()
    assert len(late) == sayings(twin, SHOUNING) == 7
    assert sorted(open_ones) == sorted(late)


def test_a_node_come_back_from_a_backup_knows_what_it_said_and_does_not_say_it_again(
    town: Town, new_database_url: Callable[[], str]
) -> None:
    conclude(town, terms(valid_from="2026-12-01"))
    town.wait(timedelta(days=25))
    shouning, qingyuan = _pair(town)
    url = back_up(shouning, new_database_url)
    live_until(town, date(2027, 1, 2))
    waiver = propose(shouning)
    town.settle()
    answer(qingyuan, "accept", waiver)
    town.settle()
    before = [picture(node) for node in (shouning, qingyuan)]
    said = lateness(shouning, DECEMBER)[SHOUNING].digest

    restored = bring_back(town, shouning, url)
    town.wait(timedelta(days=1))
    assert [picture(node) for node in (restored, qingyuan)] == before
    assert obligation(restored, DECEMBER).state == "waived"
    assert lateness(qingyuan, DECEMBER)[SHOUNING].digest == said
    with restored.database.read() as session:
        (shown,) = room(restored).views.show(session, room(restored).book.find(session, DECEMBER)).waivers
    assert [word.word for word in shown.words] == ["proposed", "accepted"]


def _pair(town: Town) -> Sequence[Node]:
    return town.nodes[SHOUNING], town.nodes[QINGYUAN]
