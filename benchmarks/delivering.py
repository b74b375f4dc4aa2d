"""`python -m benchmarks.delivering`: how soon a statement is held by the peer, and how fast a long queue drains.

Two real nodes on one machine, SQLite with `synchronous=FULL`; see README.md for what each row is.
"""

import json
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import func, select

from benchmarks.backlog import prepare
from benchmarks.page import write_table
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

BEGIN, END = "<!-- delivery -->", "<!-- end of delivery -->"


class Figure(NamedTuple):
    """One measured figure and what it was to be at most."""

    name: str
    value: float
    unit: str
    most: float | None = None

    @property
    def is_missed(self) -> bool:
        return self.most is not None and self.value > self.most


def main() -> int:
    """Measure, tell, and say whether every figure holds."""
    parser = ArgumentParser()
    parser.add_argument("--backlog", type=int, default=100_000, help="statements that wait at the author")
    parser.add_argument("--samples", type=int, default=1_000, help="emergencies of each distribution")
    parser.add_argument("--only", choices=("idle", "bulk", "backlog"), help="measure one thing; write nothing")
    chosen = parser.parse_args()
    figures: list[Figure] = []
    if chosen.only in {None, "idle", "bulk"}:
        with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
            figures += _latency(Path(folder), chosen.samples, chosen.only)
    if chosen.only in {None, "backlog"}:
        with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
            figures += _drain(Path(folder), chosen.backlog, chosen.samples)
    table = table_of(figures)
    print(table)
    print(json.dumps({f"{each.name}, {each.unit}": round(each.value, 2) for each in figures}))
    if chosen.only is None:
        write_table(table, BEGIN, END)
    return int(any(each.is_missed for each in figures))


def _pair(folder: Path) -> tuple[House, House]:
    author, receiver = House(AUTHOR, folder / "author"), House(RECEIVER, folder / "receiver")
    for house in (author, receiver):
        house.found()
    introduce(author, receiver)
    return author, receiver


def _latency(folder: Path, samples: int, only: str | None) -> list[Figure]:
    author_house, receiver_house = _pair(folder)
    figures: list[Figure] = []
    sent = 0
    began = time.monotonic()
    with serving(receiver_house) as receiver_pid:
        figures += [Figure("ready after start", time.monotonic() - began, "s", 2.0)]
        with Author(author_house) as author:
            wait_for_quiet()
            figures += [Figure("memory of an idle node", memory_mb(receiver_pid), "MB", 120.0)]
            author.tell(recipient=RECEIVER, voices=[_voice("emergency", 20, 0.05)])
            sent += 20
            wait_for_quiet()
            figures += [Figure("the same after its first 20 emergencies", memory_mb(receiver_pid), "MB")]
            figures += [Figure("processor use of an idle node", _idle_percent(receiver_pid), "% of one", 1.0)]
            if only != "bulk":
                told = author.tell(recipient=RECEIVER, voices=[_voice("emergency", samples // 5, 0.1)])
                sent += samples // 5
                took = told["voices"][0]["took_ms"]
                figures += [Figure("idle: emergency, p50", statistics.median(took), "ms", 20.0)]
                figures += [Figure("idle: emergency, p99", percentile(took, 99), "ms")]
            if only != "idle":
                every_s, seconds = 0.1, samples * 0.1 + 2
                voices = [
                    _voice("emergency", samples, every_s, after_s=2.0),
                    _voice("bulk", int(400 * seconds), 1 / 400),
                ]
                with Watched(author.pid) as at_author, Watched(receiver_pid) as at_receiver:
                    told = author.tell(recipient=RECEIVER, voices=voices)
                sent += samples + int(400 * seconds)
                urgent, bulk = (each["took_ms"] for each in told["voices"])
                figures += [
                    Figure("under 400 bulk a second: emergency, p50", statistics.median(urgent), "ms"),
                    Figure("under 400 bulk a second: emergency, p99", percentile(urgent, 99), "ms", 100.0),
                    Figure("under 400 bulk a second: bulk, p99", percentile(bulk, 99), "ms"),
                    Figure("processor time of the author", at_author.cpu_s, "s"),
                    Figure("processor time of the receiver", at_receiver.cpu_s, "s"),
                ]
    _insist(author_house, receiver_house, sent)
    return figures


def _drain(folder: Path, backlog: int, samples: int) -> list[Figure]:
    author_house, receiver_house = _pair(folder)
    with author_house.opened() as node:
        prepare(node, RECEIVER, backlog)
        with node.database.begin() as session:
            node.peers.suspend(
                session, RECEIVER, reason="the queue is not to flow yet", by="benchmark", now=node.clock.now()
            )
    every_s = 0.02
    urgent = min(samples, int(backlog / 4000 / every_s))
    with serving(receiver_house) as receiver_pid, Author(author_house) as author:
        wait_for_quiet()
        with Watched(author.pid) as at_author, Watched(receiver_pid) as at_receiver:
            voice = _voice("emergency", urgent, every_s, after_s=0.5)
            told = author.tell(recipient=RECEIVER, voices=[voice], wait_for=backlog + urgent)
    took = told["voices"][0]["took_ms"]
    _insist(author_house, receiver_house, backlog + urgent)
    return [
        Figure(f"a queue of {backlog:,} drains in", told["seconds"], "s", 45.0),
        Figure("while it drains: emergency, p50", statistics.median(took), "ms"),
        Figure("while it drains: emergency, p99", percentile(took, 99), "ms", 200.0),
        Figure("memory grown at the author", at_author.grown_mb, "MB", 80.0),
        Figure("memory grown at the receiver", at_receiver.grown_mb, "MB", 80.0),
        Figure("processor time at the author, each", at_author.cpu_s / backlog * 1e6, "µs"),
        Figure("processor time at the receiver, each", at_receiver.cpu_s / backlog * 1e6, "µs"),
    ]


def _voice(lane: str, count: int, every_s: float, *, after_s: float = 0.2) -> dict[str, Any]:
    return {"lane": lane, "count": count, "every_s": every_s, "after_s": after_s}


def _idle_percent(pid: int, seconds: float = 15.0) -> float:
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / (time.monotonic() - began)


def percentile(took: Sequence[float], place: int) -> float:
    """Return what `place` of a hundred took at most."""
    return statistics.quantiles(took, n=100)[place - 1]


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


def table_of(figures: Sequence[Figure]) -> str:
    """Return the figures as a table of Markdown."""
    lines = ["| | measured | at most |", "|---|---|---|"]
    for each in figures:
        asked = "" if each.most is None else f"{each.most:g} {each.unit}"
        mark = " (missed)" if each.is_missed else ""
        figure = f"{each.value:,.1f} {each.unit}" if each.unit else f"{each.value:.2f}"
        lines.append(f"| {each.name} | {figure}{mark} | {asked} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
