"""`ecolink worker` with an ear inside: a line for each transaction in which peers' receipts were committed, and when.

The clock of these moments is one for all processes of a machine.
"""

import json
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ecolink.entrypoints.cli import main as ecolink
from ecolink.kit.imports import models_built_when_used

with models_built_when_used():  # as the command itself does: what is measured is its memory, too
    from ecolink.entrypoints import wiring
    from ecolink.federation.receipts import Confirmed
    from ecolink.storage.engine import after_commit

_telling = threading.Lock()
_build = wiring.build_node


def build(*args: Any, **kwargs: Any) -> wiring.Node:
    """Put the node together as it always is, and listen to its receipts."""
    node = _build(*args, **kwargs)
    node.hooks.receipted.append(hear)
    return node


def hear(session: Any, confirmed: Sequence[Confirmed], now: datetime) -> None:  # noqa: ARG001 - a hook
    """Tell what a receipt confirmed, once it is committed."""
    places = [(each.jti, each.recipient) for each in confirmed]

    def tell() -> None:
        moment = time.monotonic()
        with _telling:
            print(json.dumps({"at": moment, "places": places}), flush=True)

    after_commit(session, tell)


if __name__ == "__main__":
    wiring.build_node = build
    sys.argv = ["ecolink", "--config", sys.argv[1], "worker"]
    ecolink()
