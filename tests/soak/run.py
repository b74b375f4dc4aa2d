"""One soak, from founding three bureaus to the verdict."""

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.soak.books import Books
from tests.soak.checker import check, is_quiet
from tests.soak.desk import Desks, Ledger
from tests.soak.histories import compare_histories
from tests.soak.load import Load
from tests.soak.mishaps import Breaker
from tests.soak.plan import CLEARS_AT, UNIT_CODES, Plan
from tests.soak.proofs import evidence_verifies
from tests.soak.proxy import Fault, Weather
from tests.soak.station import Station, found_all
from tests.soak.stories import stories
from tests.soak.violations import Violation

Tell = Callable[[str], None]

LOOK_EVERY_S = 0.1
TELL_EVERY_S = 5.0
STALLED_AFTER_S = 240.0
"""When nothing was accepted for so long, the run is given up; no pause between two tries is longer."""


@dataclass
class Outcome:
    """What came of a run."""

    violations: list[Violation]
    figures: dict[str, Any]


@dataclass
class Soak:
    """Three nodes, the lines between them, people who talk, and somebody who breaks things."""

    plan: Plan
    folder: Path
    tell: Tell
    settles_within_s: float
    database_urls: Mapping[str, str] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> Outcome:
        """Run it, and say what does not hold."""
        with self._timing("founding"):
            weathers = {code: Weather(self.plan.random(f"weather/{code}")) for code in UNIT_CODES}
            stations = found_all(self.folder, weathers, self.database_urls)
        desks = Desks(stations, Ledger(self.folder / "accepted.jsonl"))
        load = Load(desks, stories(self.plan.random("stories")), self.plan.messages, run=str(self.plan.seed))
        breaker = Breaker(desks, self.plan.events, lambda: load.share, self.tell)
        with ExitStack() as running:
            running.callback(desks.close)
            for station in stations.values():
                running.enter_context(station.proxy.open())
                running.callback(self._stop, station)
            with ThreadPoolExecutor(len(stations)) as hands:
                list(hands.map(Station.start, stations.values()))
            with self._timing("traffic"):
                self._talk(load, breaker, weathers)
            with self._timing("settling"):
                self._settle(stations)
            with self._timing("histories"):
                self.tell("asking both sides of every matter for its history")
                self.violations += compare_histories(desks)
            with self._timing("evidence"):
                self.violations += evidence_verifies(stations, desks.ledger, self.folder)
        self.violations += breaker.violations
        self.violations += [Violation("answer-no-node-may-give", "", fault) for fault in desks.faults]
        self.violations += [each for station in stations.values() for each in complaints(station)]
        with self._timing("checking"):
            self._check(stations, desks.ledger)
        calls = sum((weather.struck for weather in weathers.values()), Counter[Fault]())
        self.figures |= {
            "messages": desks.ledger.messages,
            "calls that said something": len(desks.ledger.accepted),
            "matters": load.told,
            "messages a second": round(desks.ledger.messages / self.seconds["traffic"], 1),
            "seconds": self.seconds,
            "mishaps": dict(breaker.done),
            "calls between nodes": {str(fault): count for fault, count in calls.most_common()},
            "answers to people": dict(desks.answers.most_common()),
        }
        return Outcome(self.violations, self.figures)

    @contextmanager
    def _timing(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] = round(time.monotonic() - began, 1)

    def _talk(self, load: Load, breaker: Breaker, weathers: Mapping[str, Weather]) -> None:
        """Let people talk, and break things meanwhile, until every story is told."""
        breaking = threading.Thread(target=breaker.run, name="breaker", daemon=True)
        told_at, messages, looks = 0.0, 0, 0
        with load.running():
            breaking.start()
            while not load.is_over or breaking.is_alive():
                time.sleep(LOOK_EVERY_S)
                now, looks = time.monotonic(), looks + 1
                if load.desks.ledger.messages > messages:
                    messages, looks = load.desks.ledger.messages, 0
                if load.share >= CLEARS_AT:
                    for weather in weathers.values():
                        weather.clear()
                if now - told_at >= TELL_EVERY_S:
                    self.tell(_progress(load, breaker, weathers))
                    told_at = now
                if looks * LOOK_EVERY_S >= STALLED_AFTER_S:
                    self.violations += [Violation("stalled", "", waiting) for waiting in load.waiting()]
                    break

    def _settle(self, stations: Mapping[str, Station]) -> None:
        """Wait until nobody has anything left to do; what is left after that, the checker names."""
        self.tell("all is said; waiting until all has arrived")
        deadline = time.monotonic() + self.settles_within_s
        with ExitStack() as opened:
            books = [opened.enter_context(Books.at(station)) for station in stations.values()]
            while not all(is_quiet(each) for each in books) and time.monotonic() < deadline:
                time.sleep(0.25)

    def _check(self, stations: Mapping[str, Station], ledger: Ledger) -> None:
        self.tell("checking the books of all nodes")
        with ExitStack() as opened:
            books = {code: opened.enter_context(Books.at(station)) for code, station in stations.items()}
            self.violations += check(ledger, books)
            lanes: Counter[str] = Counter()
            for each in books.values():
                with each.read() as session:
                    lanes += each.received(session)
            self.figures["statements received"] = dict(lanes)

    def _stop(self, station: Station) -> None:
        try:
            station.stop()
        except subprocess.TimeoutExpired as stuck:
            self.violations.append(Violation("does-not-stop", station.unit_code, str(stuck)))


def complaints(station: Station) -> Iterator[Violation]:
    """Find in a node's log what it calls an error itself, and what it wrote that is no event at all."""
    for line in station.log.read_text("utf-8", "replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            if line and ": local API http" not in line:  # what it says when it serves
                yield Violation("stray-output", station.unit_code, line[:300])
            continue
        if event.get("level") in {"error", "critical"}:
            yield Violation("error-logged", station.unit_code, line[:2_000])


def _progress(load: Load, breaker: Breaker, weathers: Mapping[str, Weather]) -> str:
    ledger, calls = load.desks.ledger, sum((weather.struck for weather in weathers.values()), Counter[Fault]())
    bad = calls.total() - calls[Fault.NONE]
    mishaps = ", ".join(f"{count} × {name}" for name, count in breaker.done.items()) or "no mishap yet"
    return (
        f"{ledger.messages:,} of {load.messages:,} messages in {load.told:,} matters, {load.open} open; "
        f"{bad:,} of {calls.total():,} calls between nodes went wrong; {mishaps}"
    )
