"""What a bureau's leadership does with agreements: propose, sign, decline, withdraw, end.

Whatever binds the bureau is said by a person and signed by the node. Nothing is in force before all parties signed
the same digest; what is in force then follows from the documents (`cadence/agreements.py`).
"""

import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.cadence.agreements import Agreement
from ecolink.cadence.calendars import china_day
from ecolink.cadence.terms_file import Reading, read
from ecolink.errors import ConflictError, ForbiddenError, IllegalMoveError, InvalidError, NotFoundError
from ecolink.exchanges.agreements.arrivals import Arrivals
from ecolink.exchanges.agreements.models import AgreementRow, AgreementSubject
from ecolink.exchanges.agreements.record import Record
from ecolink.exchanges.agreements.rules import find_fault
from ecolink.exchanges.agreements.shelf import Shelf, read_proposal
from ecolink.exchanges.cosigned.models import CosignedDocument
from ecolink.exchanges.duties import OnAgreement
from ecolink.exchanges.voice import Voice
from ecolink.federation.peers import Peers
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.agreements import (
    AgreementDeclinedV1,
    AgreementProposedV1,
    AgreementSignedV1,
    AgreementWithdrawnV1,
    CalendarV1,
    EndingV1,
    TermsV1,
)
from ecolink.protocol.kinds.common import Frozen

PURPOSE = "警务协作协议的订立与变更"


@dataclass(frozen=True, repr=False, kw_only=True)
class AgreementService:
    """The agreements this bureau is a party to."""

    voice: Voice
    peers: Peers
    access: AccessLog
    shelf: Shelf = field(default_factory=Shelf)
    changed: list[OnAgreement] = field(default_factory=list)
    """Told, in the same transaction, when what is in force of an agreement may have become another."""

    @property
    def us(self) -> str:
        """Our unit code."""
        return self.voice.us

    @property
    def record(self) -> Record:
        """Where all that is said is written down."""
        return Record(self.shelf, self.changed)

    @property
    def arrivals(self) -> Arrivals:
        """What applies other bureaus' statements."""
        return Arrivals(self.us, self.peers, self.record)

    # Read -------------------------------------------------------------------------------------------------

    def in_force(self, session: Session) -> Sequence[Agreement]:
        """Return every agreement that was ever signed by all its parties, ended ones too."""
        return self.shelf.in_force(session)

    def all(self) -> Select[AgreementRow]:
        """Select the agreements."""
        return select(AgreementRow)

    def get(self, session: Session, code: str) -> AgreementRow:
        """Return one agreement.

        Raises:
            NotFoundError: there is none of this code.

        """
        row = session.get(AgreementRow, code)
        if row is None:
            raise NotFoundError(f"There is no agreement {code}.", f"没有代号为 {code} 的协议。")
        return row

    def subjects(self, session: Session, code: str) -> list[tuple[AgreementSubject, CosignedDocument]]:
        """Return all that was proposed of an agreement, oldest first."""
        both = (
            select(AgreementSubject, CosignedDocument)
            .join(CosignedDocument, CosignedDocument.digest == AgreementSubject.digest)
            .where(AgreementSubject.agreement == code)
            # Words are dated to the second: of two in one, what was taken back made room for the other.
            .order_by(CosignedDocument.written_at, CosignedDocument.withdrawn_at.is_(None), CosignedDocument.digest)
        )
        return [(subject, document) for subject, document in session.execute(both)]

    def subject(self, session: Session, code: str, digest: str) -> tuple[AgreementSubject, CosignedDocument]:
        """Return one thing that was proposed.

        Raises:
            NotFoundError: nothing of this digest was, in this agreement.

        """
        subject, document = session.get(AgreementSubject, digest), session.get(CosignedDocument, digest)
        if subject is None or document is None or subject.agreement != code:
            raise NotFoundError(
                "Nothing of this digest is proposed in this agreement.", "该协议中没有此摘要对应的提议。"
            )
        return subject, document

    def examine(self, session: Session, text: str) -> Reading:
        """Read an agreement's file, and say all that is wrong with it and what is good to know, each with its line."""
        before = None
        with suppress(ValueError, RecursionError):
            code = tomllib.loads(text).get("code")
            held = next((each for each in self.in_force(session) if each.code == code and each.versions), None)
            before = held.versions[-1].terms if held else None
        return read(text, known=self.arrivals.active(session), before=before)

    # Propose ----------------------------------------------------------------------------------------------

    def propose(
        self, session: Session, terms: TermsV1, *, text: str | None, by: Principal, now: datetime
    ) -> AgreementRow:
        """Propose terms, first ones or the next version, and sign them by it.

        A later version that names nothing it replaces replaces the newest one signed by all. What a party's node
        refused may be proposed again, unchanged, once the reason is mended; what was taken back, as another attempt.

        Raises:
            InvalidError: something in the terms is wrong, for us or for the others.
            ConflictError: the same was proposed before, or a party cannot be told.
            ForbiddenError: a program proposes.

        """
        if terms.version > 1 and terms.replaces is None:
            terms = terms.model_copy(update={"replaces": self._newest(session, terms.code)})
        terms = terms.settled()
        if terms.valid_until < china_day(now):
            raise InvalidError("These terms are over already.", "该条款的有效期已过。", pointer="/valid_until")
        if self.us not in terms.members:
            raise InvalidError(
                f"This bureau, {self.us}, is not among the parties.",
                f"缔约方中没有本单位（{self.us}）。",
                pointer="/parties",
            )
        return self._propose(session, terms.code, terms, terms.members, text=text, by=by, now=now)

    def end(self, session: Session, code: str, ending: EndingV1, *, by: Principal, now: datetime) -> AgreementRow:
        """Propose to end an agreement before its time.

        Raises:
            NotFoundError: there is no such agreement.
            IllegalMoveError: nothing of it is in force or agreed.
            InvalidError: the last day has passed, or lies beyond the agreement's own.
            ConflictError: the same was proposed before, or a party cannot be told.

        """
        row = self.get(session, code)
        agreement = self._agreed(session, code)
        today, last = china_day(now), agreement.last_day
        if ending.last_day < today or last is None or ending.last_day > last:
            raise InvalidError(
                f"The last day lies between today and {last}.",
                f"终止日须在今天至 {last} 之间。",
                pointer="/last_day",
            )
        return self._propose(session, code, ending, frozenset(row.members), text=None, by=by, now=now)

    def add_calendar(
        self, session: Session, code: str, calendar: CalendarV1, *, by: Principal, now: datetime
    ) -> AgreementRow:
        """Propose the working days of one more year, or corrected ones.

        Raises:
            NotFoundError: there is no such agreement.
            IllegalMoveError: nothing of it is in force or agreed.
            ConflictError: the same was proposed before, or a party cannot be told.

        """
        row = self.get(session, code)
        self._agreed(session, code)
        return self._propose(session, code, calendar, frozenset(row.members), text=None, by=by, now=now)

    def newest_digest(self, session: Session, code: str) -> str:
        """Return the digest of the newest terms that all parties signed.

        Raises:
            NotFoundError: there is no such agreement.
            IllegalMoveError: there are none.

        """
        self.get(session, code)
        return self._agreed(session, code).versions[-1].digest

    # Answer -----------------------------------------------------------------------------------------------

    def sign(self, session: Session, code: str, digest: str, *, by: Principal, now: datetime) -> AgreementRow:
        """Sign what another party proposed.

        Raises:
            NotFoundError: nothing of this digest was proposed.
            IllegalMoveError: it was withdrawn, or is signed by us, or can come into force no more.
            InvalidError: something in it is wrong for us, such as other working days than this node counts.
            ConflictError: a party cannot be told.

        """
        row, document = self._open(session, code, digest)
        proposal = read_proposal(session, document)
        if self.us in proposal.cosigning.signatures:
            raise IllegalMoveError("This bureau has signed it already.", "本单位已签署。")
        if isinstance(proposal.subject, TermsV1) and proposal.subject.valid_until < china_day(now):
            raise IllegalMoveError("These terms are over already.", "该条款的有效期已过。")
        self._refuse_faulty(session, code, proposal.subject, frozenset(row.members))
        said = AgreementSignedV1(agreement=code, digest=digest)
        return self._say(session, row, document, said, "signed", by=by, now=now)

    def decline(
        self, session: Session, code: str, digest: str, reason: str, *, by: Principal, now: datetime
    ) -> AgreementRow:
        """Say that we will not sign it, and why. Signing later is still possible.

        Raises:
            NotFoundError: nothing of this digest was proposed.
            IllegalMoveError: it was withdrawn, or we signed it: then only its author takes it back, or all end it.
            ConflictError: a party cannot be told.

        """
        row, document = self._open(session, code, digest)
        if self.us in read_proposal(session, document).cosigning.signatures:
            raise IllegalMoveError(
                "This bureau has signed it: a signature is not taken back. End the agreement instead.",
                "本单位已签署，签署不可撤回；如需终止，请提议终止协议。",
            )
        said = AgreementDeclinedV1(agreement=code, digest=digest, reason=reason)
        return self._say(session, row, document, said, "declined", by=by, now=now, reason=reason)

    def withdraw(
        self, session: Session, code: str, digest: str, reason: str, *, by: Principal, now: datetime
    ) -> AgreementRow:
        """Take our own proposal back before all have signed it.

        Raises:
            NotFoundError: nothing of this digest was proposed.
            IllegalMoveError: it is not ours, was withdrawn before, or all have signed it.
            ConflictError: a party cannot be told.

        """
        row, document = self._open(session, code, digest)
        if document.author != self.us:
            raise IllegalMoveError("Only its author takes a proposal back.", "只有提议方可以撤回。")
        if document.completed_at is not None:
            raise IllegalMoveError(
                "All parties have signed it: end the agreement instead.", "各方均已签署：如需终止，请提议终止协议。"
            )
        said = AgreementWithdrawnV1(agreement=code, digest=digest, reason=reason)
        return self._say(session, row, document, said, "withdrawn", by=by, now=now, reason=reason)

    # Within -----------------------------------------------------------------------------------------------

    def _propose(
        self,
        session: Session,
        code: str,
        subject: TermsV1 | EndingV1 | CalendarV1,
        members: frozenset[str],
        *,
        text: str | None,
        by: Principal,
        now: datetime,
    ) -> AgreementRow:
        _refuse_programs(by)
        self._refuse_faulty(session, code, subject, members)
        subject = self._untaken(session, subject)
        digest = subject.digest()
        self._refuse_known(session, digest)

        row = session.get(AgreementRow, code)
        body = AgreementProposedV1.model_validate(
            {"agreement": code, "digest": digest, _MEMBER[type(subject)]: subject.to_wire(), "text": text}
        )
        return self._tell(session, code, body, members, row.thread if row else "", "proposed", by=by, now=now)

    def _say(
        self,
        session: Session,
        row: AgreementRow,
        document: CosignedDocument,
        body: Frozen,
        what: str,
        *,
        by: Principal,
        now: datetime,
        reason: str | None = None,
    ) -> AgreementRow:
        _refuse_programs(by)
        # In the thread in which it was proposed: whoever gets this word then has the proposal, or waits for it.
        members, thread = frozenset(row.members), document.thread
        return self._tell(session, row.code, body, members, thread, what, by=by, now=now, reason=reason)

    def _tell(
        self,
        session: Session,
        code: str,
        body: Frozen,
        members: frozenset[str],
        thread: str,
        what: str,
        *,
        by: Principal,
        now: datetime,
        reason: str | None = None,
    ) -> AgreementRow:
        stored = self.voice.say(session, body, to=members, purpose=PURPOSE, now=now, thread=thread, by=by)
        self.record.apply(session, stored, now)
        digest = str(stored.statement.body["digest"])
        entry = AccessEntry.administered(
            f"agreement-{what}", f"{code} {digest}", by=by.username, role=by.lead_role, at=now, reason=reason or ""
        )
        self.access.record(session, entry)
        return session.get_one(AgreementRow, code)

    def _open(self, session: Session, code: str, digest: str) -> tuple[AgreementRow, CosignedDocument]:
        """Return an agreement, locked, and a proposal in it that still stands."""
        self.get(session, code)
        row = session.get_one(AgreementRow, code, with_for_update=True, populate_existing=True)
        _, document = self.subject(session, code, digest)
        session.refresh(document)
        if document.withdrawn_at is not None:
            raise IllegalMoveError("Its author has taken it back.", "提议方已撤回。")
        return row, document

    def _refuse_faulty(
        self, session: Session, code: str, subject: TermsV1 | EndingV1 | CalendarV1, members: frozenset[str]
    ) -> None:
        known = self.record.known(session, code, lock=True)
        fault = find_fault(subject, known, bureaus=members, active=self.arrivals.active(session))
        if fault is not None:
            raise InvalidError(fault.en, fault.zh, pointer=fault.pointer)

    def _untaken(self, session: Session, subject: TermsV1 | EndingV1 | CalendarV1) -> TermsV1 | EndingV1 | CalendarV1:
        """Return a subject as it is proposed: where its words were taken back, as the next attempt at the same."""
        while (before := session.get(CosignedDocument, subject.digest())) and before.withdrawn_at is not None:
            subject = subject.model_copy(update={"attempt": (subject.attempt or 1) + 1})
        return subject

    def _refuse_known(self, session: Session, digest: str) -> None:
        document = session.get(CosignedDocument, digest)
        if document is None:
            return
        cosigning = read_proposal(session, document).cosigning
        if self.us not in cosigning.signatures:
            raise ConflictError(
                f"{document.author} has proposed the same, word for word: sign that.",
                f"{document.author} 已提议完全相同的内容：请直接签署。",
            )
        if not (document.author == self.us and cosigning.objections):
            raise ConflictError("The same was proposed already.", "已提议相同内容。")

    def _agreed(self, session: Session, code: str) -> Agreement:
        agreement = next((each for each in self.in_force(session) if each.code == code), None)
        if agreement is None or agreement.last_day is None:
            raise IllegalMoveError("Not all parties have signed this agreement.", "该协议尚未经各方全部签署。")
        return agreement

    def _newest(self, session: Session, code: str) -> str | None:
        agreement = next((each for each in self.in_force(session) if each.code == code), None)
        return agreement.versions[-1].digest if agreement and agreement.versions else None


_MEMBER = {TermsV1: "terms", EndingV1: "ending", CalendarV1: "calendar"}


def _refuse_programs(by: Principal) -> None:
    if by.kind != "user":
        raise ForbiddenError("A person binds the bureau, not a program.", "须由人员代表本单位签署，不能由程序签署。")
