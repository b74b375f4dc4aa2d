"""Run `ecolink`, and freeze it before the first SQL that starts with a text: `freezing.py TEXT ARGUMENTS`."""

import signal
import sys
from typing import Any

from sqlalchemy import Engine, event

from ecolink.entrypoints.cli import main

text = sys.argv.pop(1)


@event.listens_for(Engine, "before_cursor_execute")
def freeze(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
    if sql.lstrip().startswith(text):
        signal.raise_signal(signal.SIGSTOP)


if __name__ == "__main__":
    main()
