"""Run `ecolink` on a machine whose clock is wrong: `skewed.py SECONDS ARGUMENTS`.

No setting of the product can do this: the soak starts this program in place of `ecolink`, and only it hands another
clock to the wiring.
"""

import sys
from datetime import datetime, timedelta

from ecolink.entrypoints import serving
from ecolink.entrypoints.cli import main
from ecolink.kit.clock import SystemClock


def run_wrong_by(skew: timedelta) -> None:
    class WrongClock(SystemClock):
        def now(self) -> datetime:
            return super().now() + skew

    serving.SystemClock = WrongClock
    main()


if __name__ == "__main__":  # processes of the node's own that import this file read no clock
    run_wrong_by(timedelta(seconds=float(sys.argv.pop(1))))
