"""Saying, signed, that all attachments of a statement are here: a receipt says it only of the statement."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from ecolink.attachments.models import AttachmentLink, Blob
from ecolink.attachments.service import COMPLETE
from ecolink.federation import statements
from ecolink.federation.models import PeerRow, StatementRow
from ecolink.federation.outbox import Outbox
from ecolink.federation.peers import PeerState
from ecolink.protocol.kinds.attachments import AttachmentsCompleteV1
from ecolink.protocol.statement import Draft, Lane, Statement
from ecolink.storage.engine import Database

AUTHOR = "node"
"""Stands where a statement names its author's role: no person says this."""


@dataclass(frozen=True, repr=False)
class Confirmations:
    """Confirms each statement once; any number of workers may do so at once."""

    database: Database
    outbox: Outbox

    def step(self, now: datetime) -> bool:
        """Confirm one statement whose attachments are all here; tell whether there was one."""
        with self.database.read() as session:
            if session.execute(_complete()).first() is None:
                return False
        with self.database.begin() as session:
            found = session.execute(_complete()).first()
            return found is not None and self._confirm(session, found.iss, found.jti, now)

    def _confirm(self, session: Session, iss: str, jti: str, now: datetime) -> bool:
        # The unconfirmed links are the lock: of two workers, the second finds none.
        digests = session.scalars(
            update(AttachmentLink)
            .where(
                AttachmentLink.iss == iss,
                AttachmentLink.jti == jti,
                AttachmentLink.direction == "in",
                AttachmentLink.confirmed_at.is_(None),
            )
            .values(confirmed_at=now)
            .returning(AttachmentLink.digest)
        ).all()
        if not digests:
            return True
        answered = statements.find(session, iss, jti).statement
        before = statements.said_before(session, self.outbox.us, answered.thread, COMPLETE)
        if all(said.body.get("statement") != answered.digest for said in before):
            self.outbox.send(session, _draft(answered, sorted(digests)), now=now, recipients=[iss])
        return True


def _complete() -> Select[str, str]:
    """Select the statements of active peers that were taken up and all of whose attachments are here."""
    return (
        select(AttachmentLink.iss, AttachmentLink.jti)
        .join(StatementRow, (StatementRow.iss == AttachmentLink.iss) & (StatementRow.jti == AttachmentLink.jti))
        .join(PeerRow, PeerRow.unit_code == AttachmentLink.iss)
        .outerjoin(Blob, (Blob.digest == AttachmentLink.digest) & Blob.dropped_at.is_(None))
        .where(
            AttachmentLink.direction == "in",
            AttachmentLink.confirmed_at.is_(None),
            AttachmentLink.withdrawn_at.is_(None),
            StatementRow.state == "applied",
            PeerRow.state == PeerState.ACTIVE,
        )
        .group_by(AttachmentLink.iss, AttachmentLink.jti)
        .having(func.count(Blob.digest) == func.count())
        .order_by(func.min(AttachmentLink.n))
        .limit(1)
    )


def _draft(answered: Statement, digests: list[str]) -> Draft:
    """Answer in the lane and on the terms of what is answered."""
    return Draft(
        type=COMPLETE,
        thread=answered.thread,
        lane=Lane.BULK if answered.lane is Lane.CONTROL else answered.lane,
        classification=answered.classification,
        handling=answered.handling,
        is_exercise=answered.is_exercise,
        purpose=answered.purpose,
        legal_basis=answered.legal_basis,
        author_role=AUTHOR,
        retain_until=answered.retain_until,
        body=AttachmentsCompleteV1(statement=answered.digest, digests=tuple(digests)).to_wire(),
    )
