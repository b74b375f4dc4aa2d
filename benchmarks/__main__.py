"""`make bench`: receiving, beside the naive baseline, two TAXII servers and what the machine can do at best.

Prints a table and JSON. With `--check` it compares the ratios with those in docs/performance.md, writes nothing, and
ends with 1 when one has fallen well below the page's, or was not measured.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks.ceilings import rows_a_second, sync_ms, verifications_a_second
from benchmarks.page import PAGE, Figure, measure, options, report, rows_of, standing
from benchmarks.receiving import naive, receiving
from benchmarks.taxii import compare
from tests.support.postgres import NoPostgresError, Server, find_server

STATEMENTS = 24_000
SLACK = 0.8
"""Of the ratio on the page must stay when checked: machines and moments differ."""

VERIFYING, COMMITTING, NAIVE = "ES256 verifications, two threads", "rows in commits of 50", "naive node"
SMALL, LARGE = "ecolink, batches of 50", "ecolink, batches of 200"
MIXED = "ecolink, batches of 50, 100, 150 and 200"
SLOW_DISK, POSTGRES = "the same, 2 ms slower disk", "the same, on PostgreSQL"
ALONE = "ecolink, batches of 50, one connection, 10,000 stored"
OPENTAXII, MEDALLION = "OpenTAXII, the same", "medallion, the same"
CEILING = "the lower ceiling"

RATIOS: Mapping[tuple[str, str], float | None] = {
    (MIXED, NAIVE): 15,
    (LARGE, NAIVE): 15,
    (SMALL, NAIVE): None,
    (SLOW_DISK, LARGE): 0.7,
    (POSTGRES, LARGE): 0.7,
    (ALONE, OPENTAXII): 8,
    (ALONE, MEDALLION): 10,
    (MIXED, CEILING): 0.4,
    (LARGE, CEILING): 0.4,
    (SMALL, CEILING): None,
}
"""Which rates of one round are set beside each other, and what was asked of the ratio at least."""


def main() -> int:
    """Measure and tell."""
    parser = ArgumentParser()
    options(parser)
    parser.add_argument("--check", action="store_true", help="compare with the page, and write nothing")
    parser.add_argument("--statements", type=int, default=STATEMENTS, help="of each rate of ecolink's, in each round")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ecolink-bench-") as folder:
        shim, server = _slow_disk(Path(folder)), _postgres()
        rounds = measure(chosen.rounds, lambda: _round(chosen.statements, shim, server))
    missed = report("receiving", rounds, write=chosen.write and not chosen.check)
    if not chosen.check:
        return missed
    faults = fallen(
        {row.figure.name: row.median for row in rows_of(rounds)}, standing(PAGE.read_text("utf-8"), "receiving")
    )
    print("\n".join(faults) or "no ratio has fallen", file=sys.stderr)
    return int(bool(faults))


def _round(statements: int, shim: Path | None, server: Server | None) -> Iterator[Figure]:
    """Measure every rate once, and set them beside each other: what moves the machine in a round moves both."""
    rates: dict[str, float] = {}
    for name, rate in _rates(statements, shim, server):
        rates[name] = rate
        yield Figure(name, rate, "a second")
    yield Figure("a sync of 4 KB to the disk", sync_ms(), "ms")
    rates[CEILING] = min(rates[VERIFYING], rates[COMMITTING])
    for (one, other), least in RATIOS.items():
        if one in rates and other in rates:
            yield Figure(ratio(one, other), rates[one] / rates[other], "", least=least)


def _rates(statements: int, shim: Path | None, server: Server | None) -> Iterator[tuple[str, float]]:
    yield VERIFYING, verifications_a_second()
    yield COMMITTING, rows_a_second()
    yield NAIVE, naive(1_600)
    yield SMALL, receiving(statements, 50)
    yield MIXED, receiving(statements, 50, 100, 150, 200)
    yield LARGE, receiving(statements, 200)
    if shim is not None:
        yield SLOW_DISK, receiving(statements, 200, preload=shim)
    if server is not None:
        name = f"bench_{os.getpid()}"
        server.execute(f"CREATE DATABASE {name}")
        yield POSTGRES, receiving(statements, 200, database_url=server.database(name))
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


def ratio(one: str, other: str) -> str:
    """Name how many times `other` `one` is."""
    return f"{one} : {other}"


def fallen(measured: Mapping[str, float], stood: Mapping[str, str]) -> list[str]:
    """Return what keeps the ratios from being as good as those that stand on the page, a line each."""
    faults = []
    for name in (ratio(*each) for each in RATIOS):
        if name not in measured:
            faults.append(f"not measured: {name}")
        elif name not in stood:
            faults.append(f"not on the page, run make bench first: {name}")
        elif measured[name] < SLACK * float(stood[name]):
            faults.append(f"fallen: {name} is {measured[name]:.2f}, was {stood[name]}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
