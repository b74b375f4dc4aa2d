"""`make soak`: three real nodes under load on bad lines, killed, rekeyed and put out of time; then the books are checked.

Ends with 1 when anything does not hold; then the folder with logs and databases stays, and is named.
"""

import argparse
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.plan import make_plan
from tests.soak.run import Soak

MOST_SHOWN = 50
SETTLES_WITHIN_S = 1800.0


def main() -> int:
    """Run one soak and tell how it went."""
    wanted = argparse.ArgumentParser(prog="make soak", description=__doc__)
    wanted.add_argument("--seed", type=int, help="repeats the plan of an earlier run")
    wanted.add_argument("--messages", type=int, default=100_000)
    wanted.add_argument("--keep", action="store_true", help="keep the folder of a run without fault as well")
    given = wanted.parse_args()
    for name in [name for name in os.environ if name.startswith("ECOLINK_")]:
        del os.environ[name]  # settings of another node

    plan = make_plan(secrets.randbelow(10**6) if given.seed is None else given.seed, given.messages)
    began = time.monotonic()

    def tell(line: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - began), 60)
        print(f"[{minutes:3}:{seconds:02}] {line}", flush=True)

    print(f"seed {plan.seed}, {plan.messages:,} messages; again: make soak SEED={plan.seed} MESSAGES={plan.messages}")
    print("\n".join(f"  {event}" for event in plan.events), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="ecolink-soak-"))
    outcome = Soak(plan, folder, tell, SETTLES_WITHIN_S).run()
    tell("done")
    print(json.dumps(outcome.figures, indent=2, ensure_ascii=False))
    if not outcome.violations:
        print(f"Every promise held (seed {plan.seed}).")
        if not given.keep:
            shutil.rmtree(folder)
        return 0
    (folder / "violations.txt").write_text("\n".join(map(str, outcome.violations)))
    print(f"{len(outcome.violations)} violations (seed {plan.seed}); everything is kept in {folder}:")
    print("\n".join(f"  {each}" for each in outcome.violations[:MOST_SHOWN]))
    return 1


if __name__ == "__main__":
    sys.exit(main())
