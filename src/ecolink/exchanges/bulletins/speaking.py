"""Saying something in a bulletin's thread: one statement sealed, queued, and the row written anew."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy.orm import Session

from ecolink.errors import ConflictError, TooLargeError
from ecolink.exchanges.bulletins.models import Bulletin
from ecolink.exchanges.bulletins.record import Dossier, Record
from ecolink.exchanges.governance import GovernanceOut, approver_claim, handling_of
from ecolink.federation.outbox import Outbox
from ecolink.federation.peers import Peers, PeerState
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.bulletins import KINDS
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import AttachmentRef, Draft, Handling, Lane, Statement

_TYPE_OF = {kind.body: kind for kind in KINDS}
NODE = "node"
"""The author's role of what the node says by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """The terms a statement is made under."""

    classification: str
    handling: Handling
    is_exercise: bool
    purpose: str
    legal_basis: str
    retain_until: datetime

    @classmethod
    def of_statement(cls, statement: Statement) -> Self:
        """Return the terms of an earlier statement: an answer, a correction and an onward copy keep to them."""
        return cls(
            classification=statement.classification,
            handling=statement.handling,
            is_exercise=statement.is_exercise,
            purpose=statement.purpose,
            legal_basis=statement.legal_basis,
            retain_until=statement.retain_until,
        )

    @classmethod
    def of_governance(cls, settled: GovernanceOut, retain_until: datetime) -> Self:
        """Return the terms an officer chose."""
        return cls(
            classification=settled.classification,
            handling=handling_of(settled.handling),
            is_exercise=settled.is_exercise,
            purpose=settled.purpose,
            legal_basis=settled.legal_basis,
            retain_until=retain_until,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What shall be said: a body and what stands around it."""

    body: Frozen
    to: Sequence[str]
    under: Under
    by: Principal | None = None
    """None when the node says it by itself."""
    approver: Principal | None = None
    private: dict[str, Any] | None = None
    supersedes: str | None = None
    recalls: str | None = None
    attachments: Sequence[AttachmentRef] = ()


@dataclass(frozen=True, repr=False)
class Speaker:
    """Seals and queues what is said in bulletins' threads."""

    outbox: Outbox
    peers: Peers
    record: Record

    def say(self, session: Session, row: Bulletin, saying: Saying, now: datetime) -> Dossier:
        """Seal and queue a statement and return the bulletin as it stands after it.

        Raises:
            ConflictError: a recipient cannot be told just now.
            TooLargeError: it does not fit into a statement.

        """
        kind = _TYPE_OF[type(saying.body)]
        # A recall takes the lane that stays open when all others are closed; so does what follows it up.
        lane = Lane.CONTROL if saying.recalls is not None else kind.lane
        by, approver = saying.by, saying.approver
        draft = Draft(
            aud=tuple(sorted(saying.to)),
            type=kind.type,
            thread=row.thread,
            lane=lane,
            classification=saying.under.classification,
            handling=saying.under.handling,
            is_exercise=saying.under.is_exercise,
            purpose=saying.under.purpose,
            legal_basis=saying.under.legal_basis,
            author_role=NODE if by is None else by.lead_role,
            approver=_approval(kind.approval, approver),
            retain_until=max(saying.under.retain_until, now),
            supersedes=saying.supersedes,
            recalls=saying.recalls,
            attachments=tuple(saying.attachments),
            body=saying.body.to_wire(),
            private=saying.private,
        )
        try:
            self.outbox.send(session, draft, now=now, recipients=sorted(saying.to))
        except Refused as refused:
            if refused.reason != Reason.TOO_LARGE:
                raise
            raise TooLargeError(
                "With all that must come along this is too long for one statement; shorten the notes or the terms.",
                "连同须附内容已超过单条消息上限，请缩短备注或文字。",
            ) from refused
        return self.record.renew(session, row, now)

    def reachable(self, session: Session, units: Collection[str], lane: Lane) -> list[str]:
        """Return those of `units` that can be told in `lane` now: active peers, for recalls suspended ones too."""
        allowed = {PeerState.ACTIVE} | ({PeerState.SUSPENDED} if lane is Lane.CONTROL else set())
        names = self.peers.names(session)
        return sorted(unit for unit in units if unit in names and names[unit].state in allowed)

    def refuse_unless_reachable(self, session: Session, unit: str) -> None:
        """Return if a bureau is an active peer.

        Raises:
            ConflictError: it is not.

        """
        if not self.reachable(session, [unit], Lane.BULK):
            raise ConflictError(
                f"{unit} is not an active peer just now, so it cannot be told.",
                f"{unit} 目前不是已启用的对端，无法告知。",
            )


def _approval(is_needed: bool, approver: Principal | None) -> dict[str, Any] | None:  # noqa: FBT001 - private
    if not is_needed:
        return None
    # What the node passes on by itself was approved when its author, and then our own people, approved it.
    return {"role": NODE} if approver is None else approver_claim(approver)
