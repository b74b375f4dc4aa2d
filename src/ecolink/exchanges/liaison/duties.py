"""The duties of monthly liaison that a record speaks of: the one it names, and those its day falls under."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.calendars import china_day
from ecolink.cadence.obligations import Obligation, derive
from ecolink.cadence.periods import Period


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
