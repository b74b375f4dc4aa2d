"""A node of the demo: `ecolink serve`, but for its clock, which the demo moves on.

    python -m ecolink.entrypoints.demo.node SETTINGS CLOCK

SETTINGS is the node's settings file, CLOCK the file of the play's clock. Nothing else hands another clock to the
wiring: no setting, variable or option of `ecolink serve` can.
"""

import sys
import threading
import time
from functools import partial
from pathlib import Path

from ecolink.configuration import load
from ecolink.entrypoints.demo.clock import PlayClock
from ecolink.entrypoints.serving import listen, run
from ecolink.entrypoints.wiring import Node, build_node
from ecolink.settings import Settings

LOOK_EVERY_S = 0.05


def build(settings: Settings, clock: PlayClock) -> Node:
    """Put a node together that goes by the play's clock, and wake its loops whenever that is moved."""
    node = build_node(settings, clock)
    threading.Thread(target=partial(_wake, node, clock), name="ecolink-demo-clock", daemon=True).start()
    return node


def _wake(node: Node, clock: PlayClock) -> None:
    seen = clock.ahead()
    while True:
        time.sleep(LOOK_EVERY_S)
        if (ahead := clock.ahead()) != seen:
            seen = ahead
            node.bells.sound_all()


def main(config: Path, clock: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = load(config)
    with listen(settings) as sockets:
        play = partial(build, clock=PlayClock(clock))
        run(settings, sockets, worker=True, announce=lambda: None, build=play)


if __name__ == "__main__":  # helper processes of the node's own import this file too
    main(Path(sys.argv[1]), Path(sys.argv[2]))
