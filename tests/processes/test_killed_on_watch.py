"""Processes killed while obligations fall due: everybody is told once all the same, and the partner hears once."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random

import pytest

from ecolink.cadence.calendars import china_day
from ecolink.cadence.periods import Period
from ecolink.cadence.terms_file import write
from ecolink.configuration import load
from ecolink.entrypoints.demo.clock import PlayClock
from ecolink.entrypoints.wiring import build_node
from ecolink.kit.times import CHINA
from tests.entrypoints.processes import Process, Program
from tests.exchanges.obligations.covenant import picture, sayings, told
from tests.processes.bureau import Bureau, wait_until
from tests.support.agreements import CODE, LIAISON, terms
from tests.support.town import QINGYUAN, SHOUNING

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

LEVELS = [(1, "deputy"), (3, "head"), (5, "chief")]
DUTY = {**LIAISON, "working_day": "as-is", "escalate": [{"after_days": days, "to": to} for days, to in LEVELS]}
STEPS = ["remind-7", "remind-3", "remind-0", "escalate-1", "escalate-3", "escalate-5"]


@dataclass
class Crew:
    """What runs for a node: whatever dies is started again, as its supervisor would; each is to die at some moment."""

    bureau: Bureau
    clock: PlayClock
    commands: list[tuple[str, ...]]
    random: Random
    running: ExitStack
    members: list[tuple[tuple[str, ...], Process]] = field(default_factory=list)
    deaths: int = 0

    def start(self) -> None:
        for command in self.commands:
            self.members.append((command, self._begin(command)))

    def look(self) -> None:
        """Start again what died."""
        for place, (command, process) in enumerate(self.members):
            if process.running.poll() is not None:
                self.deaths += 1
                self.members[place] = (command, self._begin(command))

    def _begin(self, command: tuple[str, ...]) -> Process:
        moment = self.random.randint(0, 40)
        program: Program = (sys.executable, Path(__file__).with_name("mortal.py"), self.clock.file, f"{moment}")
        return self.running.enter_context(self.bureau.process(*command, program=program))


@pytest.fixture
def crews(bureaus: tuple[Bureau, Bureau], backend: str, tmp_path: Path) -> Iterator[tuple[Crew, Crew]]:
    """On PostgreSQL three workers beside what serves, on SQLite one process that does both: at each of two bureaus."""
    clock, random = PlayClock.at_present(tmp_path / "clock"), Random(151)  # noqa: S311 - when processes die
    commands: list[tuple[str, ...]] = (
        [("serve",)] if backend == "sqlite" else [("serve", "--no-worker"), *[("worker",)] * 3]
    )
    with ExitStack() as running:
        shouning, qingyuan = (Crew(bureau, clock, commands, random, running) for bureau in bureaus)
        shouning.start()
        qingyuan.start()
        yield shouning, qingyuan


def at(crews: tuple[Crew, Crew], moment: datetime) -> None:
    """Let it be another moment for everybody; the logins of an hour ago are over."""
    crews[0].clock.move_to(moment)
    for crew in crews:
        crew.bureau.token = ""


def conclude(crews: tuple[Crew, Crew]) -> date:
    """Let both sign that they contact each other every month, and return when the first contact is due."""
    here, there = (crew.bureau for crew in crews)
    now = crews[0].clock.now()
    year = timedelta(days=365)
    wanted = terms(valid_from=f"{china_day(now)}", valid_until=f"{china_day(now + 2 * year)}", duties=[DUTY])
    here.call("POST", "/agreements", {"text": write(wanted)})
    wait_until(lambda: there.call("GET", "/agreements")["items"] != [])
    there.call("POST", f"/agreements/{CODE}/proposals/{wanted.digest()}/sign")
    wait_until(lambda: here.call("GET", "/obligations")["items"] != [])
    return Period.containing(china_day(now), "month").next().last


def test_whoever_is_killed_while_things_fall_due_everybody_is_told_once(crews: tuple[Crew, Crew]) -> None:
    due = conclude(crews)
    key = f"{CODE}/liaison/{Period.containing(due, 'month').label}"

    def has_told(crew: Crew, step: str) -> bool:
        for each in crews:
            each.look()
        shown = crew.bureau.call("GET", f"/obligations/{key}")
        heard = {word["author"]["unit_code"] for word in shown["lateness"]}
        late = step.startswith("escalate")
        return step in [notice["step"] for notice in shown["notices"]] and (not late or heard == {SHOUNING, QINGYUAN})

    for days, step in zip((-7, -3, 0, 1, 3, 5), STEPS, strict=True):
        at(crews, datetime.combine(due + timedelta(days=days), time(9, 1, tzinfo=CHINA)))
        for crew in crews:
            wait_until(lambda: has_told(crew, step))  # noqa: B023 - asked at once
    for crew in crews:
        crew.look()
        assert crew.deaths >= 3
        wait_until(lambda: crew.bureau.waiting() == 0)  # noqa: B023
        assert crew.bureau.faults() == []
        for _, process in crew.members:
            process.stop()

    seen = [look_at(crew.bureau, key) for crew in crews]
    assert seen[0] == seen[1]


def look_at(bureau: Bureau, key: str) -> list[tuple[object, ...]]:
    """Hold a node's books to what had to be told, and return what both sides must agree on."""
    node = build_node(load(bureau.config), PlayClock(bureau.config))
    try:
        roles = ["liaison_officer"] * 3 + [to for _, to in LEVELS]
        assert told(node, key) == [(step, role, "open") for step, role in zip(STEPS, roles, strict=True)]
        assert [sayings(node, author) for author in (SHOUNING, QINGYUAN)] == [1, 1]
        return picture(node)
    finally:
        node.close()
