"""Writing into the register and reading from it. What it decides, `cadence.cosigning` decides purely."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from ecolink.cadence.cosigning import Cosigning, Objection
from ecolink.exchanges.cosigned.models import Cosignature, CosignedDocument


def begin(
    session: Session,
    cosigning: Cosigning,
    *,
    kind: str,
    subject: str,
    thread: str,
) -> CosignedDocument:
    """Enter a document its author has signed; entering it again changes nothing.

    Where two wrote the same words, the earlier is its author; the other's signature is entered by `sign`.
    """
    row = session.get(CosignedDocument, cosigning.digest, with_for_update=True)
    if row is None:
        row = CosignedDocument(
            digest=cosigning.digest,
            kind=kind,
            subject=subject,
            thread=thread,
            author=cosigning.author,
            parties=sorted(cosigning.parties),
            written_at=cosigning.written_at,
            completed_at=cosigning.completed_at,
        )
        session.add(row)
        session.flush()
        session.add_all(
            Cosignature(digest=row.digest, party=party, signed_at=at) for party, at in cosigning.signatures.items()
        )
    elif (cosigning.written_at, cosigning.author) < (row.written_at, row.author):
        row.author, row.written_at = cosigning.author, cosigning.written_at
        row.withdrawn_at = row.withdrawn_because = None  # by one who turns out not to be its author
    session.flush()
    return row


def sign(session: Session, digest: str, party: str, at: datetime) -> Cosigning:
    """Enter a party's signature and return how far the document is signed.

    A signature and a withdrawal that crossed on the way are judged by when they were written, so that every party
    comes to the same answer: what all had signed by then stands, and the withdrawal is void.

    Raises:
        LookupError: no such document is known, or it had been withdrawn by `at`.
        ValueError: it is no party, or the signature is older than the document by more than clocks may differ.

    """
    row = _standing(session, digest, at)
    cosigning = _write(session, row, read(session, [row])[digest].sign(party, at), party)
    if row.withdrawn_at is not None and row.completed_at is not None:
        if row.completed_at <= row.withdrawn_at:
            row.withdrawn_at = row.withdrawn_because = None
        else:
            row.completed_at = None
        session.flush()
    return cosigning


def object_to(session: Session, digest: str, party: str, at: datetime, reason: str) -> Cosigning:
    """Enter a party's objection and return how far the document is signed.

    Raises:
        LookupError: no such document is known, or it had been withdrawn by `at`.
        ValueError: it is no party, or the objection is older than the document by more than clocks may differ.

    """
    row = _standing(session, digest, at)
    return _write(session, row, read(session, [row])[digest].object(party, at, reason), party)


def withdraw(session: Session, digest: str, by: str, at: datetime, reason: str) -> CosignedDocument:
    """Enter that its author took a document back.

    Raises:
        LookupError: no such document is known, or it was withdrawn before.
        ValueError: somebody else wrote it, or all had signed it by `at`.

    """
    row = _standing(session, digest, at)
    if row.author != by:
        raise ValueError("only its author takes a document back")
    if row.completed_at is not None and row.completed_at <= at:
        raise ValueError("all had signed it before it was taken back")
    row.withdrawn_at, row.withdrawn_because, row.completed_at = at, reason, None
    session.flush()
    return row


def about(kind: str, subjects: Collection[str]) -> Select[CosignedDocument]:
    """Select the documents of a kind about any of `subjects`, withdrawn ones left out, oldest first."""
    return (
        select(CosignedDocument)
        .where(
            CosignedDocument.kind == kind,
            CosignedDocument.subject.in_(subjects),
            CosignedDocument.withdrawn_at.is_(None),
        )
        .order_by(CosignedDocument.written_at, CosignedDocument.digest)
    )


def signed_by_all(kinds: Collection[str]) -> Select[CosignedDocument]:
    """Select the documents of these kinds that all parties signed, by subject."""
    return (
        select(CosignedDocument)
        .where(or_(*(CosignedDocument.kind == kind for kind in kinds)), CosignedDocument.completed_at.is_not(None))
        .order_by(CosignedDocument.subject, CosignedDocument.completed_at, CosignedDocument.digest)
    )


def read(session: Session, rows: Iterable[CosignedDocument]) -> dict[str, Cosigning]:
    """Return by digest how far documents are signed."""
    known = {row.digest: row for row in rows}
    words: dict[str, list[Cosignature]] = {}
    for word in session.scalars(select(Cosignature).where(Cosignature.digest.in_(known))):
        words.setdefault(word.digest, []).append(word)
    return {
        digest: Cosigning(
            digest=digest,
            author=row.author,
            parties=frozenset(row.parties),
            written_at=row.written_at,
            signatures={word.party: word.signed_at for word in words.get(digest, ()) if word.signed_at},
            objections={
                word.party: Objection(word.objected_at, word.reason or "")
                for word in words.get(digest, ())
                if word.objected_at and not word.signed_at
            },
        )
        for digest, row in known.items()
    }


def _standing(session: Session, digest: str, at: datetime) -> CosignedDocument:
    """Return a document, locked, that had not been withdrawn by `at`."""
    row = session.get(CosignedDocument, digest, with_for_update=True, populate_existing=True)
    if row is None or (row.withdrawn_at is not None and row.withdrawn_at < at):
        raise LookupError(digest)
    return row


def _write(session: Session, row: CosignedDocument, cosigning: Cosigning, party: str) -> Cosigning:
    word = session.get(Cosignature, (row.digest, party)) or Cosignature(digest=row.digest, party=party)
    objection = cosigning.objections.get(party)
    word.signed_at = cosigning.signatures.get(party)
    word.objected_at, word.reason = (objection.at, objection.reason) if objection else (None, None)
    session.add(word)
    row.completed_at = cosigning.completed_at
    session.flush()
    return cosigning
