"""`python -m benchmarks.hub`: a hub with 2,800 peers, a tenth of them down, tells all of them of an emergency.

The hub is a whole node; its peers are simulated (`crowd.py`). It is shown that those that live are served as if the
others were not there: alone, beside those that have just gone down, and beside those known to be down; and what a
peer and a delivery cost.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.page import Figure, measure, options, percentile, report
from benchmarks.pair import AUTHOR, Author, House, Watched, cpu_seconds, memory_mb, wait_for_quiet
from benchmarks.receiving import free_port

CIRCLE = 100
"""Recipients of one statement, at most."""


def main() -> int:
    """Measure and tell."""
    parser = ArgumentParser()
    options(parser)
    parser.add_argument("--peers", type=int, default=2_800)
    chosen = parser.parse_args()
    return report("hub", measure(chosen.rounds, lambda: _round(chosen.peers)), write=chosen.write)


def _round(peers: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
        return _measure(Path(folder), peers)


def _measure(folder: Path, peers: int) -> list[Figure]:
    hub = House(AUTHOR, folder / "hub")
    hub.found()
    with Author(hub) as alone:
        wait_for_quiet()
        alone_mb = memory_mb(alone.pid)
    with _crowd(folder / "cards.json", peers) as cards:
        _introduce(hub, cards)
        codes = [each["code"] for each in cards]
        silent = [each["code"] for each in cards if each["down"]]
        living = [code for code in codes if code not in silent]
        with Author(hub) as author:
            wait_for_quiet(20)
            figures = [
                Figure(f"memory of the hub, idle, {peers:,} peers", memory_mb(author.pid), "MB"),
                Figure("memory of a peer", (memory_mb(author.pid) - alone_mb) * 1024 / peers, "KB"),
            ]
            figures += _wave(author, living, [], "those who live, alone")
            figures += _wave(author, codes, silent, "a tenth just down")
            figures += _wave(author, codes, silent, "a tenth known to be down")
    return figures


def _wave(author: Author, codes: Sequence[str], silent: Sequence[str], when: str) -> list[Figure]:
    """Alert so many at one moment, and wait for those that live."""
    circles = [codes[start : start + CIRCLE] for start in range(0, len(codes), CIRCLE)]
    voice = {"lane": "emergency", "count": len(circles), "every_s": 0.0, "to": circles, "silent": silent}
    before = cpu_seconds(author.pid)
    with Watched(author.pid) as watched:
        told = author.tell(recipient=circles[0][0], voices=[voice])
    took: list[float] = told["voices"][0]["took_ms"]
    expected = len(codes) - len(silent)
    if len(took) != expected:
        raise SystemExit(f"the run does not count: {expected} living peers, {len(took)} receipts")
    return [
        Figure(f"{when}: alert to {expected:,} living peers, p50", statistics.median(took) / 1000, "s"),
        Figure(f"{when}: the same, p99", percentile(took, 99) / 1000, "s", 120.0),
        Figure(f"{when}: processor time of a delivery", (cpu_seconds(author.pid) - before) / expected * 1000, "ms"),
        Figure(f"{when}: memory grown", watched.grown_mb, "MB"),
    ]


@contextmanager
def _crowd(file: Path, peers: int) -> Iterator[list[dict[str, Any]]]:
    command = [sys.executable, "-m", "benchmarks.crowd", str(file), str(free_port()), str(peers), str(peers // 10)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield json.loads(file.read_text())
    finally:
        process.terminate()
        process.wait(30)


def _introduce(hub: House, cards: Sequence[dict[str, Any]]) -> None:
    with hub.opened() as node:
        now = node.clock.now()
        for start in range(0, len(cards), CIRCLE):
            with node.database.begin() as session:
                for each in cards[start : start + CIRCLE]:
                    node.peers.import_card(session, each["card"].encode(), by="benchmark", now=now)
                    node.peers.activate(session, each["code"], read_out=each["fingerprint"], by="benchmark", now=now)


if __name__ == "__main__":
    sys.exit(main())
