"""What other bureaus say of agreements, applied on arrival; what is wrong goes back with a reason and the mend."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.exchanges.agreements.record import BODIES, Record, read_body
from ecolink.exchanges.agreements.rules import find_fault
from ecolink.exchanges.cosigned import register
from ecolink.federation import threads
from ecolink.federation.handling import Handlers, Reject
from ecolink.federation.peers import Peers, PeerState
from ecolink.federation.statements import Stored
from ecolink.protocol.kinds.agreements import AgreementProposedV1


@dataclass(frozen=True, repr=False)
class Arrivals:
    """Applies peers' statements, and ours that come back."""

    us: str
    peers: Peers
    record: Record

    def handlers(self) -> Handlers:
        """Return what applies each type of statement."""
        return dict.fromkeys(BODIES, self._apply)

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:
        """Write down again what we said and a restore had forgotten.

        A word on a peer's proposal that is not here again yet is taken up when that comes.
        """
        if stored.statement.type not in BODIES:
            return
        try:
            self.record.apply(session, stored, now)
        except Reject:
            return

    def note_rejected(self, session: Session, stored: Stored, now: datetime) -> None:  # noqa: ARG002 - a hook
        """A peer's node refused a proposal of ours: that stands beside it as the peer's objection, until it signs."""
        said = stored.statement
        ours = (each.statement for each in threads.load(session, said.thread))
        refused = next((each for each in ours if each.digest == said.body.get("digest")), None)
        if refused is None or refused.type != "agreement.proposed.v1":
            return
        subject = str(refused.body.get("digest"))
        reason = f"{said.body.get('code')}: {said.body.get('detail')}"
        try:
            register.object_to(session, subject, said.iss, said.iat, reason[:1000])
        except (LookupError, ValueError):
            return

    def active(self, session: Session) -> set[str]:
        """Return the bureaus we can talk to, and ourselves."""
        names = self.peers.names(session)
        return {self.us} | {code for code, peer in names.items() if peer.state is PeerState.ACTIVE}

    def _apply(self, session: Session, stored: Stored, now: datetime) -> None:
        said = stored.statement
        if said.approver is None:
            raise Reject("approver-missing", "an agreement binds a bureau: name who approved it")
        body = read_body(stored)
        if isinstance(body, AgreementProposedV1):
            known = self.record.known(session, body.agreement, lock=True)
            bureaus = frozenset({said.iss, *said.aud})
            fault = find_fault(body.subject, known, bureaus=bureaus, active=self.active(session))
            if fault is not None:
                raise Reject(fault.code, fault.en)
        self.record.apply(session, stored, now)
