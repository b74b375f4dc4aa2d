"""`make bench`: receiving, beside the naive baseline, two TAXII servers and what the machine can do at best.

Prints a table and JSON and writes the table into docs/performance.md. With `--check` it writes nothing, and ends with 1
when a ratio has fallen well below the one that stands there.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.ceilings import rows_a_second, verifications_a_second
from benchmarks.page import PAGE, write_table
from benchmarks.receiving import naive, receiving
from benchmarks.taxii import compare
from tests.support.postgres import NoPostgresError, Server, find_server

ROUNDS = 3
STATEMENTS = 24_000
SLACK = 0.8
"""Of the ratio on the page must stay when checked: machines and moments differ."""

BEGIN, END = "<!-- figures -->", "<!-- end -->"

VERIFYING, COMMITTING, NAIVE = "ES256 verifications, two threads", "rows in commits of 50", "naive node"
SMALL, LARGE = "ecolink, batches of 50", "ecolink, batches of 200"
SLOW_DISK, POSTGRES = "the same, 2 ms slower disk", "the same, on PostgreSQL"
ALONE = "ecolink, batches of 50, one connection, 10,000 stored"
OPENTAXII, MEDALLION = "OpenTAXII, the same", "medallion, the same"
CEILING = f"{LARGE} : the lower ceiling"

ASKED: Mapping[tuple[str, str], float | None] = {
    (LARGE, NAIVE): 15,
    (SMALL, NAIVE): None,
    (SLOW_DISK, LARGE): 0.7,
    (POSTGRES, LARGE): 0.7,
    (ALONE, OPENTAXII): 8,
    (ALONE, MEDALLION): 10,
}
"""Which figures are set beside each other, and what was asked of the ratio at least."""
ASKED_OF_CEILING = 0.4


def main() -> int:
    """Measure and tell."""
    parser = ArgumentParser()
    parser.add_argument("--check", action="store_true", help="compare with the page, and write nothing")
    check = parser.parse_args().check
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
        shim, server = _slow_disk(Path(folder)), _postgres()
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS} …", file=sys.stderr, flush=True)
            for name, rate in _round(number, shim, server):
                print(f"  {name}: {rate:,.0f}", file=sys.stderr, flush=True)
                figures.setdefault(name, []).append(rate)
    medians = {name: statistics.median(values) for name, values in figures.items()}
    ratios = _ratios(medians)
    table = _table(figures, medians, ratios)
    print(table)
    print(json.dumps({"medians": {name: round(each) for name, each in medians.items()}, "ratios": ratios}))
    if check:
        return _compare(ratios)
    write_table(table, BEGIN, END)
    return 0


def _round(number: int, shim: Path | None, server: Server | None) -> Iterator[tuple[str, float]]:
    yield VERIFYING, verifications_a_second()
    yield COMMITTING, rows_a_second()
    yield NAIVE, naive(1_600)
    yield SMALL, receiving(STATEMENTS, 50)
    yield LARGE, receiving(STATEMENTS, 200)
    if shim is not None:
        yield SLOW_DISK, receiving(STATEMENTS, 200, preload=shim)
    if server is not None:
        name = f"bench_{os.getpid()}_{number}"
        server.execute(f"CREATE DATABASE {name}")
        yield POSTGRES, receiving(STATEMENTS, 200, database_url=server.database(name))
        server.execute(f"DROP DATABASE {name}")
    yield ALONE, receiving(compare.MEASURED * 4, compare.BATCH, connections=1, stored=compare.STORED)
    try:
        yield OPENTAXII, compare.opentaxii()
        yield MEDALLION, compare.medallion()
    except compare.NotInstalledError as fault:
        print(f"OpenTAXII and medallion are not measured: {fault}", file=sys.stderr)


def _slow_disk(folder: Path) -> Path | None:
    """Build the library that slows syncs down; it takes a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        print("no C compiler: the slower disk is not measured", file=sys.stderr)
        return None
    library = folder / "slow_fsync.so"
    source = Path(__file__).parent / "slow_fsync.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
    return library


def _postgres() -> Server | None:
    with suppress(NoPostgresError):
        return find_server(durable=True)
    print("no PostgreSQL: it is not measured", file=sys.stderr)
    return None


def _ratios(medians: Mapping[str, float]) -> dict[str, float]:
    ratios = {
        f"{one} : {other}": round(medians[one] / medians[other], 2)
        for one, other in ASKED
        if one in medians and other in medians
    }
    ceiling = min(medians[VERIFYING], medians[COMMITTING])
    return ratios | {CEILING: round(medians[LARGE] / ceiling, 2)}


def _table(figures: Mapping[str, Sequence[float]], medians: Mapping[str, float], ratios: Mapping[str, float]) -> str:
    asked = {f"{one} : {other}": least for (one, other), least in ASKED.items()} | {CEILING: ASKED_OF_CEILING}
    lines = [f"{os.cpu_count()} processors, {platform.machine()}, CPython {platform.python_version()}.", ""]
    lines += ["| statements a second | median | least | most |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {medians[name]:,.0f} | {min(values):,.0f} | {max(values):,.0f} |"
        for name, values in figures.items()
    ]
    lines += ["", "| ratio of medians | is | asked |", "|---|---|---|"]
    lines += [f"| {name} | {ratio} | {_told(ratio, asked[name])} |" for name, ratio in ratios.items()]
    return "\n".join(lines)


def _told(ratio: float, least: float | None) -> str:
    if least is None:
        return ""
    return f"{least:g}" if ratio >= least else f"{least:g}, missed"


def _compare(ratios: Mapping[str, float]) -> int:
    """Return 1 when a ratio has fallen well below the one on the page."""
    stood = _recorded()
    fallen = {name: ratio for name, ratio in ratios.items() if ratio < SLACK * stood.get(name, 0)}
    for name, ratio in fallen.items():
        print(f"fallen: {name} is {ratio}, was {stood[name]}", file=sys.stderr)
    return int(bool(fallen))


def _recorded() -> dict[str, float]:
    table = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if " : " in line]
    return {row[0]: float(row[1]) for row in rows}


if __name__ == "__main__":
    sys.exit(main())
