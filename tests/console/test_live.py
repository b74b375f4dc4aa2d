"""What every page shows above itself, and that it is told within a second or so."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import orjson
import pytest
from fastapi.sse import ServerSentEvent
from sqlalchemy.orm import Session

from ecolink.console import live as live_module
from ecolink.console.language import Language
from ecolink.console.live import Live, Sight
from ecolink.console.sights import Sights
from ecolink.errors import UnauthenticatedError, UnavailableError
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.kit.clock import HandClock
from ecolink.storage.engine import Database
from tests.support.agreements import Chief, terms
from tests.support.console import Reception
from tests.support.town import ALL_LANES, QINGYUAN, SHOUNING, START, Town

OFFICER = Principal(id="1", username="chen", name="Chen", roles=frozenset({Role.OFFICER}))


class World:
    """What a look finds, changed by hand."""

    def __init__(self) -> None:
        self.clock = HandClock(START)
        self.counts = {"leads_overdue": 0}
        self.marks = {"leads": "1"}
        self.looks = 0
        self.fails = False
        self.is_good = True

    def look(self, _: Session, now: datetime) -> Sight:
        self.looks += 1
        if self.fails:
            raise UnavailableError("gone", "不可用")
        return Sight(at=now, counts=dict(self.counts), marks=dict(self.marks))

    def recognise(self, _: datetime) -> Principal:
        if not self.is_good:
            raise UnauthenticatedError("ended", "已结束")
        return OFFICER


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(live_module, "LOOK_EVERY_S", 0.005)
    return World()


async def heard(events: AsyncIterator[ServerSentEvent], kind: str) -> dict[str, object]:
    async with asyncio.timeout(10):
        async for event in events:
            if event.event == kind:
                return dict(orjson.loads(event.raw_data or ""))
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_stream_tells_first_how_things_stand_and_then_only_what_changed(world: World, database: Database):
    async def run() -> None:
        live = Live(database, world.clock, world.look)
        events = live.stream(OFFICER, Language.CHINESE, world.recognise)
        first = await heard(events, "stand")
        assert first == {"strip": "", "counts": {"leads_overdue": 0}, "marks": dict(live.marks)}
        world.marks = {"leads": "1", "bulletins": "1"}
        world.clock.advance(timedelta(seconds=1))
        told = await heard(events, "stand")
        assert told == {"marks": dict(live.marks)}
        assert {*live.marks} == {"leads", "bulletins"}
        assert live.marks["leads"] == first["marks"]["leads"]
        world.counts = {"leads_overdue": 3}
        world.clock.advance(timedelta(seconds=1))
        assert await heard(events, "stand") == {"counts": {"leads_overdue": 3}}
        await events.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_database_that_is_away_for_a_while_ends_no_stream(world: World, database: Database):
    async def run() -> None:
        live = Live(database, world.clock, world.look)
        events = live.stream(OFFICER, Language.CHINESE, world.recognise)
        await heard(events, "stand")
        world.fails = True
        looks = world.looks
        while world.looks < looks + 3:
            world.clock.advance(timedelta(seconds=1))
            await asyncio.sleep(0.005)
        world.fails = False
        world.counts = {"leads_overdue": 1}
        world.clock.advance(timedelta(seconds=1))
        assert await heard(events, "stand") == {"counts": {"leads_overdue": 1}}
        await events.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_stream_of_a_login_that_ended_ends_within_a_minute(world: World, database: Database):
    async def run() -> None:
        live = Live(database, world.clock, world.look)
        events = live.stream(OFFICER, Language.CHINESE, world.recognise)
        await heard(events, "stand")
        world.is_good = False
        world.clock.advance(timedelta(seconds=20))
        assert await heard(events, "ended") == {}
        assert [event async for event in events] == []

    asyncio.run(run())


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_however_many_look_the_database_is_asked_once_a_turn(world: World, database: Database):
    async def run() -> None:
        live = Live(database, world.clock, world.look)
        streams = [live.stream(OFFICER, Language.CHINESE, world.recognise) for _ in range(50)]
        await asyncio.gather(*(heard(events, "stand") for events in streams))
        looks = world.looks
        world.counts = {"leads_overdue": 7}
        world.clock.advance(timedelta(seconds=2))
        told = await asyncio.gather(*(heard(events, "stand") for events in streams))
        assert told == [{"counts": {"leads_overdue": 7}}] * len(streams)
        assert world.looks - looks < len(streams) / 2
        for events in streams:
            await events.aclose()

    asyncio.run(run())


@pytest.mark.by_turns
def test_a_page_knows_the_marks_of_before_its_content_was_read(reception: Reception, town: Town):
    """What changes between the two differs from the marks that hold when the page's stream opens."""
    officer = reception.signed_in(Role.OFFICER)
    officer.get("/leads")
    before = seen(officer.get("/leads").text)
    Chief(reception.node).propose(terms())
    town.clock.advance(timedelta(seconds=5))

    assert seen(officer.get("/leads").text) == before
    assert seen(officer.get("/leads").text)["anything"] != before["anything"]


def seen(page: str) -> dict[str, str]:
    found = re.search("data-seen='([^']*)'", page)
    assert found
    return dict(orjson.loads(found[1]))


@pytest.mark.by_turns
def test_what_came_in_is_told_of_once_more_when_it_is_applied(town: Town):
    """A page that asked in between would show for ever what stood before."""
    node = town.nodes[QINGYUAN]

    def anything() -> str:
        with node.database.read() as session:
            return Sights(node.rooms).look(session, town.clock.now()).marks["anything"]

    seen = [anything()]
    Chief(town.nodes[SHOUNING]).propose(terms())
    town.nodes[SHOUNING].delivery.step(ALL_LANES, town.clock.now)
    seen.append(anything())
    node.applier.step(ALL_LANES, town.clock.now())
    seen.append(anything())
    assert len({*seen}) == len(seen)
