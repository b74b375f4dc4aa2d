"""Matters as an auditor finds them: by their case or their thread, with the proof of everything said about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit.access_models import AccessRow
from ecolink.errors import NotFoundError
from ecolink.exchanges.bulletins.models import Bulletin
from ecolink.exchanges.emergencies.models import Emergency
from ecolink.exchanges.leads.models import Lead
from ecolink.federation.models import StatementRow
from ecolink.federation.peers import Peer
from ecolink.protocol import evidence
from ecolink.protocol.card import fingerprint
from ecolink.protocol.evidence import Report, Trust
from ecolink.web.rooms import Rooms

MOST_MATTERS = 50


@dataclass(frozen=True, slots=True)
class Matter:
    """A matter as people know it."""

    thread: str
    kind: str
    """`lead`, `bulletin` or `emergency`; for anything else the first word of what was signed."""
    title: str
    at: datetime
    path: str | None = None
    """Its page in its room."""


@dataclass(frozen=True)
class Matters:
    """Finds matters, and examines what is held of one."""

    rooms: Rooms

    def of_case(self, session: Session, case_number: str) -> list[Matter]:
        """Return the leads and bulletins that the access log names with the case, newest first."""
        named = select(AccessRow.object_type, AccessRow.object_id).where(AccessRow.case_number == case_number)
        found: list[Matter | None] = []
        for kind, number in session.execute(named.distinct().limit(MOST_MATTERS)):
            if kind == "lead":
                found.append(_of_lead(session.get(Lead, number)))
            elif kind == "bulletin":
                found.append(_of_bulletin(session.get(Bulletin, number)))
        return sorted((matter for matter in found if matter), key=lambda matter: matter.at, reverse=True)

    def of_thread(self, session: Session, thread: str) -> Matter:
        """Return what people know a thread as; of a room that gives its matters no names, the thread itself.

        Raises:
            NotFoundError: no statement of it is held here.

        """
        bulletin = select(Bulletin).where(Bulletin.thread == thread).order_by(Bulletin.id).limit(1)
        named = (
            _of_lead(session.get(Lead, thread))
            or _of_emergency(session.get(Emergency, thread))
            or _of_bulletin(session.scalars(bulletin).one_or_none())
        )
        if named is not None:
            return named
        first = select(StatementRow).where(StatementRow.thread == thread).order_by(StatementRow.n).limit(1)
        row = session.scalars(first).one_or_none()
        if row is None:
            raise NotFoundError
        return Matter(thread, row.type.split(".")[0], thread, row.received_at)

    def is_under_way(self, session: Session, thread: str, now: datetime) -> bool:
        """Tell whether people still work on a matter, for which they may need its persons."""
        rooms = (self.rooms.leads.arrivals, self.rooms.bulletins, self.rooms.emergencies)
        return any(room.is_under_way(session, thread, now) for room in rooms)

    def names(self, session: Session) -> Mapping[str, Peer]:
        """Return the other bureaus, by unit code."""
        return self.rooms.exchange.peers.names(session)

    def fingerprints(self, session: Session) -> dict[str, str]:
        """Return the fingerprint of the keys that this node trusts, of each bureau."""
        exchange = self.rooms.exchange
        codes = [exchange.us, *(code for code, peer in self.names(session).items() if peer.state != "pending")]
        return {code: fingerprint(code, exchange.keystore.head(session, code).digest) for code in codes}

    def examine(self, file: bytes, fingerprints: Mapping[str, str]) -> Report:
        """Check an evidence file as anybody could offline, with the keys that this node trusts."""
        return evidence.verify(file, Trust(fingerprints=fingerprints))


def _of_lead(lead: Lead | None) -> Matter | None:
    if lead is None or lead.sent_at is None:
        return None
    return Matter(lead.id, "lead", lead.letter_number, lead.created_at, f"/leads/{lead.id}")


def _of_bulletin(told: Bulletin | None) -> Matter | None:
    if told is None or not told.current:
        return None
    return Matter(told.thread, "bulletin", told.title or told.number or "", told.told_at, f"/bulletins/{told.id}")


def _of_emergency(told: Emergency | None) -> Matter | None:
    if told is None or told.sent_at is None:
        return None
    return Matter(told.id, "emergency", told.title, told.sent_at, f"/emergencies/{told.id}")
