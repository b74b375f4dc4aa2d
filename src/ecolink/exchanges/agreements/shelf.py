"""What is in force, read from the signed documents; whatever was read once is not read again.

Each question asks the database which documents are signed by all, so every process answers the same at once. Only
those it has not met yet are read.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement, Proposal
from ecolink.exchanges.agreements.models import AgreementSubject
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.cosigned.models import CosignedDocument
from ecolink.protocol.kinds.agreements import CalendarV1, EndingV1, TermsV1
from ecolink.storage.base import table_of
from ecolink.storage.queries import Query

KINDS: Mapping[str, type[TermsV1 | EndingV1 | CalendarV1]] = MappingProxyType(
    {"terms": TermsV1, "ending": EndingV1, "calendar": CalendarV1}
)
"""The subjects of an agreement by their kind in the register."""


_SIGNED = Query(
    # Asked of every bulletin that comes or goes: put together once.
    register.signed_by_all(KINDS).with_only_columns(
        *(table_of(CosignedDocument).c[name] for name in ("subject", "digest", "completed_at"))
    )
)


def kind_of(subject: TermsV1 | EndingV1 | CalendarV1) -> Literal["terms", "ending", "calendar"]:
    """Return a subject's kind in the register."""
    match subject:
        case TermsV1():
            return "terms"
        case EndingV1():
            return "ending"
        case CalendarV1():
            return "calendar"


def read_proposal(session: Session, row: CosignedDocument) -> Proposal:
    """Return a document with what it says and who signed it."""
    document = session.get_one(AgreementSubject, row.digest).document
    return Proposal(KINDS[row.kind].model_validate(document), register.read(session, [row])[row.digest])


class Shelf:
    """Every agreement that was ever signed by all its parties."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._shelved: tuple[tuple[tuple[object, ...], ...], Sequence[Agreement]] = ((), ())
        self._proposals: dict[tuple[object, ...], Proposal] = {}

    def in_force(self, session: Session) -> Sequence[Agreement]:
        """Return the agreements, ended ones too, by code; what is in force on a day, `Agreement.on` tells."""
        if session.autoflush:
            session.flush()
        found = tuple(tuple(row) for row in _SIGNED.all(session))
        shelved, agreements = self._shelved
        if found != shelved:
            agreements = self._read(session, found)
            self._shelved = (found, agreements)
        return agreements

    def waiting(self, session: Session) -> Sequence[TermsV1]:
        """Return the terms that a party stands by and that not all have signed, as far as is known here."""
        open_ = (
            select(AgreementSubject.document)
            .join(CosignedDocument, CosignedDocument.digest == AgreementSubject.digest)
            .where(
                CosignedDocument.kind == "terms",
                CosignedDocument.completed_at.is_(None),
                CosignedDocument.withdrawn_at.is_(None),
            )
        )
        return [TermsV1.model_validate(document) for document in session.scalars(open_)]

    def _read(self, session: Session, found: Sequence[tuple[object, ...]]) -> Sequence[Agreement]:
        proposals: dict[object, list[Proposal]] = {}
        for key in found:
            if key not in self._proposals:
                row = session.get_one(CosignedDocument, key[1])
                self._proposals[key] = read_proposal(session, row)
            proposals.setdefault(key[0], []).append(self._proposals[key])
        read = (Agreement.read(every) for every in proposals.values())
        return tuple(agreement for agreement in read if agreement is not None)
