"""`python -m benchmarks.workers`: what a second worker on the same PostgreSQL brings, on one machine.

And how soon a worker is awake when another process has work for it (`NOTIFY`).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func, select

from benchmarks.author import draft
from benchmarks.page import Figure, measure, options, percentile, report
from benchmarks.pair import AUTHOR, RECEIVER, House, cpu_seconds, introduce, memory_mb
from benchmarks.receiving import _ecolink
from ecolink.configuration import load
from ecolink.entrypoints.wiring import Node
from ecolink.federation.models import StatementRow
from ecolink.federation.operations import Answer, Call
from ecolink.protocol.statement import Lane
from ecolink.storage.bells import Bell, Bells, ring
from ecolink.storage.engine import Database, connect
from ecolink.storage.listening import Listener
from tests.support.postgres import Server, find_server

PATIENCE_S = 180.0
RINGS = 500


class Straight:
    """Carries calls to a node in this process."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def send(self, base_url: str, call: Call, *, deadline_s: float) -> Answer:  # noqa: ARG002 - a transport's
        return self.node.gate.answer(call, self.node.clock.now())


def main() -> int:
    """Measure and tell."""
    parser = ArgumentParser()
    options(parser)
    parser.add_argument("--statements", type=int, default=2_000)
    chosen = parser.parse_args()
    server = find_server(durable=True)
    return report("workers", measure(chosen.rounds, lambda: _round(server, chosen.statements)), write=chosen.write)


def _round(server: Server, statements: int) -> list[Figure]:
    one, two = (_applied(server, workers, statements) for workers in (1, 2))
    woken = _woken_ms(server)
    return [
        Figure("a worker is awake after another process committed, p50", statistics.median(woken), "ms", 20.0),
        Figure("the same, p99", percentile(woken, 99), "ms"),
        Figure("bulletins applied, one worker", one.rate, "a second"),
        Figure("bulletins applied, two workers", two.rate, "a second"),
        Figure("two workers : one", two.rate / one.rate, ""),
        Figure("processor time of one worker for a bulletin", one.cpu_ms, "ms"),
        Figure("the same of two, together", two.cpu_ms, "ms"),
        Figure("memory of a worker that has applied them", one.memory_mb, "MB"),
    ]


class Applied(NamedTuple):
    """How many bulletins were applied in a second, the workers' processor time for each, the memory of one."""

    rate: float
    cpu_ms: float
    memory_mb: float


def _applied(server: Server, workers: int, statements: int) -> Applied:
    """Return how fast so many workers apply received bulletins."""
    name = f"bench_workers_{os.getpid()}_{workers}"
    server.execute(f"CREATE DATABASE {name}")
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder, ExitStack() as running:
        author = House(AUTHOR, Path(folder) / "author")
        receiver = House(RECEIVER, Path(folder) / "receiver", server.database(name))
        for house in (author, receiver):
            house.found()
        introduce(author, receiver)
        _hand_over(author, receiver, statements)
        pids = []
        for _ in range(workers):
            command = [*_ecolink(receiver.folder), "worker"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            running.callback(_end, process)
            assert process.stdout is not None
            process.stdout.readline()
            pids.append(process.pid)
        applied = _watched(receiver, statements, pids)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    return applied


def _hand_over(author: House, receiver: House, statements: int) -> None:
    """Let the receiver hold what is to be applied, without any worker yet."""
    with receiver.opened() as node, author.opened(Straight(node)) as sender:
        with sender.database.begin() as session:
            for _ in range(statements):
                now = sender.clock.now()
                sender.outbox.send(session, draft(Lane.BULK, now), now=now, recipients=[RECEIVER])
        while sender.delivery.step((Lane.BULK,), sender.clock.now):
            pass


def _watched(receiver: House, statements: int, workers: Sequence[int]) -> Applied:
    """Wait until all is applied, and return how fast the middle part went."""
    waiting = select(func.count()).where(StatementRow.state == "pending")
    marks: list[tuple[float, float, int]] = []
    deadline = time.monotonic() + PATIENCE_S
    with receiver.opened() as node:
        while time.monotonic() < deadline:
            with node.database.read() as session:
                left = session.scalar(waiting) or 0
            marks.append((time.monotonic(), sum(map(cpu_seconds, workers)), left))
            if not left:
                break
            time.sleep(0.1)
    middle = [mark for mark in marks if statements * 0.1 <= mark[2] <= statements * 0.9]
    if len(middle) < 2:
        raise SystemExit("the run does not count: all was applied before it could be looked at twice; give it more")
    (began, before, most), (ended, after, least) = middle[0], middle[-1]
    rate, cpu_ms = (most - least) / (ended - began), (after - before) / (most - least) * 1000
    return Applied(rate, cpu_ms, memory_mb(workers[0]))


def _woken_ms(server: Server) -> list[float]:
    """Return how long after another process begins to commit a worker's bell sounds, with nothing else going on."""
    name = f"bench_workers_{os.getpid()}_bells"
    server.execute(f"CREATE DATABASE {name}")
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
        house = House(RECEIVER, Path(folder) / "receiver", server.database(name))
        house.found()
        command = [sys.executable, "-m", "benchmarks.workers", "ring", str(house.folder / "ecolink.toml")]
        database = Database(connect(server.database(name)))
        bells = Bells(database)
        listener = Listener(database, bells)
        listener.start()
        bells.wait(Bell.FETCH, 30)  # it listens: it sounds all bells then
        ringer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert ringer.stdin is not None
        assert ringer.stdout is not None
        ringer.stdout.readline()  # it is there: its start is not what is measured
        took = []
        for _ in range(RINGS):
            ringer.stdin.write("ring\n")
            ringer.stdin.flush()
            if not bells.wait(Bell.FETCH, 10):
                raise SystemExit("the bell was not heard")
            heard = time.monotonic()  # one clock for all processes of a machine
            took.append((heard - json.loads(ringer.stdout.readline())) * 1000)
        ringer.stdin.close()
        ringer.wait(30)
        listener.stop()
        database.dispose()
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    return took


def _ring(settings: Path) -> None:
    """Ring at every line of standard input, and tell when the commit began."""
    database = Database(connect(load(settings).database_url))
    Bells(database)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.monotonic()
        with database.begin() as session:
            ring(session, Bell.FETCH)
        print(began, flush=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(30)


if __name__ == "__main__":
    if sys.argv[1:2] == ["ring"]:
        _ring(Path(sys.argv[2]))
    else:
        sys.exit(main())
