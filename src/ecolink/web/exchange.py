"""What the endpoints of administering the exchange work on: peers, keys, queues, what was set aside."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.federation.applying import Applier
from ecolink.federation.keystore import Keystore
from ecolink.federation.peers import Peers
from ecolink.identity.principal import Principal


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Exchange:
    """This node's side of the exchange, and the access log its administration is entered in."""

    us: str
    peers: Peers
    keystore: Keystore
    applier: Applier
    access: AccessLog
    card: Callable[[Session, datetime], bytes]

    def note(self, session: Session, what: str, object_id: str, by: Principal, now: datetime, reason: str = "") -> None:
        """Enter an administrative act into the access log."""
        entry = AccessEntry.administered(what, object_id, by=by.username, role=by.lead_role, at=now, reason=reason)
        self.access.record(session, entry)
