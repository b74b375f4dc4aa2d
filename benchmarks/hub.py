"""`python -m benchmarks.hub`: a hub with 2,800 peers, a tenth of them down, tells all of them of an emergency.

The hub is a whole node; its peers are simulated (`crowd.py`). It is shown that those that live are served as if the
others were not there: alone, beside those that have just gone down, and beside those known to be down; and what a
peer and a delivery cost. All of it in both forms a hub may have: one process on SQLite, and, as advised, PostgreSQL
with one process that serves and a worker for each processor.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg

from benchmarks.author import PATIENCE_S
from benchmarks.page import Figure, measure, options, percentile, report
from benchmarks.pair import AUTHOR, Author, House, Watched, cpu_seconds, memory_mb, wait_for_quiet
from benchmarks.receiving import free_port
from tests.support.postgres import NoPostgresError, Server, find_server

CIRCLE = 100
"""Recipients of one statement, at most."""

ADVISED = "PostgreSQL, a worker for each processor: "
"""What the figures of the advised form begin with."""


def main() -> int:
    """Measure and tell."""
    parser = ArgumentParser()
    options(parser)
    parser.add_argument("--peers", type=int, default=2_800)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="on PostgreSQL; 0 leaves it out")
    chosen = parser.parse_args()
    server = _postgres() if chosen.workers else None
    return report(
        "hub", measure(chosen.rounds, lambda: _round(chosen.peers, server, chosen.workers)), write=chosen.write
    )


def _postgres() -> Server | None:
    with suppress(NoPostgresError):
        return find_server(durable=True)
    print("no PostgreSQL: the advised form is not measured", file=sys.stderr)
    return None


def _round(peers: int, server: Server | None, workers: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
        yield from _measure(Path(folder), peers)
    if server is None:
        return
    name = f"bench_hub_{os.getpid()}"
    server.execute(f"CREATE DATABASE {name}")
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
        for each in _measure(Path(folder), peers, Store(server, name), workers):
            yield each._replace(name=ADVISED + each.name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Store:
    """A database of PostgreSQL, and what the server uses for it while the block lasts."""

    def __init__(self, server: Server, name: str) -> None:
        self.url = server.database(name)
        self._address, self._name = server.address(name), name
        self._stop = threading.Event()
        self.sessions, self.cpu_s = 0, 0.0

    def __enter__(self) -> Self:
        self.sessions, self._stop = 0, threading.Event()
        self._connection = psycopg.connect(self._address, autocommit=True)
        self._head = psutil.Process(psutil.Process(self._connection.info.backend_pid).ppid())
        self.cpu_s = -self._spent_s()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.cpu_s += self._spent_s()
        self._connection.close()

    def _watch(self) -> None:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        while not self._stop.wait(0.25):
            row = self._connection.execute(asked, (self._name,)).fetchone()
            assert row is not None
            self.sessions = max(self.sessions, row[0])

    def _spent_s(self) -> float:
        """Return the server's processor time so far, also what sessions that have ended took."""
        ended = self._head.cpu_times()
        return cpu_seconds(self._head.pid) + float(ended.children_user + ended.children_system)


class Hub:
    """The hub at work: one process, or one that serves and so many lone workers beside it."""

    def __init__(self, house: House, workers: int = 0) -> None:
        self._running = ExitStack()
        self._arrived: dict[tuple[str, str], float] = {}
        self._waiting = threading.Condition()
        self.author = self._running.enter_context(Author(house, worker=not workers))
        self.pids = [self.author.pid, *(self._work(house) for _ in range(workers))]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def alert(self, circles: Sequence[Sequence[str]], silent: Sequence[str]) -> list[float]:
        """Alert so many at one moment; return how long each that is not silent had to wait, in milliseconds."""
        elsewhere = len(self.pids) > 1
        voice = {"lane": "emergency", "count": len(circles), "every_s": 0.0, "to": circles, "silent": silent}
        told = self.author.tell(recipient=circles[0][0], voices=[voice | {"elsewhere": elsewhere}])["voices"][0]
        if not elsewhere:
            took: list[float] = told["took_ms"]
            return took
        planned = {(jti, recipient): moment for jti, recipient, moment in told["planned"]}
        with self._waiting:
            self._waiting.wait_for(lambda: planned.keys() <= self._arrived.keys(), PATIENCE_S)
            return [(self._arrived[place] - at) * 1000 for place, at in planned.items() if place in self._arrived]

    def _work(self, house: House) -> int:
        command = [sys.executable, "-m", "benchmarks.ear", str(house.folder / "ecolink.toml")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._running.callback(_end, process)
        assert process.stdout is not None
        process.stdout.readline()  # it works
        threading.Thread(target=self._hear, args=(process.stdout,), daemon=True).start()
        return process.pid

    def _hear(self, said: Iterator[str]) -> None:
        for line in said:
            heard = json.loads(line)
            with self._waiting:
                self._arrived.update(dict.fromkeys(map(tuple, heard["places"]), heard["at"]))
                self._waiting.notify_all()


def _measure(folder: Path, peers: int, store: Store | None = None, workers: int = 0) -> Iterator[Figure]:
    house = House(AUTHOR, folder / "hub", store.url if store else None)
    house.found()
    alone_mb = None
    if store is None:  # where there are connections to a server, what they take outweighs what peers do
        with Hub(house) as alone:
            wait_for_quiet()
            alone_mb = memory_mb(*alone.pids)
    with _crowd(folder / "cards.json", peers) as cards:
        _introduce(house, cards)
        codes = [each["code"] for each in cards]
        silent = [each["code"] for each in cards if each["down"]]
        living = [code for code in codes if code not in silent]
        with Hub(house, workers) as hub:
            wait_for_quiet(20)
            idle_mb = memory_mb(*hub.pids)
            yield Figure(f"memory of the hub, idle, {peers:,} peers", idle_mb, "MB")
            if alone_mb is not None:
                yield Figure("memory of a peer", (idle_mb - alone_mb) * 1024 / peers, "KB")
            for to, when in (
                (living, "those who live, alone"),
                (codes, "a tenth just down"),
                (codes, "a tenth known to be down"),
            ):
                yield from _wave(hub, to, silent if to is codes else [], when, store)


def _wave(
    hub: Hub, codes: Sequence[str], silent: Sequence[str], when: str, store: Store | None = None
) -> Iterator[Figure]:
    """Alert so many at one moment, and wait for those that live."""
    circles = [codes[start : start + CIRCLE] for start in range(0, len(codes), CIRCLE)]
    expected = len(codes) - len(silent)
    with ExitStack() as watching:
        if store:
            watching.enter_context(store)
        watched = watching.enter_context(Watched(*hub.pids))
        took = hub.alert(circles, silent)
    if len(took) != expected:
        raise SystemExit(f"the run does not count: {expected} living peers, {len(took)} receipts")
    yield Figure(f"{when}: alert to {expected:,} living peers, p50", statistics.median(took) / 1000, "s")
    yield Figure(f"{when}: the same, p99", percentile(took, 99) / 1000, "s", 120.0)
    yield Figure(f"{when}: processor time of a delivery", watched.cpu_s / expected * 1000, "ms")
    if store:
        yield Figure(f"{when}: the same at PostgreSQL", store.cpu_s / expected * 1000, "ms")
        yield Figure(f"{when}: connections to PostgreSQL, at most", store.sessions, "")
    yield Figure(f"{when}: memory grown", watched.grown_mb, "MB")


@contextmanager
def _crowd(file: Path, peers: int) -> Iterator[list[dict[str, Any]]]:
    command = [sys.executable, "-m", "benchmarks.crowd", str(file), str(free_port()), str(peers), str(peers // 10)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield json.loads(file.read_text())
    finally:
        _end(process)


def _introduce(hub: House, cards: Sequence[dict[str, Any]]) -> None:
    with hub.opened() as node:
        now = node.clock.now()
        for start in range(0, len(cards), CIRCLE):
            with node.database.begin() as session:
                for each in cards[start : start + CIRCLE]:
                    node.peers.import_card(session, each["card"].encode(), by="benchmark", now=now)
                    node.peers.activate(session, each["code"], read_out=each["fingerprint"], by="benchmark", now=now)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
