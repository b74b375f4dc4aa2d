"""Being alone in a thread: whoever applies, erases, or has what was set aside tried again, has it until the commit.

Otherwise a statement could miss a predecessor that another worker is just applying, and be set aside after that worker
had looked for what waits: nobody would wake it again. And an erasure, which locks every statement of its thread, would
wait in a ring with a worker that has taken one of them. So nobody waits for a thread with a statement locked: a thread
comes first, its statements after it, and several threads come in order. On SQLite there is one writer anyway.
"""

from typing import Final

from sqlalchemy import String, bindparam, func, select
from sqlalchemy.orm import Session

from ecolink.storage.queries import Query

_THREAD: Final = func.hashtextextended(bindparam("thread", type_=String), 0)
_WAIT: Final = Query(select(func.pg_advisory_xact_lock(_THREAD)))
_TRY: Final = Query(select(func.pg_try_advisory_xact_lock(_THREAD)))


def wait(session: Session, thread: str) -> None:
    """Have a thread until the commit, once whoever has it now is done; no statement may be locked yet by the caller."""
    if _has_several_writers(session):
        _WAIT.first(session, {"thread": thread})


def at_once(session: Session, thread: str) -> bool:
    """Have a thread until the commit unless somebody else has it; tell whether it was free, or ours already."""
    return not _has_several_writers(session) or bool(_TRY.scalar(session, {"thread": thread}))


def _has_several_writers(session: Session) -> bool:
    return session.connection().dialect.name != "sqlite"
