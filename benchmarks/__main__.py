"""`make bench`: receiving, beside the naive baseline and beside what the machine can do at best.

Prints a table and JSON, writes the table into docs/performance.md, and ends with 1 when a ratio is missed.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.ceilings import rows_a_second, verifications_a_second
from benchmarks.receiving import naive, receiving
from tests.support.postgres import NoPostgresError, Server, find_server

ROUNDS = 3
STATEMENTS = 24_000
AT_LEAST_TIMES_NAIVE = 8.0
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures -->", "<!-- end -->"

VERIFYING, COMMITTING, NAIVE = "ES256 verifications, two threads", "rows in commits of 50", "naive node"
SMALL, LARGE = "ecolink, batches of 50", "ecolink, batches of 200"
SLOW_DISK, POSTGRES = "the same, 2 ms slower disk", "the same, on PostgreSQL"


def main() -> int:
    """Measure, tell, and say whether the ratio holds."""
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
        shim, server = _slow_disk(Path(folder)), _postgres()
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS} …", file=sys.stderr, flush=True)
            for name, rate in _round(number, shim, server):
                figures.setdefault(name, []).append(rate)
    medians = {name: statistics.median(values) for name, values in figures.items()}
    ratios = _ratios(medians)
    table = _table(figures, medians, ratios)
    print(table)
    print(json.dumps({"medians": {name: round(each) for name, each in medians.items()}, "ratios": ratios}))
    _write(table)
    return 0 if ratios[f"{LARGE} : {NAIVE}"] >= AT_LEAST_TIMES_NAIVE else 1


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
    pairs = [(SMALL, NAIVE), (LARGE, NAIVE), (SLOW_DISK, LARGE), (POSTGRES, LARGE)]
    ratios = {
        f"{one} : {other}": round(medians[one] / medians[other], 2)
        for one, other in pairs
        if one in medians and other in medians
    }
    ceiling = min(medians[VERIFYING], medians[COMMITTING])
    return ratios | {f"{LARGE} : the lower ceiling": round(medians[LARGE] / ceiling, 2)}


def _table(figures: Mapping[str, Sequence[float]], medians: Mapping[str, float], ratios: Mapping[str, float]) -> str:
    lines = [f"{os.cpu_count()} processors, {platform.machine()}, CPython {platform.python_version()}.", ""]
    lines += ["| statements a second | median | least | most |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {medians[name]:,.0f} | {min(values):,.0f} | {max(values):,.0f} |"
        for name, values in figures.items()
    ]
    lines += ["", "| ratio of medians | |", "|---|---|"]
    lines += [f"| {name} | {ratio} |" for name, ratio in ratios.items()]
    return "\n".join(lines)


def _write(table: str) -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
