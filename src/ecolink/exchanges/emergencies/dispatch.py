"""Saying something about an emergency: sealed once, in the lane its status allows, to those who may hear it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.errors import ConflictError, InvalidError, TooLargeError
from ecolink.exchanges.emergencies.models import Emergency
from ecolink.exchanges.emergencies.register import KIND
from ecolink.exchanges.governance import GovernanceOut, approver_claim, handling_of, lane_of
from ecolink.federation import threads
from ecolink.federation.outbox import Outbox
from ecolink.federation.peers import Peers, PeerState
from ecolink.federation.statements import Stored
from ecolink.federation.threads import DeliveryState
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.kinds.emergencies import AcknowledgedPrivateV1, OnDuty, SignedPrivateV1
from ecolink.protocol.kinds.rosters import RosterV1
from ecolink.protocol.refusal import Refused
from ecolink.protocol.statement import AttachmentRef, Draft, Lane

ALERT_WITHIN = timedelta(hours=24)
"""An alert that nobody could be told of for a day is no news any more (protocol, Retry)."""
REST_WITHIN = timedelta(days=30)
"""What follows the alert is told however late: who went out must hear that it is over, and a statement that
expired on the way would hold up those that name it as their predecessor."""
_LOST = (DeliveryState.REFUSED, DeliveryState.EXPIRED)

Roster = Callable[[Session, str], RosterV1]
"""Returns the present roster of one of our alliances."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who says it, and whom they put in charge here, in an acknowledgement."""

    name: str
    role: str
    username: str
    phone: str | None = None
    in_charge: OnDuty | None = None

    @classmethod
    def of(cls, by: Principal, phone: str | None = None, in_charge: OnDuty | None = None) -> "Signature":
        """Return the caller as the one who says it."""
        return cls(by.name.strip() or by.username, by.lead_role, by.username, phone, in_charge)

    def private(self, approver: Principal | None) -> SignedPrivateV1:
        """Return the private part of what is said."""
        by = OnDuty(name=self.name, phone=self.phone)
        if self.in_charge is not None:
            return AcknowledgedPrivateV1(by=by, in_charge=self.in_charge)
        return SignedPrivateV1(by=by, approver=OnDuty(name=approver.name) if approver else None)


@dataclass(frozen=True, repr=False, kw_only=True)
class Dispatch:
    """Sends what is said."""

    us: str
    outbox: Outbox
    peers: Peers
    access: AccessLog
    roster: Roster

    def audience(
        self, session: Session, recipients: Sequence[str], alliance_id: str | None
    ) -> tuple[list[str], RosterV1 | None]:
        """Return the bureaus an alert to these, or to an alliance, goes to, and the roster they stand on.

        Raises:
            NotFoundError: there is no such alliance.
            InvalidError: a bureau is not known here.
            ConflictError: no member of the alliance can be reached.

        """
        known = self.peers.names(session)
        if alliance_id is None:
            for code in recipients:
                if code not in known:
                    raise InvalidError(
                        f"No peer {code} is known here.", f"本节点没有对端 {code}。", pointer="/recipients"
                    )
            return sorted(set(recipients)), None
        roster = self.roster(session, alliance_id)
        active = {code for code, peer in known.items() if peer.state is PeerState.ACTIVE}
        told = [code for code in roster.members if code in active]
        if not told:
            raise ConflictError(
                "No member of the alliance is an active peer.", "联盟中没有已启用的对端。", pointer="/alliance_id"
            )
        return told, roster

    def reached(self, session: Session, row: Emergency, now: datetime) -> list[str]:
        """Return the bureaus that have the alert or may yet get it: neither refused nor expired."""
        deliveries = threads.delivery(session, row.id, now)
        alert = deliveries[0].digest if deliveries else ""
        lost = {each.recipient for each in deliveries if each.digest == alert and each.state in _LOST}
        return [code for code in row.recipients if code not in lost]

    def listeners(self, session: Session, row: Emergency, now: datetime) -> list[str]:
        """Return who still hears of it: those reached whose peering is not suspended.

        Raises:
            ConflictError: nobody does.

        """
        known = self.peers.names(session)
        active = {code for code, peer in known.items() if peer.state is PeerState.ACTIVE}
        heard = [code for code in self.reached(session, row, now) if code in active]
        if not heard:
            raise ConflictError(
                "None of the bureaus it was told to can be reached: their nodes are suspended or never took the alert.",
                "已通报的单位均无法送达：对端已暂停，或未接收该通报。",
            )
        return heard

    def send(
        self,
        session: Session,
        row: Emergency,
        move: str,
        body: Frozen,
        recipients: Sequence[str],
        *,
        by: Signature,
        now: datetime,
        approver: Principal | None = None,
        attachments: Sequence[AttachmentRef] = (),
    ) -> Stored:
        """Seal and queue one statement.

        Raises:
            ConflictError: a recipient is no active peer.
            TooLargeError: it does not fit into one statement.

        """
        terms = GovernanceOut.model_validate(row.governance)
        draft = Draft(
            type=f"emergency.{move}.v1",
            thread=row.id,
            lane=lane_of(Lane.EMERGENCY, is_exercise=terms.is_exercise),
            classification=terms.classification,
            handling=handling_of(terms.handling),
            is_exercise=terms.is_exercise,
            purpose=terms.purpose,
            legal_basis=terms.legal_basis,
            author_role=by.role,
            approver=approver_claim(approver) if approver else None,
            retain_until=row.retain_until,
            deliver_by=now + (ALERT_WITHIN if move == "alert" else REST_WITHIN),
            attachments=tuple(attachments),
            body=body.to_wire(),
            private=by.private(approver).to_wire(),
        )
        try:
            sent = self.outbox.send(session, draft, now=now, recipients=recipients)
        except Refused as refused:
            raise _unfit(refused) from refused
        self._record(session, row, move, sent, by, now)
        return sent

    def _record(self, session: Session, row: Emergency, move: str, sent: Stored, by: Signature, now: datetime) -> None:
        for recipient in sent.statement.aud:
            entry = AccessEntry(
                at=now,
                actor=by.username,
                role=by.role,
                action=AccessAction.DISCLOSE,
                object_type=KIND,
                object_id=row.id,
                recipient=recipient,
                reason=sent.statement.purpose,
                details={"move": move, "status": row.status, "statement": sent.statement.digest},
            )
            self.access.record(session, entry)


def _unfit(refused: Refused) -> InvalidError | TooLargeError:
    if refused.reason == "too-large":
        return TooLargeError(
            "It is too long for one statement: shorten the text, draw the area with fewer corners, or attach a file.",
            "内容过长，无法放入一条消息：请精简文字、减少区域顶点或改用附件。",
        )
    return InvalidError(
        f"The statement cannot be signed ({refused.reason}): {refused.detail}", f"该消息无法签发（{refused.reason}）。"
    )
