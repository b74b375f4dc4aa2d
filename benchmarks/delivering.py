"""`python -m benchmarks.delivering`: how soon a statement is held by the peer, and how fast a long queue drains.

Two real nodes on one machine, SQLite with `synchronous=FULL`; see README.md for what each row is.
"""

import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks.backlog import prepare
from benchmarks.page import Figure, Round, measure, options, percentile, report
from benchmarks.pair import (
    AUTHOR,
    RECEIVER,
    Author,
    House,
    Watched,
    cpu_seconds,
    introduce,
    memory_mb,
    serving,
    wait_for_quiet,
)
from ecolink.federation.models import OutEntry, StatementRow

BULK_A_SECOND = 400
PATIENCE_S = 120.0


def main() -> int:
    """Measure, tell, and say whether every figure holds."""
    parser = ArgumentParser()
    options(parser)
    parser.add_argument("--backlog", type=int, default=100_000, help="statements that wait at the author")
    parser.add_argument("--samples", type=int, default=1_000, help="emergencies of each distribution, in each round")
    parser.add_argument("--only", choices=("idle", "bulk", "backlog"), help="measure one thing; write nothing")
    chosen = parser.parse_args()
    rounds: list[Round] = []
    if chosen.only in {None, "idle", "bulk"}:
        rounds += measure(chosen.rounds, lambda: _latency(chosen.samples, chosen.only))
    if chosen.only in {None, "backlog"}:
        with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
            queue = Queue(Path(folder), chosen.backlog)
            rounds += measure(chosen.rounds, lambda: queue.drain(chosen.samples))
    return report("delivery", rounds, write=chosen.write and chosen.only is None)


def _pair(folder: Path) -> tuple[House, House]:
    author, receiver = House(AUTHOR, folder / "author"), House(RECEIVER, folder / "receiver")
    for house in (author, receiver):
        house.found()
    introduce(author, receiver)
    return author, receiver


def _latency(samples: int, only: str | None) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
        author_house, receiver_house = _pair(Path(folder))
        before = {house: house.disk_bytes for house in (author_house, receiver_house)}
        sent = 0
        began = time.monotonic()
        with serving(receiver_house) as receiver_pid:
            yield Figure("ready after start", time.monotonic() - began, "s", 2.0)
            with Author(author_house) as author:
                wait_for_quiet()
                yield Figure("memory of an idle node", memory_mb(receiver_pid), "MB", 120.0)
                author.tell(recipient=RECEIVER, voices=[_voice("emergency", 20, 0.05)])
                sent += 20
                wait_for_quiet()
                yield Figure("the same after its first 20 emergencies", memory_mb(receiver_pid), "MB")
                yield Figure("processor use of an idle node", _idle_percent(receiver_pid), "% of one", 1.0)
                if only != "bulk":
                    count = min(samples, 200)
                    took = author.tell(recipient=RECEIVER, voices=[_voice("emergency", count, 0.1)])
                    sent += count
                    yield from _emergencies("idle", took["voices"][0]["took_ms"], p50=20.0)
                if only != "idle":
                    every_s, seconds = 0.05, samples * 0.05 + 2
                    bulletins = int(BULK_A_SECOND * seconds)
                    voices = [
                        _voice("emergency", samples, every_s, after_s=2.0),
                        _voice("bulk", bulletins, 1 / BULK_A_SECOND),
                    ]
                    with Watched(author.pid) as at_author, Watched(receiver_pid) as at_receiver:
                        told = author.tell(recipient=RECEIVER, voices=voices)
                        _wait_until_applied(receiver_house)
                    both = samples + bulletins
                    sent += both
                    urgent, bulk = (each["took_ms"] for each in told["voices"])
                    when = f"under {BULK_A_SECOND} bulk a second"
                    yield from _emergencies(when, urgent, p99=100.0)
                    yield Figure(f"{when}: bulk, p99", percentile(bulk, 99), "ms")
                    yield Figure(f"{when}: processor time at the author, each", at_author.cpu_s / both * 1000, "ms")
                    yield Figure(f"{when}: processor time at the receiver, each", at_receiver.cpu_s / both * 1000, "ms")
        if only is None:
            for house, name in ((author_house, "author"), (receiver_house, "receiver")):
                grown = (house.disk_bytes - before[house]) / sent
                yield Figure(f"disk at the {name}, each statement", grown / 1000, "KB")
        _insist(author_house, receiver_house, sent)


def _emergencies(
    when: str, took: Sequence[float], *, p50: float | None = None, p99: float | None = None
) -> list[Figure]:
    return [
        Figure(f"{when}: emergency, p50", statistics.median(took), "ms", p50),
        Figure(f"{when}: emergency, p99", percentile(took, 99), "ms", p99),
    ]


def _wait_until_applied(house: House) -> None:
    """Wait until a node has nothing left to apply: only then its processor time and its disk are those of its work."""
    deadline = time.monotonic() + PATIENCE_S
    with sqlite3.connect(next((house.folder / "data").glob("*.db")), timeout=30) as connection:
        while connection.execute("SELECT 1 FROM statements WHERE state = 'pending' LIMIT 1").fetchone():
            if time.monotonic() > deadline:
                raise SystemExit("the run does not count: the receiver does not come to an end of applying")
            time.sleep(0.2)
    connection.close()


class Queue:
    """Two nodes that know each other, and a long queue at the one, prepared once and drained as often as asked."""

    def __init__(self, folder: Path, backlog: int) -> None:
        self.folder, self.backlog = folder, backlog
        self.author, self.receiver = _pair(folder)
        with self.author.opened() as node:
            prepare(node, RECEIVER, backlog)
            with node.database.begin() as session:
                node.peers.suspend(
                    session, RECEIVER, reason="the queue is not to flow yet", by="benchmark", now=node.clock.now()
                )
        for house in (self.author, self.receiver):
            shutil.copytree(house.folder, self._kept(house))

    def drain(self, samples: int) -> Iterator[Figure]:
        """Put both nodes back as they were before any round, and let the queue flow."""
        for house in (self.author, self.receiver):
            shutil.rmtree(house.folder)
            shutil.copytree(self._kept(house), house.folder)
        os.sync()  # else the nodes' first syncs would wait for the copies
        backlog, every_s = self.backlog, 0.02
        urgent = min(samples, int(backlog / 4000 / every_s))
        with serving(self.receiver) as receiver_pid, Author(self.author) as author:
            wait_for_quiet()
            with Watched(author.pid) as at_author, Watched(receiver_pid) as at_receiver:
                voice = _voice("emergency", urgent, every_s, after_s=0.5)
                told = author.tell(recipient=RECEIVER, voices=[voice], wait_for=backlog + urgent)
        _insist(self.author, self.receiver, backlog + urgent)
        when = "while it drains"
        yield Figure(f"a queue of {backlog:,} drains in", told["seconds"], "s", 45.0)
        yield from _emergencies(when, told["voices"][0]["took_ms"], p99=200.0)
        yield Figure("memory grown at the author", at_author.grown_mb, "MB", 80.0)
        yield Figure("memory grown at the receiver", at_receiver.grown_mb, "MB", 80.0)
        yield Figure("memory of one helper that reads pushes, at most", at_receiver.child_mb, "MB")
        yield Figure("processor time at the author, each", at_author.cpu_s / backlog * 1e6, "µs")
        yield Figure("processor time at the receiver, each", at_receiver.cpu_s / backlog * 1e6, "µs")

    def _kept(self, house: House) -> Path:
        return self.folder / "kept" / house.unit_code


def _voice(lane: str, count: int, every_s: float, *, after_s: float = 0.2) -> dict[str, Any]:
    return {"lane": lane, "count": count, "every_s": every_s, "after_s": after_s}


def _idle_percent(pid: int, seconds: float = 15.0) -> float:
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / (time.monotonic() - began)


def _insist(author: House, receiver: House, sent: int) -> None:
    """Let the run count only if the receiver holds each statement once, and the author its receipt."""
    with author.opened() as node, node.database.read() as session:
        said = set(session.scalars(select(StatementRow.jti).where(StatementRow.direction == "out")))
        receipted = session.scalar(select(func.count()).select_from(OutEntry).where(OutEntry.verdict == "stored"))
    with receiver.opened() as node, node.database.read() as session:
        held = session.scalars(select(StatementRow.jti).where(StatementRow.direction == "in")).all()
    if not (len(held) == len(set(held)) == len(said) == receipted == sent and said == set(held)):
        raise SystemExit(
            f"the run does not count: {sent} sent, {len(held)} held ({len(set(held))}), {receipted} receipted"
        )


if __name__ == "__main__":
    sys.exit(main())
