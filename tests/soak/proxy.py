"""The bad line to one node: every call to it passes here, and a seeded weather decides what becomes of the call.

A proxy stands where the node's card says the node is. It reads one HTTP call from each connection, as bytes, and
neither understands nor changes what is in it; so a truncated call is one whose connection ended in the middle.
"""

import asyncio
import threading
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from types import MappingProxyType


class Fault(StrEnum):
    """What the line does to one call."""

    NONE = "none"
    DROP = "drop"
    """The call never arrives."""
    LOSE_ANSWER = "lose-answer"
    """The call arrives and does its work; its caller never hears of it."""
    DELAY = "delay"
    DOUBLE = "double"
    """The call arrives twice, the second time late, after others."""
    TRUNCATE = "truncate"
    """The connection ends in the middle of the call."""
    TRUNCATE_ANSWER = "truncate-answer"
    REORDER = "reorder"
    """The call is held back until a later one has passed."""
    CUT = "cut"
    """The line is dead for a while; what is under way on it is lost."""


LONGEST_DELAY_S = 1.0
LONGEST_HOLD_S = 2.0
LONGEST_LATENESS_S = 3.0
LONGEST_CUT_S = 2.0

BAD: Mapping[Fault, float] = MappingProxyType(
    {
        Fault.DROP: 0.02,
        Fault.LOSE_ANSWER: 0.02,
        Fault.DELAY: 0.25,
        Fault.DOUBLE: 0.04,
        Fault.TRUNCATE: 0.01,
        Fault.TRUNCATE_ANSWER: 0.01,
        Fault.REORDER: 0.03,
        Fault.CUT: 0.008,
    }
)
"""How often each fault strikes, of all calls."""

UNHEARD_OF = 1e-4
"""A chance that a run does not meet."""


def surely_struck(disturbed: int) -> set[Fault]:
    """Return the faults of which, among so many calls that went wrong, it is unheard of that there is none.

    It goes by what went wrong and not by all calls: nobody counts how many came before the lines were good again.
    """
    return {fault for fault, odds in BAD.items() if (1 - odds / sum(BAD.values())) ** disturbed < UNHEARD_OF}


@dataclass
class Weather:
    """Decides each call's fate; the same seed decides the same row of fates."""

    random: Random
    odds: Mapping[Fault, float] = field(default_factory=lambda: BAD)
    struck: Counter[Fault] = field(default_factory=Counter)

    def clear(self) -> None:
        """Let every call pass from now on."""
        self.odds = {}

    def next(self) -> Fault:
        """Return what becomes of the next call."""
        chances = {**self.odds, Fault.NONE: 1 - sum(self.odds.values())}
        (fault,) = self.random.choices(list(chances), list(chances.values()))
        self.struck[fault] += 1
        return fault

    def share(self, most: float = 1.0) -> float:
        """Return how long a delay, or how much of a message: at random, below `most`."""
        return self.random.uniform(0, most)


class Proxy:
    """Carries calls to the node on `to_port`, through its weather."""

    def __init__(self, to_port: int, weather: Weather, *, port: int) -> None:
        self.to_port, self.weather, self.port = to_port, weather, port
        self.url = f"http://127.0.0.1:{port}"
        self._passed = asyncio.Event()
        """Set when the next call has passed."""
        self._dead_until = 0.0
        self._calls: set[asyncio.Task[None]] = set()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Carry calls until the block ends."""
        loop, ready = asyncio.new_event_loop(), threading.Event()

        async def serve() -> None:
            server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
            self._stop = asyncio.Event()
            ready.set()
            await self._stop.wait()
            server.close()
            self._cut_calls()
            await asyncio.gather(*self._calls, return_exceptions=True)

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name=f"proxy-{self.port}")
        thread.start()
        ready.wait()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(self._stop.set)
            thread.join()
            loop.close()

    async def _take(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await self._carry(reader, writer)
        finally:
            self._calls.discard(task)
            writer.close()

    async def _carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        call = await _read_call(reader)
        now = asyncio.get_running_loop().time()
        if now < self._dead_until:
            return
        fault, weather = self.weather.next(), self.weather
        match fault:
            case Fault.DROP:
                return
            case Fault.CUT:
                self._dead_until = now + weather.share(LONGEST_CUT_S)
                self._cut_calls()
                return
            case Fault.TRUNCATE:
                await self._pass_on(call[: int(weather.share(len(call)))], half=True)
                return
            case Fault.DELAY:
                await asyncio.sleep(weather.share(LONGEST_DELAY_S))
            case Fault.REORDER:
                await self._wait_for_another()
            case _:
                pass
        answer = await self._pass_on(call)
        self._passed.set()
        self._passed = asyncio.Event()
        if fault is Fault.LOSE_ANSWER:
            return
        if fault is Fault.TRUNCATE_ANSWER:
            answer = answer[: int(weather.share(len(answer)))]
        writer.write(answer)
        await writer.drain()
        if fault is Fault.DOUBLE:
            writer.close()
            await asyncio.sleep(weather.share(LONGEST_LATENESS_S))
            await self._pass_on(call)

    async def _pass_on(self, call: bytes, *, half: bool = False) -> bytes:
        """Hand bytes to the node and return what it says until it hangs up; of `half` a call nothing is awaited."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        try:
            writer.write(call)
            await writer.drain()
            return b"" if half else await reader.read()
        finally:
            writer.close()

    async def _wait_for_another(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._passed.wait(), LONGEST_HOLD_S)

    def _cut_calls(self) -> None:
        current = asyncio.current_task()
        for task in self._calls:
            if task is not current:
                task.cancel()


async def _read_call(reader: StreamReader) -> bytes:
    """Read one HTTP call; it is passed on as the only one of its connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    }
    body = await reader.readexactly(int(fields.get(b"content-length", 0)))
    first, _, rest = head.partition(b"\r\n")
    kept = b"\r\n".join(line for line in rest.split(b"\r\n") if not line.lower().startswith(b"connection:"))
    return first + b"\r\nConnection: close\r\n" + kept + body
