"""What a bureau tells us that no agreement lets it tell: bulletins and packages go back, with a signed rejection.

Case leads and emergencies are taken all the same, and marked: whoever is asked co-operates (procedure rules art. 348),
and a fire waits for nobody (docs/decisions/0045).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.exchanges.agreed import Agreed, allows
from ecolink.federation import threads
from ecolink.federation.handling import Handler, Handlers, Reject
from ecolink.federation.statements import Stored
from ecolink.protocol.kinds.agreements import Shared, TermsV1

OPENINGS: Mapping[str, Shared] = MappingProxyType(
    {"bulletin.published.v1": "bulletin", "bulletin.shared.v1": "bulletin", "exchange.submitted.v1": "package"}
)
"""By what type such a thing is told."""
CORRECTED = "bulletin.corrected.v1"
"""Reaches all who had the bulletin; who refused that has nothing to correct."""
CODE = "sharing-not-agreed"

Waiting = Callable[[Session], Collection[TermsV1]]
"""Terms that a party has proposed and that not all have signed, as far as is known here."""


@dataclass(frozen=True, repr=False)
class Admission:
    """Stands before the handlers of other bureaus' statements."""

    agreed: Agreed
    waiting: Waiting

    def guard(self, handlers: Handlers) -> Handlers:
        """Return the handlers, those of what may be refused with a look at the agreements before them."""
        guarded = {*OPENINGS, CORRECTED}
        return {type_: self._guarded(apply) if type_ in guarded else apply for type_, apply in handlers.items()}

    def _guarded(self, apply: Handler) -> Handler:
        def look_first(session: Session, stored: Stored, now: datetime) -> None:
            if stored.statement.type != CORRECTED or _was_refused(session, stored):
                self._refuse_unagreed(session, stored)
            apply(session, stored, now)

        return look_first

    def _refuse_unagreed(self, session: Session, stored: Stored) -> None:
        said, us = stored.statement, self.agreed.us
        if said.body.get("author") == us:
            return  # our own bulletin, passed on: its author is told
        what = OPENINGS.get(said.type, "bulletin")
        terms = self.agreed.forbids(session, what, sharer=said.iss, recipient=us, day=china_day(said.iat))
        if terms is None or self._may_be_agreed(session, what, said.iss):
            return
        raise Reject(
            CODE,
            f"agreement {terms.code} does not let {said.iss} share a {what} with {us}; amend it, then tell it anew",
        )

    def _may_be_agreed(self, session: Session, what: Shared, sharer: str) -> bool:
        """Tell whether the last signature under terms that allow it may still be on its way to us."""
        both = {sharer, self.agreed.us}
        return any(
            both <= terms.members and allows(terms, what, sharer, self.agreed.us) for terms in self.waiting(session)
        )


def _was_refused(session: Session, stored: Stored) -> bool:
    """Tell whether we refused what this statement corrects."""
    return any(
        each.state == "rejected" and each.statement.type in OPENINGS and each.statement.iss == stored.statement.iss
        for each in threads.load(session, stored.statement.thread)
    )
