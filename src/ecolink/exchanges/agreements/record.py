"""Writing down what is said of agreements, by whomever: our own words, a peer's, those given back after a restore.

All go the same way. The order in which they come changes nothing: the register judges a signature and a withdrawal
that crossed by when they were written, and what was said of a proposal before it came is taken up once it is here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.cosigning import Cosigning
from ecolink.exchanges.agreements.models import AgreementRow, AgreementSubject
from ecolink.exchanges.agreements.rules import Known
from ecolink.exchanges.agreements.shelf import Shelf, kind_of
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.cosigned.models import CosignedDocument
from ecolink.exchanges.duties import OnAgreement
from ecolink.federation import threads
from ecolink.federation.handling import Reject
from ecolink.federation.statements import Stored
from ecolink.protocol.kinds.agreements import (
    KINDS,
    AgreementDeclinedV1,
    AgreementProposedV1,
    AgreementSignedV1,
    AgreementWithdrawnV1,
    TermsV1,
)

Word = AgreementSignedV1 | AgreementDeclinedV1 | AgreementWithdrawnV1

BODIES: Mapping[str, type[BaseModel]] = MappingProxyType({kind.type: kind.body for kind in KINDS})


@dataclass(frozen=True, repr=False)
class Record:
    """The books of the agreements."""

    shelf: Shelf
    changed: Sequence[OnAgreement]
    """Told whenever what is in force of an agreement may have become another."""

    def known(self, session: Session, code: str, *, lock: bool = False) -> Known:
        """Return what is known of an agreement; `lock` it for a change."""
        row = session.get(AgreementRow, code, with_for_update=lock or None, populate_existing=lock)
        if row is None:
            return Known()
        terms = session.execute(
            select(AgreementSubject.digest, AgreementSubject.document)
            .join(CosignedDocument, CosignedDocument.digest == AgreementSubject.digest)
            .where(AgreementSubject.agreement == code, CosignedDocument.kind == "terms")
        )
        return Known(frozenset(row.members), {digest: TermsV1.model_validate(said) for digest, said in terms})

    def apply(self, session: Session, stored: Stored, now: datetime) -> None:
        """Write down one statement about an agreement.

        Raises:
            Reject: it does not fit what is known here; a stable code and a text say why.

        """
        body = read_body(stored)
        if isinstance(body, AgreementProposedV1):
            self._enter(session, stored, body, now)
        else:
            self._take_word(session, stored, body, now)

    def _enter(self, session: Session, stored: Stored, body: AgreementProposedV1, now: datetime) -> None:
        said, subject = stored.statement, body.subject
        parties = frozenset({said.iss, *said.aud})
        row = session.get(AgreementRow, body.agreement, with_for_update=True, populate_existing=True)
        if row is None:
            row = AgreementRow(
                code=body.agreement, members=sorted(parties), thread=said.thread, known_since=now, changed_at=now
            )
            session.add(row)
            session.flush()
        row.changed_at = now
        begun = Cosigning.begin(body.digest, said.iss, parties, said.iat)
        before = session.get(CosignedDocument, body.digest)
        is_new, again = before is None, before is not None and before.author == said.iss
        register.begin(session, begun, kind=kind_of(subject), subject=body.agreement, thread=said.thread)
        if not is_new:
            if not again:  # two proposed the same words: both have signed them
                self._write(session, stored, AgreementSignedV1(agreement=body.agreement, digest=body.digest), now)
            return
        session.add(
            AgreementSubject(
                digest=body.digest,
                agreement=body.agreement,
                document=subject.to_wire(),
                text=body.text,
                proposal=said.digest,
            )
        )
        session.flush()
        for earlier in threads.load(session, said.thread):
            self._catch_up(session, earlier, body.digest, now)

    def _catch_up(self, session: Session, earlier: Stored, digest: str, now: datetime) -> None:
        """Take up a word on a proposal that came before it: given back after a restore, or refused for want of it."""
        if earlier.statement.body.get("digest") != digest or earlier.state == "parked":
            return
        try:
            body = read_body(earlier)
            if not isinstance(body, AgreementProposedV1):
                self._take_word(session, earlier, body, now)
        except Reject:
            return

    def _take_word(self, session: Session, stored: Stored, body: Word, now: datetime) -> None:
        said = stored.statement
        row = session.get(AgreementRow, body.agreement, with_for_update=True, populate_existing=True)
        subject = session.get(AgreementSubject, body.digest)
        if row is None or subject is None or subject.agreement != body.agreement:
            raise Reject("unknown-digest", f"nothing of the digest {body.digest} is proposed in {body.agreement} here")
        if {said.iss, *said.aud} != set(row.members):
            raise Reject(
                "wrong-audience", "what is said of an agreement is told to all of its parties, and to nobody else"
            )
        row.changed_at = now
        self._write(session, stored, body, now)

    def _write(self, session: Session, stored: Stored, body: Word, now: datetime) -> None:
        said = stored.statement
        before = session.get_one(CosignedDocument, body.digest).completed_at
        try:
            match body:
                case AgreementSignedV1():
                    register.sign(session, body.digest, said.iss, said.iat)
                case AgreementDeclinedV1():
                    register.object_to(session, body.digest, said.iss, said.iat, body.reason)
                case AgreementWithdrawnV1():
                    register.withdraw(session, body.digest, said.iss, said.iat, body.reason)
        except LookupError:
            raise Reject("withdrawn", "its author had taken it back before") from None
        except ValueError as wrong:
            raise Reject("not-possible", str(wrong)) from None
        if session.get_one(CosignedDocument, body.digest).completed_at != before:
            self._tell(session, body.agreement, now)

    def _tell(self, session: Session, code: str, now: datetime) -> None:
        held = next((each for each in self.shelf.in_force(session) if each.code == code), None)
        members = frozenset(session.get_one(AgreementRow, code).members)
        for listener in self.changed:
            listener(session, held or Agreement(code, members, (), ()), now)


def read_body(stored: Stored) -> AgreementProposedV1 | Word:
    """Return what a statement about an agreement says.

    Raises:
        Reject: its body is not one, or its digest is not that of what it proposes.

    """
    try:
        body = BODIES[stored.statement.type].model_validate(stored.statement.body)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = "/".join(str(part) for part in first["loc"])
        raise Reject("invalid-body", f"{place or 'body'}: {first['msg']}") from None
    assert isinstance(body, AgreementProposedV1 | Word)  # noqa: S101 - BODIES holds these four
    return body
