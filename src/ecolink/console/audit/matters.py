"""Matters as an auditor finds them: by the number of a case, with the proof of everything said about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit.access_models import AccessRow
from ecolink.exchanges.bulletins.models import Bulletin
from ecolink.exchanges.leads.models import Lead
from ecolink.federation.peers import Peer
from ecolink.protocol import evidence
from ecolink.protocol.card import fingerprint
from ecolink.protocol.evidence import Report, Trust
from ecolink.web.rooms import Rooms

MOST_MATTERS = 50


@dataclass(frozen=True, slots=True)
class Matter:
    """A matter of a case."""

    thread: str
    kind: str
    """`lead` or `bulletin`."""
    title: str
    at: datetime


@dataclass(frozen=True)
class Matters:
    """Finds matters, and examines what is held of one."""

    rooms: Rooms

    def of_case(self, session: Session, case_number: str) -> list[Matter]:
        """Return the leads and bulletins that the access log names with the case, newest first."""
        named = select(AccessRow.object_type, AccessRow.object_id).where(AccessRow.case_number == case_number)
        found: list[Matter] = []
        for kind, number in session.execute(named.distinct().limit(MOST_MATTERS)):
            if kind == "lead" and (lead := session.get(Lead, number)) is not None and lead.sent_at is not None:
                found.append(Matter(lead.id, kind, lead.letter_number, lead.created_at))
            elif kind == "bulletin" and (told := session.get(Bulletin, number)) is not None and told.current:
                found.append(Matter(told.thread, kind, told.title or told.number or "", told.told_at))
        return sorted(found, key=lambda matter: matter.at, reverse=True)

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
