"""Letting an obligation go: one party proposes it, and it is waived once all others have agreed, each with a reason.

A waiver is a document in the register of what several bureaus sign; its digest is that of the statement that proposed
it. Until the last party has signed, the obligation stands as it stood.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.standing import State
from ecolink.errors import ConflictError, ForbiddenError, IllegalMoveError, NotFoundError
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.cosigned.models import CosignedDocument
from ecolink.exchanges.obligations.book import WAIVER, Book
from ecolink.exchanges.obligations.lateness import refuse_strangers
from ecolink.exchanges.obligations.models import ObligationRow
from ecolink.exchanges.personal_data import refuse_in_text
from ecolink.exchanges.voice import Voice
from ecolink.federation import threads
from ecolink.federation.handling import Reject
from ecolink.federation.statements import Stored
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.leads import Officer, SignedPrivateV1
from ecolink.protocol.kinds.obligations import (
    WaiverAcceptedV1,
    WaiverDeclinedV1,
    WaiverProposedV1,
    WaiverWithdrawnV1,
)
from ecolink.storage.bells import Bell, ring

Word = WaiverProposedV1 | WaiverAcceptedV1 | WaiverDeclinedV1 | WaiverWithdrawnV1

WORDS: dict[str, type[Word]] = {
    "obligation.waiver_proposed.v1": WaiverProposedV1,
    "obligation.waiver_accepted.v1": WaiverAcceptedV1,
    "obligation.waiver_declined.v1": WaiverDeclinedV1,
    "obligation.waiver_withdrawn.v1": WaiverWithdrawnV1,
}
_PURPOSE = "协商免除协作义务"


@dataclass(frozen=True, repr=False)
class Waivers:
    """Proposes and answers waivers, and applies what peers say of them."""

    voice: Voice
    book: Book
    access: AccessLog

    # What our people say ------------------------------------------------------------------------------------

    def propose(self, session: Session, key: str, reason: str, *, by: Principal, now: datetime) -> ObligationRow:
        """Propose that an obligation need not be met.

        Raises:
            NotFoundError: it is not one of ours.
            ForbiddenError: a program asks.
            IllegalMoveError: it is met or waived already, or binds nobody any more.
            ConflictError: a proposal to waive it stands already.
            InvalidError: the reason names a person.

        """
        row = self._owed(session, key, by)
        if any(not each.objections for each in self.standing(session, key)):
            raise ConflictError("A proposal to waive it stands already.", "已有待各方确认的免除提议。")
        self._say(session, row, WaiverProposedV1(key=key, reason=reason), thread="", by=by, now=now)
        return row

    def accept(
        self, session: Session, key: str, waiver: str, reason: str, *, by: Principal, now: datetime
    ) -> ObligationRow:
        """Agree to another party's proposal; with the last party's word the obligation is waived.

        Raises:
            NotFoundError: there is no such obligation or proposal.
            ForbiddenError: a program asks.
            IllegalMoveError: the proposal is ours, we signed it already, or nothing is owed any more.
            InvalidError: the reason names a person.

        """
        row = self._owed(session, key, by)
        thread = self._answerable(session, key, waiver)
        self._say(session, row, WaiverAcceptedV1(key=key, waiver=waiver, reason=reason), thread=thread, by=by, now=now)
        return row

    def decline(
        self, session: Session, key: str, waiver: str, reason: str, *, by: Principal, now: datetime
    ) -> ObligationRow:
        """Do not agree to another party's proposal; we may still agree later.

        Raises:
            NotFoundError: there is no such obligation or proposal.
            ForbiddenError: a program asks.
            IllegalMoveError: the proposal is ours, we signed it already, or nothing is owed any more.
            InvalidError: the reason names a person.

        """
        row = self._owed(session, key, by)
        thread = self._answerable(session, key, waiver)
        self._say(session, row, WaiverDeclinedV1(key=key, waiver=waiver, reason=reason), thread=thread, by=by, now=now)
        return row

    def withdraw(
        self, session: Session, key: str, waiver: str, reason: str, *, by: Principal, now: datetime
    ) -> ObligationRow:
        """Take back our own proposal.

        Raises:
            NotFoundError: there is no such obligation or proposal.
            ForbiddenError: a program asks.
            IllegalMoveError: the proposal is another party's, or all have agreed to it.
            InvalidError: the reason names a person.

        """
        row = self._owed(session, key, by)
        document = self._document(session, key, waiver)
        if document.author != self.voice.us:
            raise IllegalMoveError("Only who proposed it takes it back; decline it instead.", "只有提议方可以撤回。")
        word = WaiverWithdrawnV1(key=key, waiver=waiver, reason=reason)
        self._say(session, row, word, thread=document.thread, by=by, now=now)
        return row

    def standing(self, session: Session, key: str) -> list[Cosigning]:
        """Return the proposals to waive an obligation that were neither withdrawn nor signed by all."""
        read = register.read(session, session.scalars(register.about(WAIVER, [key])))
        return [each for each in read.values() if each.completed_at is None]

    # What peers say, and what a restore had forgotten -------------------------------------------------------

    def hear(self, session: Session, stored: Stored, now: datetime) -> None:
        """Apply a peer's word on a waiver."""
        said = stored.statement
        word = _read(stored)
        parties = {said.iss, *said.aud}
        refuse_strangers(session, word.key, parties)
        row = session.get(ObligationRow, word.key, with_for_update={"of": ObligationRow}, populate_existing=True)
        if row is not None and {*row.parties} != parties:
            raise Reject("not-the-parties", "it is not told to all whom the obligation binds, and to them alone")
        try:
            self._enter(session, word, stored)
        except LookupError:
            raise Reject("unknown-document", "no such proposal stands here") from None
        except ValueError as fault:
            raise Reject("not-to-sign", str(fault)) from None
        if isinstance(word, WaiverProposedV1):
            self._enter_our_words(session, said.thread)
        self._judge(session, row, now)

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:
        """Know again what we said before a restore; a word on a proposal that is not back yet waits for it."""
        word = _read(stored)
        try:
            self._enter(session, word, stored)
        except LookupError:
            return
        self._judge(session, session.get(ObligationRow, word.key), now)

    def note_rejection(self, session: Session, stored: Stored, why: str) -> None:
        """A peer's node would not take our proposal: that is its objection until it says otherwise."""
        digest, said = str(stored.statement.body.get("digest")), stored.statement
        document = session.get(CosignedDocument, digest)
        if document is not None and said.iss in document.parties:
            register.object_to(session, digest, said.iss, max(said.iat, document.written_at), why)

    # Within -------------------------------------------------------------------------------------------------

    def _owed(self, session: Session, key: str, by: Principal) -> ObligationRow:
        if by.kind != "user":
            raise ForbiddenError("A person answers for a waiver, not a program.", "免除义务须由人员提出或确认。")
        row = self.book.find(session, key, lock=True)
        if not row.binds or row.state in {State.FULFILLED, State.WAIVED}:
            raise IllegalMoveError("Nothing is owed here any more.", "该义务已履行、已免除或不再有效。")
        return row

    def _document(self, session: Session, key: str, waiver: str) -> CosignedDocument:
        document = session.get(CosignedDocument, waiver)
        if document is None or (document.kind, document.subject) != (WAIVER, key) or document.withdrawn_at is not None:
            raise NotFoundError
        return document

    def _answerable(self, session: Session, key: str, waiver: str) -> str:
        """Return the thread of a proposal that we may still answer."""
        document = self._document(session, key, waiver)
        if self.voice.us in register.read(session, [document])[waiver].signatures:
            raise IllegalMoveError("We have agreed to it already.", "本单位已同意该提议。")
        return document.thread

    def _say(
        self, session: Session, row: ObligationRow, word: Word, *, thread: str, by: Principal, now: datetime
    ) -> None:
        refuse_in_text([("/reason", word.reason)])
        officer = Officer(name=by.name.strip() or by.username, post=by.lead_role)
        said = self.voice.say(
            session,
            word,
            to=row.parties,
            purpose=_PURPOSE,
            thread=thread,
            by=by,
            private=SignedPrivateV1(by=officer, approver=officer),
            now=now,
        )
        self._enter(session, word, said)
        self._judge(session, row, now)
        entry = AccessEntry(
            at=now,
            actor=by.username,
            role=by.lead_role,
            action=AccessAction.ALTER,
            object_type="obligation",
            object_id=row.key,
            reason=word.reason,
            details={"what": said.statement.type},
        )
        self.access.record(session, entry)

    def _enter(self, session: Session, word: Word, stored: Stored) -> None:
        """Write a party's word into the register.

        Raises:
            LookupError: there is no such proposal, or it had been taken back.
            ValueError: its author may not say this.

        """
        said = stored.statement
        match word:
            case WaiverProposedV1():
                cosigning = Cosigning.begin(said.digest, said.iss, {said.iss, *said.aud}, said.iat)
                register.begin(session, cosigning, kind=WAIVER, subject=word.key, thread=said.thread)
                return
            case WaiverAcceptedV1() | WaiverDeclinedV1() | WaiverWithdrawnV1():
                document = session.get(CosignedDocument, word.waiver)
                if document is None or (document.thread, document.subject) != (said.thread, word.key):
                    raise LookupError(word.waiver)
        match word:
            case WaiverAcceptedV1():
                register.sign(session, word.waiver, said.iss, said.iat)
            case WaiverDeclinedV1():
                register.object_to(session, word.waiver, said.iss, said.iat, word.reason)
            case WaiverWithdrawnV1():
                register.withdraw(session, word.waiver, said.iss, said.iat, word.reason)

    def _enter_our_words(self, session: Session, thread: str) -> None:
        """Write down what we had said to a proposal that came again only after a restore."""
        for stored in threads.load(session, thread):
            if stored.direction == "out" and stored.statement.type in WORDS:
                self._enter(session, _read(stored), stored)

    def _judge(self, session: Session, row: ObligationRow | None, now: datetime) -> None:
        if row is not None and row.binds:
            self.book.judge(session, row, now)
            ring(session, Bell.WATCH)


def _read(stored: Stored) -> Word:
    """Return what a statement says of a waiver.

    Raises:
        Reject: its body is not that of its type.

    """
    said = stored.statement
    try:
        return WORDS[said.type].model_validate(said.body)
    except ValidationError:
        raise Reject("invalid-body", f"the body is not that of {said.type}") from None
