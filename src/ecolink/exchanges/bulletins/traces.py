"""What the access log keeps of bulletins: who wrote, told, received, revealed and took back what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.exchanges.bulletins.models import Bulletin
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.bulletins import BulletinPrivate

ACTIONS: Mapping[str, AccessAction] = {
    "told": AccessAction.DISCLOSE,
    "passed on": AccessAction.DISCLOSE,
    "received": AccessAction.COLLECT,
    "opened": AccessAction.CONSULT,
    "printed": AccessAction.CONSULT,
    "persons revealed": AccessAction.REVEAL,
}
"""What the law calls a thing done; all else alters."""


@dataclass(frozen=True, repr=False)
class Traces:
    """Leaves marks in the access log."""

    access: AccessLog

    def leave(
        self,
        session: Session,
        row: Bulletin,
        what: str,
        *,
        by: Principal | str,
        now: datetime,
        case_number: str | None = None,
        private: BulletinPrivate | None = None,
        recipient: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Remember that `by`, a person here or a peer's unit code, did `what`, and how many persons that touched."""
        details = {"what": what}
        if private is not None and (private.persons or private.items):
            details |= {"persons": str(len(private.persons)), "items": str(len(private.items))}
        entry = AccessEntry(
            at=now,
            actor=by if isinstance(by, str) else by.username,
            role="peer" if isinstance(by, str) else by.lead_role,
            action=ACTIONS.get(what, AccessAction.ALTER),
            object_type="bulletin",
            object_id=row.id,
            case_number=case_number,
            recipient=recipient,
            reason=reason,
            details=details,
        )
        self.access.record(session, entry)
