"""What a database says went wrong, without the values it went wrong with.

PostgreSQL quotes them: the whole row that breaks a constraint, the key that is there already, the text that is no
number. They may be personal data, and errors reach the log, so the text is cut where the error comes from.
"""

from typing import Any

from sqlalchemy import Engine, event

_DATA_EXCEPTION = "22"
"""The class of SQLSTATEs whose very first sentence quotes the value (PostgreSQL manual, appendix A)."""


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
