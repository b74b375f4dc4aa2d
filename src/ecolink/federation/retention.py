"""The retention clock: personal data leave this node when the time is over for which their author let it keep them.

Every statement says, signed, until when it may be kept (`retain_until`). From then on its private part, its files and
what rooms keep beside it are erased, on this node alone: each recipient's own clock does the same there. A matter that
is still under way keeps everything until it ends; nobody is left to work on a case whose persons are gone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.federation import alone
from ecolink.federation.erasure import Erasure
from ecolink.federation.models import StatementRow
from ecolink.kit.events import structlog
from ecolink.protocol.statement import Lane
from ecolink.storage.engine import Database

LOOKED_AT: Final = 20_000
"""Statements looked at in one step; with a step every ten minutes, millions are looked at in a day."""

MOST_FOUND: Final = 500
"""Statements taken up in one step at most: a great many that end on one day do not keep the node from its work."""

IsUnderWay = Callable[[Session, str, datetime], bool]
"""Tells whether a room's matter, by its thread, still goes on."""

_log = structlog.get_logger(__name__)


@dataclass(repr=False)
class Retention:
    """Goes through all statements, some at each step, round and round. Any number of processes may do so at once."""

    database: Database
    erasure: Erasure
    rooms: Sequence[IsUnderWay]
    _place: int = field(default=0, init=False)
    """The last statement looked at."""

    def step(self, now: datetime) -> int:
        """Look at the next statements and erase what is over; return of how many statements."""
        threads = self._over(now)
        erased, under_way = 0, []
        for thread in threads:
            with self.database.begin() as session:
                alone.wait(session, thread)  # before the rooms lock anything of their own to answer
                if any(is_under_way(session, thread, now) for is_under_way in self.rooms):
                    under_way.append(thread)
                else:
                    erased += self.erasure.expire(session, thread, now=now)
        if under_way:
            _log.warning("retention.still_under_way", count=len(under_way), threads=under_way[:20])
        return erased

    def _over(self, now: datetime) -> list[str]:
        """Return the threads, of the next portion, with statements whose time is over."""
        with self.database.read() as session:
            newest = session.scalar(select(func.max(StatementRow.n))) or 0
            first = 0 if self._place >= newest else self._place
            found = session.execute(
                select(StatementRow.n, StatementRow.thread)
                .where(
                    StatementRow.n > first,
                    StatementRow.n <= first + LOOKED_AT,
                    StatementRow.retain_until <= now,
                    StatementRow.erased_at.is_(None),
                    StatementRow.lane != Lane.CONTROL.value,
                    StatementRow.state != "pending",
                )
                .order_by(StatementRow.n)
                .limit(MOST_FOUND)
            ).all()
        self._place = found[-1].n if len(found) == MOST_FOUND else first + LOOKED_AT
        return list(dict.fromkeys(row.thread for row in found))
