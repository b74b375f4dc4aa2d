"""The duties of monthly liaison: which are open now, and which one somebody names."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.calendars import china_day
from ecolink.cadence.obligations import Obligation, derive
from ecolink.cadence.periods import Period
from ecolink.cadence.standing import State, judge
from ecolink.exchanges.liaison import ledger

LOOKED_BACK = timedelta(days=400)
"""How long ago a period may have begun whose contact is still asked for."""


def open_now(session: Session, agreements: Iterable[Agreement], us: str, now: datetime) -> list[Obligation]:
    """Return the contacts that we owe with others and that are not confirmed yet, the one due first in front."""
    today = china_day(now)
    found = [
        obligation
        for agreement in agreements
        for obligation in derive(agreement, today - LOOKED_BACK, today)
        if obligation.duty.kind == "liaison" and us in obligation.parties and obligation.opens_at <= now
        if judge(obligation, ledger.evidence_of(session, obligation), now).state is not State.FULFILLED
    ]
    return sorted(found, key=lambda obligation: (obligation.due_at, obligation.key))


def named(agreements: Iterable[Agreement], key: str) -> Obligation | None:
    """Return the obligation of that key; None when there is none."""
    code, _, label = key.split("/")
    period = Period.parse(label)
    for agreement in agreements:
        if agreement.code == code:
            for obligation in derive(agreement, period.first, period.first):
                if obligation.key == key and obligation.duty.kind == "liaison":
                    return obligation
    return None


def about(agreements: Iterable[Agreement], parties: Collection[str], around: datetime) -> Iterator[Obligation]:
    """Go through the contacts that bind nobody but `parties` in the periods in which a moment lies."""
    day = china_day(around)
    for agreement in agreements:
        for obligation in derive(agreement, day - timedelta(days=366), day):
            if obligation.duty.kind == "liaison" and obligation.parties <= set(parties) and day in obligation.period:
                yield obligation
