"""What other bureaus may ask of our evidence log: where it stands, that it only grew, that a leaf is in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ecolink.audit.log import EvidenceLog, Place
from ecolink.errors import NotFoundError
from ecolink.federation import operations
from ecolink.federation.callers import Caller, Callers
from ecolink.federation.gate import JOSE, Room
from ecolink.federation.models import InBatch, InChannel, OutBatch, OutChannel, StatementRow
from ecolink.federation.operations import Answer, Call
from ecolink.federation.statements import audience
from ecolink.federation.witnessing import Witnessing
from ecolink.kit.canonical import dumps
from ecolink.protocol.limits import MAX_EPOCH, MAX_INTEGER
from ecolink.protocol.refusal import Reason, Refused
from ecolink.storage.engine import Database

_MAX_DIGITS = 15


@dataclass(frozen=True, repr=False)
class LogDesk:
    """Answers the three operations on the evidence log; each answer leaves after its transaction is committed."""

    database: Database
    callers: Callers
    log: EvidenceLog
    witnessing: Witnessing

    def rooms(self) -> dict[str, Room]:
        """Return the rooms to add to the gate."""
        return {
            operations.CHECKPOINT.name: self._checkpoint,
            operations.CONSISTENCY.name: self._consistency,
            operations.INCLUSION.name: self._inclusion,
        }

    def _checkpoint(self, caller: Caller, call: Call, now: datetime) -> Answer:  # noqa: ARG002 - a room's signature
        caller.refuse_unless_onboarded()
        with self.database.begin() as session:
            self.callers.spend(session, caller, now)
            token = self.witnessing.attest(session, caller.unit_code, now)
        return Answer(200, token, JOSE)

    def _consistency(self, caller: Caller, call: Call, now: datetime) -> Answer:
        caller.refuse_unless_onboarded()
        log_epoch = _number(call.params, "log_epoch", most=MAX_EPOCH)
        old, new = (_number(call.params, name) for name in ("old", "new"))
        with self.database.begin() as session:
            self.callers.spend(session, caller, now)
            proof = self.log.consistency(session, old, new, log_epoch)
        return Answer(200, dumps({"proof": [each.hex() for each in proof]}))

    def _inclusion(self, caller: Caller, call: Call, now: datetime) -> Answer:
        caller.refuse_unless_onboarded()
        size = _number(call.params, "size")
        with self.database.begin() as session:
            self.callers.spend(session, caller, now)
            place = self._place(session, caller.unit_code, call.params)
            proof = self.log.inclusion(session, place.index, size, place.log_epoch)
        said = {"log_epoch": place.log_epoch, "kind": place.kind, "index": place.index, "size": size}
        return Answer(200, dumps({**said, "proof": [each.hex() for each in proof]}))

    def _place(self, session: Session, caller: str, params: Mapping[str, str]) -> Place:
        """Find the leaf of what the caller sent to us or was sent by us; all else is not there for it."""
        digest, ref = params.get("digest", ""), params.get("ref", "")
        if not (_is_their_statement(session, caller, digest, ref) or _is_their_receipt(session, caller, ref)):
            raise NotFoundError
        places = self.log.find(session, digest, ref)
        if "log_epoch" in params:
            places = [place for place in places if place.log_epoch == _number(params, "log_epoch")]
        if not places:
            raise NotFoundError
        return places[-1]


def _is_their_statement(session: Session, caller: str, digest: str, jti: str) -> bool:
    row = session.execute(
        select(StatementRow.n, StatementRow.iss, StatementRow.aud).where(
            StatementRow.jti == jti, StatementRow.digest == digest
        )
    ).first()
    return row is not None and (caller == row.iss or caller in audience(session, row.n, row.aud))


def _is_their_receipt(session: Session, caller: str, batch: str) -> bool:
    given = (
        select(InBatch.id)
        .join(InChannel, InChannel.id == InBatch.channel_id)
        .where(InBatch.digest == batch, InChannel.sender == caller)
    )
    held = (
        select(OutBatch.digest)
        .join(OutChannel, OutChannel.id == OutBatch.channel_id)
        .where(OutBatch.digest == batch, OutChannel.recipient == caller)
    )
    return bool(session.scalar(select(or_(given.exists(), held.exists()))))


def _number(params: Mapping[str, str], name: str, *, most: int = MAX_INTEGER) -> int:
    text = params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and int(text) <= most):
        raise Refused(Reason.INVALID_CLAIM, f"{name} is a whole number")
    return int(text)
