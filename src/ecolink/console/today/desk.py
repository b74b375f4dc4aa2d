"""What lies on somebody's desk: gathered from the rooms, each part only for those who may see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.alerts.health import health_of_channels
from ecolink.cadence.calendars import china_day
from ecolink.console.cooperation.waiting import Wait, Waiting
from ecolink.exchanges.leads.lists import Filter
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.views import CountsOut, LeadSummary
from ecolink.exchanges.obligations.filters import ObligationFilters
from ecolink.exchanges.obligations.models import ObligationRow
from ecolink.exchanges.obligations.schemas import ObligationLineOut
from ecolink.exchanges.obligations.views import Names
from ecolink.federation import queues
from ecolink.federation.peers import Peer
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.web.channel_schemas import HealthOut
from ecolink.web.rooms import Rooms

MOST_LEADS: Final = 8
QUIET_AFTER: Final = timedelta(minutes=15)
"""A partner not heard of for so long is shown as quiet: nodes compare their logs every ten minutes."""


@dataclass(frozen=True, slots=True)
class Partner:
    """How another bureau's node is reached."""

    peer: Peer
    light: Literal["good", "quiet", "failing", "off"]
    undelivered: int
    oldest: datetime | None
    """When the first of what is undelivered was queued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A desk as it is shown. A part that is None is not open to the person."""

    counts: CountsOut | None
    leads: Sequence[LeadSummary] | None
    waiting: Sequence[Wait]
    """What waits for our word in liaison and exchange, and this person may answer."""
    bureau: Names
    obligations: Sequence[ObligationLineOut] | None
    partners: Sequence[Partner] | None
    channels: Sequence[HealthOut] | None


@dataclass(frozen=True)
class Desk:
    """Gathers what a person has to do."""

    rooms: Rooms

    def lay(self, session: Session, by: Principal, now: datetime) -> Laid:
        """Return what lies before somebody now."""
        reads_leads = by.may(Permission.LEAD_READ)
        return Laid(
            counts=self.rooms.leads.lists.counts(session, now) if reads_leads else None,
            leads=self._leads(session, now) if reads_leads else None,
            waiting=Waiting(self.rooms.cooperation).for_us(session, by, now),
            bureau=self.rooms.cooperation.obligations.views.names(session),
            obligations=self._obligations(session, now) if by.may(Permission.OBLIGATION_READ) else None,
            partners=self._partners(session, now) if by.may(Permission.PEER_READ) else None,
            channels=[HealthOut.of(each) for each in health_of_channels(session)]
            if by.may(Permission.ALERT_READ)
            else None,
        )

    def _leads(self, session: Session, now: datetime) -> list[LeadSummary]:
        """Return the leads on which it is our turn, those due first."""
        room = self.rooms.leads
        names = room.reading.casebook.peers.names(session)
        ours = room.lists.select(Filter(ours_to_do=True), now).order_by(Lead.next_due, Lead.id).limit(MOST_LEADS)
        return [LeadSummary.of(lead, names.get(lead.peer), now) for lead in session.scalars(ours)]

    def _obligations(self, session: Session, now: datetime) -> list[ObligationLineOut]:
        """Return what this month and this quarter ask of us, and whatever is still owed from before."""
        today = china_day(now)
        labels = (f"{today:%Y-%m}", f"{today.year}-Q{(today.month + 2) // 3}", f"{today.year}")
        current = select(ObligationRow).where(ObligationRow.binds, ObligationRow.period.in_(labels))
        owed = ObligationFilters(owed=True, due_before=today).select()
        rows = {row.key: row for chosen in (owed, current) for row in session.scalars(chosen.limit(200))}
        in_order = sorted(rows.values(), key=lambda row: (row.due_at, row.key))
        return self.rooms.cooperation.obligations.views.lines(session, in_order)

    def _partners(self, session: Session, now: datetime) -> list[Partner]:
        waiting: dict[str, int] = {}
        since: dict[str, datetime] = {}
        for queue in queues.status(session):
            waiting[queue.peer] = waiting.get(queue.peer, 0) + queue.waiting
            if queue.oldest is not None:
                since[queue.peer] = min(since.get(queue.peer, queue.oldest), queue.oldest)
        return [
            Partner(peer, _light(peer, now), waiting.get(code, 0), since.get(code))
            for code, peer in self.rooms.exchange.peers.names(session).items()
        ]


def _light(peer: Peer, now: datetime) -> Literal["good", "quiet", "failing", "off"]:
    if peer.state != "active":
        return "off"
    if peer.last_error is not None:
        return "failing"
    heard = peer.last_contact_at
    return "good" if heard is not None and now - heard < QUIET_AFTER else "quiet"
