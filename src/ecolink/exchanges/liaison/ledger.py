"""The rows of contacts: written from what was said, read as evidence."""

from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.obligations import Obligation
from ecolink.cadence.standing import Evidence
from ecolink.errors import NotFoundError
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.cosigned.models import Cosignature, CosignedDocument
from ecolink.exchanges.liaison.contacts import Edition, evidence
from ecolink.exchanges.liaison.models import LiaisonRecord
from ecolink.federation.statements import Stored
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.liaison import LiaisonRecordedV1

KIND = "liaison"
"""What the register and the access log call a record."""


def records(session: Session, contact: str, *, lock: bool = False) -> list[LiaisonRecord]:
    """Return a contact's records, oldest first; `lock` them for a word on one.

    Raises:
        NotFoundError: there is no such contact.

    """
    found = select(LiaisonRecord).where(LiaisonRecord.contact == contact).order_by(LiaisonRecord.edition)
    if lock:
        found = found.with_for_update().execution_options(populate_existing=True)
    rows = list(session.scalars(found))
    if not rows:
        raise NotFoundError
    return rows


def current(session: Session, contact: str, *, lock: bool = False) -> LiaisonRecord:
    """Return the record of a contact that stands.

    Raises:
        NotFoundError: there is no such contact.

    """
    return next(row for row in reversed(records(session, contact, lock=lock)) if row.is_current)


def enter(session: Session, stored: Stored, body: LiaisonRecordedV1, edition: int) -> LiaisonRecord:
    """Write a record its author has signed."""
    said = stored.statement
    parties = {said.iss, *said.aud}
    cosigning = Cosigning.begin(said.digest, said.iss, parties, said.iat)
    register.begin(session, cosigning, kind=KIND, subject=said.thread, thread=said.thread)
    row = LiaisonRecord(
        digest=said.digest,
        contact=said.thread,
        edition=edition,
        author=said.iss,
        parties=" ".join(sorted(parties)),
        agreement=body.agreement,
        held_at=body.held_at,
        method=body.method,
        nothing_to_report=body.nothing_to_report,
        makes_up=body.makes_up,
        recorded_at=said.iat,
    )
    session.add(row)
    session.flush()
    return row


def refresh(session: Session, contact: str) -> None:
    """Bring a contact's rows up to what the register holds."""
    rows = records(session, contact)
    signed = documents(session, rows)
    cosignings = register.read(session, signed.values())
    for row in rows:
        row.state = _state(signed[row.digest], cosignings[row.digest])
    standing = [row for row in rows if row.state != "withdrawn"] or rows
    for row in rows:
        row.is_current = row is standing[-1]
    session.flush()


def documents(session: Session, rows: Collection[LiaisonRecord]) -> dict[str, CosignedDocument]:
    """Return by digest what the register holds of records."""
    found = select(CosignedDocument).where(CosignedDocument.digest.in_([row.digest for row in rows]))
    return {document.digest: document for document in session.scalars(found)}


def editions(session: Session, rows: Sequence[LiaisonRecord]) -> dict[str, list[Edition]]:
    """Return, by contact, records as they are judged."""
    cosignings = register.read(session, documents(session, rows).values())
    found: dict[str, list[Edition]] = {}
    for row in rows:
        edition = Edition(
            number=row.edition,
            held_on=china_day(row.held_at),
            agreement=row.agreement,
            makes_up=row.makes_up,
            withdrawn=row.state == "withdrawn",
            cosigning=cosignings[row.digest],
        )
        found.setdefault(row.contact, []).append(edition)
    return found


def evidence_of(session: Session, obligation: Obligation) -> Evidence:
    """Return what signed records say of one obligation of monthly liaison."""
    first = datetime.combine(obligation.period.first, time(0, tzinfo=CHINA))
    after = datetime.combine(obligation.period.last + timedelta(days=1), time(0, tzinfo=CHINA))
    held = LiaisonRecord.makes_up.is_(None) & (LiaisonRecord.held_at >= first) & (LiaisonRecord.held_at < after)
    named = select(LiaisonRecord.contact).where(or_(held, LiaisonRecord.makes_up == obligation.key))
    rows = session.scalars(select(LiaisonRecord).where(LiaisonRecord.contact.in_(named)))
    contacts = editions(session, rows.all()).values()
    return Evidence(records=[signed for contact in contacts if (signed := evidence(contact, obligation)) is not None])


def awaiting(us: str) -> Select[LiaisonRecord]:
    """Select the records that stand, wait to be signed, and lack our own word."""
    ours = exists().where(Cosignature.digest == LiaisonRecord.digest, Cosignature.party == us)
    return select(LiaisonRecord).where(
        LiaisonRecord.is_current, LiaisonRecord.state.in_(("awaiting", "objected")), ~ours
    )


def last_held(session: Session, us: str, partner: str) -> datetime | None:
    """Return when two bureaus last had a contact that all who took part confirmed; None: never."""
    held = select(LiaisonRecord.held_at).where(
        LiaisonRecord.state == "confirmed", LiaisonRecord.parties.contains(us), LiaisonRecord.parties.contains(partner)
    )
    return session.scalar(held.order_by(LiaisonRecord.held_at.desc()).limit(1))


def _state(document: CosignedDocument, cosigning: Cosigning) -> str:
    if document.withdrawn_at is not None:
        return "withdrawn"
    if not cosigning.missing:
        return "confirmed"
    return "objected" if cosigning.objections else "awaiting"
