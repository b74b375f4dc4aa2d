"""Saying what the co-operation between bureaus needs said: alike for agreements, liaison, packages, consultations."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.errors import TooLargeError
from ecolink.exchanges.governance import approver_claim
from ecolink.federation.outbox import Outbox
from ecolink.federation.statements import Stored
from ecolink.identity.principal import Principal
from ecolink.kit.times import months_after
from ecolink.protocol.kinds import KINDS
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import AttachmentRef, Draft, Handling, HandlingCode, Onward

NODE = "node"
"""The author's role of what the node says by itself."""

LEGAL_BASIS = "警务协作协议书"

_KIND_OF = {kind.body: kind for kind in KINDS.values()}
_HANDLING = Handling(code=HandlingCode.H0, onward=Onward.NONE)


@dataclass(frozen=True, repr=False)
class Voice:
    """Seals and queues what one bureau says to its partners about their co-operation."""

    outbox: Outbox
    retain_months: int = 36
    """How long the recipients keep it; records of sharing are kept three years at least (PIPL art. 55, 56)."""

    @property
    def us(self) -> str:
        """Our unit code."""
        return self.outbox.us

    def say(
        self,
        session: Session,
        body: Frozen,
        *,
        to: Collection[str],
        purpose: str,
        now: datetime,
        thread: str = "",
        by: Principal | None = None,
        private: Frozen | None = None,
        attachments: tuple[AttachmentRef, ...] = (),
    ) -> Stored:
        """Seal a statement with this body and queue it; without a `thread` it opens one.

        `by` is who stands for it, and approves it where its kind needs that; None when the node says it by itself.

        Raises:
            ConflictError: a recipient is not an active peer.
            TooLargeError: it does not fit into one statement.

        """
        kind = next(_KIND_OF[each] for each in type(body).__mro__ if each in _KIND_OF)
        draft = Draft(
            type=kind.type,
            thread=thread,
            lane=kind.lane,
            classification="internal",
            handling=_HANDLING,
            purpose=purpose,
            legal_basis=LEGAL_BASIS,
            author_role=NODE if by is None else by.lead_role,
            approver=approver_claim(by) if by is not None and kind.approval else None,
            retain_until=months_after(now, self.retain_months),
            attachments=attachments,
            body=body.to_wire(),
            private=private.to_wire() if private is not None else None,
        )
        try:
            return self.outbox.send(session, draft, now=now, recipients=sorted({*to} - {self.us}))
        except Refused as refused:
            if refused.reason != Reason.TOO_LARGE:
                raise
            raise TooLargeError(
                "It is too long for one statement; put the longer texts into an attached document.",
                "内容过长，无法放入一条消息；请将较长内容作为附件。",
            ) from refused
