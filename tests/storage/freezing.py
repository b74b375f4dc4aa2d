"""Run `ecolink`, and freeze it before the first SQL that starts with a text: `freezing.py TEXT ARGUMENTS`.

The text COMMIT freezes it when all is done and nothing is kept yet.
"""

import signal
import sys
from typing import Any

from sqlalchemy import Connection, Engine, event

from ecolink.entrypoints.cli import main

text = sys.argv.pop(1)


@event.listens_for(Engine, "before_cursor_execute")
def freeze(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
    if sql.lstrip().startswith(text):
        signal.raise_signal(signal.SIGSTOP)


@event.listens_for(Engine, "commit")
def freeze_at_the_end(connection: Connection) -> None:
    freeze(connection, None, "COMMIT")


if __name__ == "__main__":
    main()
