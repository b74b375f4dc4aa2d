"""Run `ecolink`, and freeze it at its first commit of a statement: `stopping.py before|after ARGUMENTS`.

SIGSTOP halts every thread between one instruction and the next; the test waits for that and pulls the plug.
"""

import signal
import sys
import threading
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from ecolink.entrypoints.cli import main

moment = sys.argv.pop(1)
transaction = threading.local()


@event.listens_for(Engine, "before_cursor_execute")
def notice(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
    if sql.startswith("INSERT INTO statements "):
        transaction.holds_a_statement = True


@event.listens_for(Session, f"{moment}_commit")
def freeze(_session: Session) -> None:
    if getattr(transaction, "holds_a_statement", False):
        signal.raise_signal(signal.SIGSTOP)  # to this thread, so that not even it goes one step further


if __name__ == "__main__":
    main()
