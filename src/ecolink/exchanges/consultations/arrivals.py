"""Applying what bureaus say of consultations: peers' words, our own, and ours that a peer gave back after a restore."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.exchanges.consultations import ledger
from ecolink.exchanges.consultations.ledger import History
from ecolink.exchanges.consultations.rules import MOVE_OF_TYPE, Verdict
from ecolink.exchanges.duties import Settle
from ecolink.federation.handling import Handlers, Park, Reject
from ecolink.federation.models import StatementRow
from ecolink.federation.statements import Stored

Finished = Callable[[Session, str, str, datetime], None]
"""Told that a task, by consultation and code, is over: nobody need be reminded of it any more."""

MAX_STATEMENTS = 500
"""A thread that has grown beyond this is being flooded."""

_EXPLANATIONS = {
    "invalid-body": "the body is not that of its type",
    "not-an-opening": "this thread has its invitation already",
    "strange-chair": "the chair is none of those invited",
    "strange-owner": "a task belongs to a bureau that was not invited",
    "not-a-party": "the bureau was not invited",
    "wrong-audience": "all is told to all who were invited, and to nobody else",
    "wrong-side": "this move belongs to another bureau",
    "not-open": "its author knew that this is not possible any more, or not yet",
}


@dataclass(frozen=True, repr=False)
class Arrivals:
    """Enters what was said; whatever crossed on the way, all parties' rows end alike."""

    us: str
    settle: Settle
    finished: Finished

    def handlers(self) -> Handlers:
        """Return what applies each type of statement."""
        return dict.fromkeys(MOVE_OF_TYPE, self.apply)

    def apply(self, session: Session, stored: Stored, now: datetime) -> None:
        """Apply one statement; applying it twice is applying it once.

        Raises:
            Park: the invitation, or another word its author had read, is not here yet.
            Reject: its author should have known that it does not stand.

        """
        said = stored.statement
        count = session.scalar(select(func.count()).where(StatementRow.thread == said.thread)) or 0
        if count > MAX_STATEMENTS:
            raise Reject("thread-full", f"the consultation has more than {MAX_STATEMENTS} statements; call another")
        history = History.load(session, said.thread, handed=stored)
        step = history.matter.step(said.digest)
        if step is None:
            raise Park("what it answers is not here yet")
        if step.verdict is Verdict.ILLEGAL:
            raise Reject(step.why, _EXPLANATIONS[step.why])
        row = ledger.write(session, history.matter, self.us)
        if row is None:
            return
        self.settle(session, history.matter.parties, now)
        for code, update in history.matter.tasks.items():
            if update.status in ledger.ENDS:
                self.finished(session, row.id, code, now)

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:
        """Enter a statement of ours that a restore had forgotten; what it answers brings it along later."""
        if stored.statement.type in MOVE_OF_TYPE:
            with suppress(Park, Reject):
                self.apply(session, stored, now)
