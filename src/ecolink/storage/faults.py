"""What a database says went wrong, without the values it went wrong with; and whether it is the database's own fault.

PostgreSQL quotes them: the whole row that breaks a constraint, the key that is there already, the text that is no
number. They may be personal data, and errors reach the log, so the text is cut where the error comes from.
"""

from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_DATA_EXCEPTION = "22"
"""The class of SQLSTATEs whose very first sentence quotes the value (PostgreSQL manual, appendix A)."""

_READ_ONLY = "25006"
"""SQLSTATE of a server that takes no writes: a standby somebody failed over to, or one an operator set so."""

_FULL = "53100"
"""SQLSTATE of a server that needs room on its disk and finds none."""

_CONFLICT = frozenset({"40001", "40P01"})
"""SQLSTATEs of PostgreSQL for the one it chose to end of two transactions that were in each other's way."""


def is_conflict(fault: Exception) -> bool:
    """Tell whether another transaction was in the way: the next try passes, and nothing is amiss."""
    return isinstance(fault, DBAPIError) and getattr(fault.orig, "sqlstate", None) in _CONFLICT


def is_outage(fault: Exception) -> bool:
    """Tell whether the database cannot work just now (full, locked, read-only or away), and no program is wrong."""
    if isinstance(fault, OperationalError | PoolTimeoutError | PendingRollbackError):
        return True  # the last of them: something was still to be done when the connection was lost
    return isinstance(fault, DBAPIError) and (
        fault.connection_invalidated or getattr(fault.orig, "sqlstate", None) == _READ_ONLY
    )


def is_full(fault: Exception) -> bool:
    """Tell whether a server found no room for this; for what is smaller it may have some."""
    return isinstance(fault, DBAPIError) and getattr(fault.orig, "sqlstate", None) == _FULL


def reason_of(fault: Exception) -> str:
    """Return what the database said, in one line."""
    said = str(getattr(fault, "orig", None) or fault).strip()
    return said.splitlines()[0] if said else type(fault).__name__


def keep_values_out(engine: Engine) -> None:
    """Have no error of `engine` quote a value, whatever language the server speaks."""
    event.listen(engine, "handle_error", _cut)


def _cut(context: Any) -> None:  # noqa: ANN401 - SQLAlchemy's ExceptionContext, whose members it leaves untyped
    fault, wrapped = context.original_exception, context.sqlalchemy_exception
    diagnosis = getattr(fault, "diag", None)
    if diagnosis is None or diagnosis.sqlstate is None:
        return  # SQLite, which names columns only; or no answer of a server
    quotes = diagnosis.sqlstate.startswith(_DATA_EXCEPTION)
    kept = f"{'a value does not fit' if quotes else diagnosis.message_primary} [{diagnosis.sqlstate}]"
    if wrapped is not None:
        wrapped.args = tuple(arg.replace(str(fault), kept) if isinstance(arg, str) else arg for arg in wrapped.args)
    fault.args = (kept,)
