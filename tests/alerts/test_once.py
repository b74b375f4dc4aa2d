"""Whoever is killed over it, and however many watch: each step is taken once, and signing and telling never part."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest

from ecolink.alerts import escalation
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.emergencies.models import Answer
from tests.alerts.watchroom import MINUTE, Watchroom
from tests.support.plans import plans
from tests.support.town import QINGYUAN, SHOUNING, Killed, Town


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_node_killed_at_any_statement_of_its_steps_tells_everybody_once_at_each(town: Town) -> None:
    Watchroom(town.nodes[SHOUNING]).raise_emergency()
    town.settle()
    room = Watchroom.staffed(town.nodes[QINGYUAN])
    killed = 0
    for minute in range(0, 35, 5):
        for statements in (minute, minute + 1, minute + 2, minute + 17):
            town.doom(QINGYUAN, statements)
            try:
                town.nodes[QINGYUAN].escalate(town.clock.now())
            except Killed:
                killed += 1
            room.node = town.revive(QINGYUAN)
        room.escalate()
        town.clock.advance(5 * MINUTE)
    assert killed > 10
    alert = room.alert()
    steps = room.told(alert)
    assert [step.number for step in room.steps(alert)] == list(range(1, len(steps) + 1))
    assert [(at, kind) for at, kind, _ in steps].count((30, "escalation")) == 1
    assert len({(at, kind) for at, kind, _ in steps}) == len(steps) == 10
    posted = [(each.step, each.account_id) for each in room.dispatches(alert)]
    assert len(posted) == len(set(posted)) == sum(len(told) for _, _, told in steps)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_node_killed_at_any_statement_of_signing_has_signed_and_acknowledged_or_neither(town: Town) -> None:
    emergency = Watchroom(town.nodes[SHOUNING]).raise_emergency()
    town.wait(timedelta())
    room = Watchroom.staffed(town.nodes[QINGYUAN])
    statements = 0
    while room.alert().state == "open":
        town.doom(QINGYUAN, statements)
        with suppress(Killed):
            room.acknowledge(room.alert(), "lin", decision="noted")
        room.node = town.revive(QINGYUAN)
        with room.node.database.read() as session:
            signed = session.get(Answer, (emergency, QINGYUAN)) is not None
        assert signed is (room.alert().state == "acknowledged")
        statements += 1
    assert statements > 10


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_two_processes_that_escalate_at_once_share_the_work_and_take_each_step_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(escalation, "AT_ONCE", 1)
    room = Watchroom.staffed(town.nodes[QINGYUAN])
    shouning = Watchroom(town.nodes[SHOUNING])
    for number in range(6):
        shouning.raise_emergency(title=f"火情{number}", confirm=f"火情{number}")
    town.settle()
    twin = town.build(QINGYUAN, room.node.settings.database_url)

    def work(process: Node) -> None:
        for _ in range(12):
            process.escalate(town.clock.now())

    for _ in range(3):
        with ThreadPoolExecutor(2) as both:
            list(both.map(work, (room.node, twin)))
        town.clock.advance(5 * MINUTE)
    room.node.close()
    room.node = twin
    for alert in room.alerts("emergency"):
        assert [(at, kind) for at, kind, _ in room.told(alert)] == [
            (0, "new"),
            (5, "repeat"),
            (10, "escalation"),
            (10, "repeat"),
        ]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_whoever_signs_while_a_step_is_being_taken_ends_it_and_nobody_waits_for_ever(town: Town) -> None:
    room = Watchroom.staffed(town.nodes[QINGYUAN])
    shouning = Watchroom(town.nodes[SHOUNING])
    for round_ in range(4):
        shouning.raise_emergency(title=f"火情{round_}", confirm=f"火情{round_}")
        town.settle()
        alert = room.alerts("emergency")[-1]
        with ThreadPoolExecutor(2) as both:
            stepping = both.submit(room.escalate)
            signing = both.submit(room.acknowledge, alert, "lin", decision="noted")
            stepping.result(30)
            signing.result(30)
        town.clock.advance(10 * MINUTE)
        room.escalate()
        assert [at for at, _, _ in room.told(alert) if at > 0] == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_watch_finds_what_is_due_and_nothing_else_by_its_index(town: Town) -> None:
    room = Watchroom.staffed(town.nodes[QINGYUAN])
    Watchroom(town.nodes[SHOUNING]).raise_emergency()
    town.settle()
    with plans(room.node.database.engine) as found:
        room.escalate()
    steps = [step for plan in found for step in plan.steps if "alerts" in step]
    assert steps
    assert not [step for step in steps if step.startswith("SCAN alerts") and "ix_alerts_next" not in step]
