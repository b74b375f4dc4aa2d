"""`make bench`: receiving beside the naive baseline and beside what the machine can do at best."""

import json
import platform
import statistics
import sys
from collections.abc import Iterator

from benchmarks.ceilings import rows_a_second, verifications_a_second
from benchmarks.receiving import naive, receiving

ROUNDS = 3
AT_LEAST_TIMES_NAIVE = 8.0
SIZES = (50, 200)
"""Statements in a batch: a busy hour, and catching up."""


def main() -> int:
    """Measure, print a table and JSON, and say whether the ratio holds."""
    figures: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS} …", file=sys.stderr, flush=True)
        for name, rate in _round():
            figures.setdefault(name, []).append(rate)
    medians = {name: statistics.median(values) for name, values in figures.items()}
    ceiling = min(medians[VERIFYING], medians[COMMITTING])
    ratios = {
        f"batches of {size}": {
            "times naive": round(medians[f"ecolink, batches of {size}"] / medians[NAIVE], 1),
            "of the ceiling": round(medians[f"ecolink, batches of {size}"] / ceiling, 2),
        }
        for size in SIZES
    }
    print(f"{'':26}{'median/s':>10}{'min':>10}{'max':>10}")
    for name, values in figures.items():
        print(f"{name:26}{medians[name]:>10.0f}{min(values):>10.0f}{max(values):>10.0f}")
    machine = f"{platform.machine()}, CPython {platform.python_version()}"
    print(json.dumps({"machine": machine, "medians": {name: round(each) for name, each in medians.items()}, **ratios}))
    return 0 if ratios[f"batches of {SIZES[-1]}"]["times naive"] >= AT_LEAST_TIMES_NAIVE else 1


VERIFYING, COMMITTING, NAIVE = "ES256 verify, 2 threads", "50-row commits", "naive"


def _round() -> Iterator[tuple[str, float]]:
    yield VERIFYING, verifications_a_second()
    yield COMMITTING, rows_a_second()
    yield NAIVE, naive(1_600)
    for size in SIZES:
        yield f"ecolink, batches of {size}", receiving(24_000, size)


if __name__ == "__main__":
    sys.exit(main())
