"""Applying what bureaus say of contacts: peers' words, our own, and ours that a peer gave back after a restore."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.exchanges.bodies import read_body
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.duties import Settle
from ecolink.exchanges.liaison import ledger
from ecolink.exchanges.liaison.models import LiaisonRecord
from ecolink.federation import threads
from ecolink.federation.handling import Handlers, Reject
from ecolink.federation.statements import Stored
from ecolink.protocol.kinds.common import Frozen, Kind
from ecolink.protocol.kinds.liaison import (
    KINDS,
    LiaisonConfirmedV1,
    LiaisonObjectedV1,
    LiaisonRecordedV1,
    LiaisonWithdrawnV1,
)
from ecolink.protocol.limits import CLOCK_SKEW

MAX_EDITIONS = 50
"""Records of one contact; beyond that somebody is not correcting any more."""

KeepCheckpoint = Callable[[Session, str, str, datetime], None]
"""Keeps a checkpoint (a signed note) that a bureau, by its unit code, showed of its log at a moment."""

Word = LiaisonConfirmedV1 | LiaisonObjectedV1 | LiaisonWithdrawnV1

_KINDS: Mapping[str, Kind] = {kind.type: kind for kind in KINDS}


@dataclass(frozen=True, repr=False)
class Arrivals:
    """Enters what was said; whatever crossed on the way, all parties' rows end alike."""

    us: str
    settle: Settle
    keep_checkpoint: KeepCheckpoint

    def handlers(self) -> Handlers:
        """Return what applies each type of statement."""
        return dict.fromkeys(_KINDS, self.apply)

    def apply(self, session: Session, stored: Stored, now: datetime) -> None:
        """Apply one statement; applying it twice is applying it once.

        Raises:
            Reject: its author should have known that it does not stand.

        """
        body = _read(stored)
        if isinstance(body, LiaisonRecordedV1):
            parties = self._enter(session, stored, body)
        else:
            parties = _enter_word(session, stored, body)
        ledger.refresh(session, stored.statement.thread)
        self.settle(session, parties, now)

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:
        """Enter a statement of ours that a restore had forgotten.

        A word on a record that is not here again yet is entered with the record.
        """
        if stored.statement.type in _KINDS:
            with suppress(Reject):
                self.apply(session, stored, now)

    def on_rejected(self, session: Session, stored: Stored, now: datetime) -> None:
        """A party's node rejected a record of ours: that party will not sign it as it stands."""
        said = stored.statement
        row = session.get(LiaisonRecord, str(said.body.get("digest")))
        if row is None or row.author != self.us:
            return
        with suppress(LookupError, ValueError):
            why = f"{said.body.get('code')}: {said.body.get('detail')}"[:1000]
            register.object_to(session, row.digest, said.iss, said.iat, why)
        ledger.refresh(session, row.contact)
        self.settle(session, row.members, now)

    def _enter(self, session: Session, stored: Stored, body: LiaisonRecordedV1) -> Collection[str]:
        said = stored.statement
        known = session.get(LiaisonRecord, said.digest)
        if known is not None:
            return known.members
        ledger.enter(session, stored, body, _edition(session, stored, body))
        if body.checkpoint is not None and said.iss != self.us:
            self.keep_checkpoint(session, said.iss, body.checkpoint, stored.received_at)
        for each in threads.load(session, said.thread):
            if each.returned_at is not None and each.statement.body.get("record") == said.digest:
                with suppress(Reject):
                    _enter_word(session, each, _read(each))
        return {said.iss, *said.aud}


def _read(stored: Stored) -> LiaisonRecordedV1 | Word:
    body = read_body(stored, _KINDS[stored.statement.type])
    assert isinstance(body, LiaisonRecordedV1 | Word)  # noqa: S101 - the table of kinds says so
    return body


def _edition(session: Session, stored: Stored, body: LiaisonRecordedV1) -> int:
    """Return the number of a new record, if it may stand where it wants to."""
    said = stored.statement
    if body.held_at > said.iat + CLOCK_SKEW:
        raise Reject("held-in-the-future", "a contact is recorded after it was held")
    of_thread = select(LiaisonRecord).where(LiaisonRecord.contact == said.thread).order_by(LiaisonRecord.edition)
    before = session.scalars(of_thread.with_for_update()).all()
    if body.supersedes is None:
        if before:
            raise Reject("recorded-already", "this thread has its record already; correct it, or open another")
        return 1
    if not before or body.supersedes not in {row.digest for row in before}:
        raise Reject("unknown-record", "it corrects a record that was never told here")
    newest = before[-1]
    if newest.author != said.iss or newest.members != {said.iss, *said.aud}:
        raise Reject("not-the-author", "only its author corrects a record, and for the same parties")
    if newest.digest != body.supersedes or newest.edition >= MAX_EDITIONS:
        raise Reject("superseded-already", "it corrects a record that was corrected before, or once too often")
    return newest.edition + 1


def _enter_word(session: Session, stored: Stored, word: Frozen) -> Collection[str]:
    """Enter a party's signature, objection or withdrawal in the register."""
    said = stored.statement
    assert isinstance(word, Word)  # noqa: S101 - records go another way
    row = session.get(LiaisonRecord, word.record)
    if row is None or row.contact != said.thread:
        raise Reject("unknown-record", "it speaks of a record that was never told in this thread")
    if (said.iss == row.author) is not isinstance(word, LiaisonWithdrawnV1):
        raise Reject("wrong-side", "its author takes a record back, the other parties sign it or object")
    try:
        match word:
            case LiaisonConfirmedV1():
                register.sign(session, row.digest, said.iss, said.iat)
            case LiaisonObjectedV1(reason=reason):
                register.object_to(session, row.digest, said.iss, said.iat, reason)
            case LiaisonWithdrawnV1(reason=reason):
                register.withdraw(session, row.digest, said.iss, said.iat, reason)
    except LookupError:
        raise Reject("withdrawn", "its author had taken the record back") from None
    except ValueError as fault:
        raise Reject("does-not-count", str(fault)) from None
    return row.members
