"""Run `ecolink` by a clock that a test moves, and die at a moment of its watch: `mortal.py CLOCK MOMENT ARGUMENTS`.

The clock is the demo's, in a file. MOMENT counts what the watch asks of the database, statements and commits, once the
clock has been moved: at the next one the process is gone, as by `kill -9`; with `inf` it lives. No setting of the
product can do either.
"""

import itertools
import os
import signal
import sys
import threading
from pathlib import Path

from sqlalchemy import Engine, event

from ecolink.entrypoints import serving, wiring
from ecolink.entrypoints.cli import main
from ecolink.entrypoints.demo import node
from ecolink.entrypoints.demo.clock import PlayClock
from ecolink.entrypoints.wiring import Node
from ecolink.kit.clock import Clock
from ecolink.settings import Settings

clock, moment = PlayClock(Path(sys.argv.pop(1))), float(sys.argv.pop(1))
begun, gone_by = clock.ahead(), itertools.count()


@event.listens_for(Engine, "before_cursor_execute")
@event.listens_for(Engine, "commit")
def count(*_: object) -> None:
    watching = threading.current_thread().name == "ecolink-watch" and clock.ahead() != begun
    if watching and next(gone_by) == moment:
        os.kill(os.getpid(), signal.SIGKILL)


def build_by_the_clock_of_the_test(settings: Settings, _: Clock) -> Node:
    return node.build(settings, clock)


serving.build_node = wiring.build_node = build_by_the_clock_of_the_test

if __name__ == "__main__":
    main()
