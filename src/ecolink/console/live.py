"""What changed, told to every open page: the red strip, the counts, and which lists and boards to look at anew.

Once a second, while anybody looks, each process asks the database how things stand and compares. So it does not matter
who changed something, in which process, or whether a page was away: what a page is sent is how things stand, never what
happened. It is rendered once for all who see the same, and only what changed is sent.

A page knows the marks of its topics from before its content was read, and is sent those that hold now: it asks anew for
each that differs. So nothing is missed between the reading and the opening of the stream, nor while a line was cut.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2s
from threading import RLock
from typing import TYPE_CHECKING, Final

import orjson
from fastapi.sse import ServerSentEvent
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from ecolink.console import rendering
from ecolink.console.language import Language
from ecolink.errors import UnauthenticatedError, UnavailableError
from ecolink.exchanges.emergencies.shown import EmergencyLineOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.kit.clock import Clock
from ecolink.kit.events import structlog
from ecolink.storage.engine import Database

if TYPE_CHECKING:
    from ecolink.console.page import Page

LOOK_EVERY_S: Final = 1.0
FRESH: Final = timedelta(seconds=1)
"""A page that is being made may show what was seen so long ago."""
BEAT_EVERY: Final = timedelta(seconds=5)
"""How often a stream says that it is alive: a page that hears nothing shows that it may be out of date."""
PROVE_EVERY: Final = timedelta(seconds=20)
"""How often an open stream asks whether its login is still good; a revoked one is dead within a minute."""

_log = structlog.get_logger(__name__)

Recognise = Callable[[datetime], Principal]
"""Return who is logged in with the browser a stream goes to, or raise `UnauthenticatedError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgent:
    """An emergency that waits for our signature."""

    line: EmergencyLineOut
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How things stood at one look."""

    at: datetime
    urgent: Sequence[Urgent] = ()
    """Real ones first."""
    counts: Mapping[str, int] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    """By topic (`leads`, `emergency-ID` …) something that differs whenever the topic changed."""

    def differs_from(self, before: "Sight") -> bool:
        """Tell whether anything is not as it was."""
        return replace(self, at=before.at) != before


Look = Callable[[Session, datetime], Sight]


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """What makes two people see the same."""

    language: Language
    emergencies: bool
    """Whether they may read emergencies."""
    signs: bool
    """Whether they may sign for one."""

    @classmethod
    def of(cls, by: Principal, language: Language) -> "Viewpoint":
        """Return the viewpoint of somebody who reads in `language`."""
        return cls(language, by.may(Permission.EMERGENCY_READ), by.may(Permission.EMERGENCY_ACKNOWLEDGE))


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody sees of a sight."""

    strip: str
    """HTML."""
    counts: Mapping[str, int]
    marks: Mapping[str, str]
    """By topic something short that differs whenever the topic changed; the same in every process of a node."""

    def since(self, before: "Shown | None") -> bytes:
        """Return what differs from `before` as JSON; empty where nothing does."""
        told: dict[str, object] = {}
        if before is None or before.strip != self.strip:
            told["strip"] = self.strip
        if before is None or before.counts != self.counts:
            told["counts"] = dict(self.counts)
        if before is None or before.marks != self.marks:
            told["marks"] = dict(self.marks)
        return orjson.dumps(told) if told else b""


class Live:
    """Looks, and tells the streams of this process. Belongs to one event loop once the first stream is open."""

    def __init__(self, database: Database, clock: Clock, look: Look) -> None:
        """Look at nothing yet."""
        self._database = database
        self._clock = clock
        self._look = look
        self._lock = RLock()
        self._sight: Sight | None = None
        self._shown: dict[Viewpoint, Shown] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._streams = 0
        self._turn = asyncio.Condition()

    @property
    def marks(self) -> Mapping[str, str]:
        """The marks of the last look, however old: what is read after asking for them is no older than they say."""
        return self._sight.marks if self._sight else {}

    def shown_to(self, page: "Page") -> Shown:
        """Return what the person who asks for `page` sees; a second old at most."""
        by = page.by
        if by is None:
            return Shown("", {}, {})
        return self._seen_from(Viewpoint.of(by, page.language), page.now)

    async def stream(self, by: Principal, language: Language, recognise: Recognise) -> AsyncIterator[ServerSentEvent]:
        """Send how things stand, then each change, until the login ends or the page goes away."""
        viewpoint = Viewpoint.of(by, language)
        before: Shown | None = None
        proven_at = beat_at = self._clock.now()
        self._attend()
        try:
            while True:
                now = self._clock.now()
                if now - proven_at >= PROVE_EVERY:
                    if not await run_in_threadpool(_is_still, by, recognise, now):
                        yield ServerSentEvent(event="ended", raw_data="{}")
                        return
                    proven_at = now
                try:
                    shown = self._shown.get(viewpoint)
                    if shown is None:
                        shown = await run_in_threadpool(self._seen_from, viewpoint, now)
                except UnavailableError:  # no beat follows, by which the page knows that it may be out of date
                    await self._next_turn()
                    continue
                if shown is not before:
                    if told := shown.since(before):
                        yield ServerSentEvent(event="stand", raw_data=told.decode())
                    before = shown
                if now >= beat_at:
                    yield ServerSentEvent(event="beat", raw_data="{}")
                    beat_at = now + BEAT_EVERY
                await self._next_turn()
        finally:
            self._leave()

    def _seen_from(self, viewpoint: Viewpoint, now: datetime) -> Shown:
        """Return what is seen from a viewpoint; looks where nobody has just now."""
        with self._lock:
            sight = self._sight
            if sight is None or not timedelta(0) <= now - sight.at < FRESH:
                sight = self._look_anew(now)
            if viewpoint not in self._shown:
                self._shown[viewpoint] = _show(sight, viewpoint)
            return self._shown[viewpoint]

    def _look_anew(self, now: datetime) -> Sight:
        """Look, and forget what was rendered of the last look if anything changed since."""
        with self._lock:
            with self._database.read() as session:
                seen = self._look(session, now)
            seen = replace(seen, marks={topic: _short(mark) for topic, mark in seen.marks.items()})
            if self._sight is None or seen.differs_from(self._sight):
                self._shown = {}
            self._sight = seen
            return seen

    def _attend(self) -> None:
        self._streams += 1
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.get_running_loop().create_task(self._watch())

    def _leave(self) -> None:
        self._streams -= 1
        if self._streams == 0 and self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    async def _watch(self) -> None:
        """Look once a second, and have every stream see it."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            with suppress(UnavailableError):
                await run_in_threadpool(self._look_anew, self._clock.now())
            async with self._turn:
                self._turn.notify_all()

    async def _next_turn(self) -> None:
        async with self._turn:
            await self._turn.wait()


def _short(mark: str) -> str:
    return blake2s(mark.encode(), digest_size=6).hexdigest()


def _is_still(by: Principal, recognise: Recognise, now: datetime) -> bool:
    """Tell whether the login is good and still that of the same person with the same roles."""
    try:
        present = recognise(now)
    except UnauthenticatedError:
        return False
    except UnavailableError:
        return True
    return (present.id, present.roles) == (by.id, by.roles)


def _show(sight: Sight, viewpoint: Viewpoint) -> Shown:
    if not viewpoint.emergencies:
        return Shown("", sight.counts, sight.marks)
    strip = rendering.render(
        "parts/strip.html",
        {"urgent": sight.urgent, "language": viewpoint.language, "signs": viewpoint.signs, "now": sight.at},
    )
    return Shown(strip, sight.counts, sight.marks)
