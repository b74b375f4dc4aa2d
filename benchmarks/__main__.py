"""`make bench`: receiving beside the naive baseline and beside what the machine can do at best."""

import json
import platform
import statistics
import sys

from benchmarks.ceilings import rows_a_second, verifications_a_second
from benchmarks.receiving import naive, receiving

ROUNDS = 3
AT_LEAST_TIMES_NAIVE = 8.0


def main() -> int:
    """Measure, print a table and JSON, and say whether the ratio holds."""
    figures: dict[str, list[float]] = {"ES256 verify, 2 threads": [], "50-row commits": [], "naive": [], "ecolink": []}
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS} …", file=sys.stderr, flush=True)
        figures["ES256 verify, 2 threads"].append(verifications_a_second())
        figures["50-row commits"].append(rows_a_second())
        figures["naive"].append(naive(800))
        figures["ecolink"].append(receiving(16_000, 50))
    medians = {name: statistics.median(values) for name, values in figures.items()}
    ceiling = min(medians["ES256 verify, 2 threads"], medians["50-row commits"])
    ratios = {
        "times naive": round(medians["ecolink"] / medians["naive"], 1),
        "of the ceiling": round(medians["ecolink"] / ceiling, 2),
    }
    print(f"{'':26}{'median/s':>10}{'min':>10}{'max':>10}")
    for name, values in figures.items():
        print(f"{name:26}{medians[name]:>10.0f}{min(values):>10.0f}{max(values):>10.0f}")
    machine = f"{platform.machine()}, CPython {platform.python_version()}"
    print(json.dumps({"machine": machine, "medians": {name: round(each) for name, each in medians.items()}, **ratios}))
    return 0 if ratios["times naive"] >= AT_LEAST_TIMES_NAIVE else 1


if __name__ == "__main__":
    sys.exit(main())
