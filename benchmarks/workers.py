"""`python -m benchmarks.workers`: what a second worker on the same PostgreSQL brings, on one machine."""

import os
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.author import draft
from benchmarks.delivering import Figure, table_of
from benchmarks.page import write_table
from benchmarks.pair import AUTHOR, RECEIVER, House, introduce
from benchmarks.receiving import _ecolink
from ecolink.entrypoints.wiring import Node
from ecolink.federation.models import StatementRow
from ecolink.federation.operations import Answer, Call
from ecolink.protocol.statement import Lane
from tests.support.postgres import Server, find_server

BEGIN, END = "<!-- workers -->", "<!-- end of workers -->"
PATIENCE_S = 180.0


class Straight:
    """Carries calls to a node in this process."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def send(self, base_url: str, call: Call, *, deadline_s: float) -> Answer:  # noqa: ARG002 - a transport's
        return self.node.gate.answer(call, self.node.clock.now())


def main() -> int:
    """Measure and tell."""
    parser = ArgumentParser()
    parser.add_argument("--statements", type=int, default=2_000)
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    chosen = parser.parse_args()
    server = find_server(durable=True)
    one, two = (_applied(server, workers, chosen.statements) for workers in (1, 2))
    figures = [
        Figure("bulletins applied, one worker", one, "a second"),
        Figure("bulletins applied, two workers", two, "a second"),
        Figure("two workers : one", two / one, ""),
    ]
    table = table_of(figures)
    print(table)
    if chosen.write:
        write_table(table, BEGIN, END)
    return 0


def _applied(server: Server, workers: int, statements: int) -> float:
    """Return how many received bulletins so many workers apply in a second."""
    name = f"bench_workers_{os.getpid()}_{workers}"
    server.execute(f"CREATE DATABASE {name}")
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder, ExitStack() as running:
        author = House(AUTHOR, Path(folder) / "author")
        receiver = House(RECEIVER, Path(folder) / "receiver", server.database(name))
        for house in (author, receiver):
            house.found()
        introduce(author, receiver)
        _hand_over(author, receiver, statements)
        for _ in range(workers):
            command = [*_ecolink(receiver.folder), "worker"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            running.callback(_end, process)
            assert process.stdout is not None
            process.stdout.readline()
        rate = _rate(receiver, statements)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    return rate


def _hand_over(author: House, receiver: House, statements: int) -> None:
    """Let the receiver hold what is to be applied, without any worker yet."""
    with receiver.opened() as node, author.opened(Straight(node)) as sender:
        with sender.database.begin() as session:
            for _ in range(statements):
                now = sender.clock.now()
                sender.outbox.send(session, draft(Lane.BULK, now), now=now, recipients=[RECEIVER])
        while sender.delivery.step((Lane.BULK,), sender.clock.now):
            pass


def _rate(receiver: House, statements: int) -> float:
    """Wait until all is applied, and return how fast the middle part went."""
    waiting = select(func.count()).where(StatementRow.state == "pending")
    marks: list[tuple[float, int]] = []
    deadline = time.monotonic() + PATIENCE_S
    with receiver.opened() as node:
        while time.monotonic() < deadline:
            with node.database.read() as session:
                left = session.scalar(waiting) or 0
            marks.append((time.monotonic(), left))
            if not left:
                break
            time.sleep(0.1)
    middle = [mark for mark in marks if statements * 0.1 <= mark[1] <= statements * 0.9]
    (began, most), (ended, least) = middle[0], middle[-1]
    return (most - least) / (ended - began)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
