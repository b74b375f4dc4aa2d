"""Agreements as people and programs are shown them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement, Proposal, Version
from ecolink.cadence.calendars import china_day
from ecolink.cadence.terms_file import Reading, read
from ecolink.exchanges.agreements.models import AgreementRow, AgreementSubject
from ecolink.exchanges.agreements.schemas import (
    AgreementLineOut,
    AgreementOut,
    AgreementProposalFullOut,
    AgreementProposalOut,
    CheckOut,
    FindingOut,
    SignatoryOut,
)
from ecolink.exchanges.agreements.service import AgreementService
from ecolink.exchanges.agreements.shelf import kind_of, read_proposal
from ecolink.exchanges.cosigned.models import CosignedDocument
from ecolink.protocol.kinds.agreements import EndingV1, TermsV1

State = Literal["waiting", "declined", "withdrawn", "agreed", "in_force", "over", "void"]


@dataclass(frozen=True)
class Views:
    """Shows agreements as they stand on a day."""

    service: AgreementService

    def line(self, session: Session, row: AgreementRow, now: datetime) -> AgreementLineOut:
        """Return an agreement as a line of a list."""
        whole = self.whole(session, row, now)
        return AgreementLineOut.model_validate(whole.model_dump(include=set(AgreementLineOut.model_fields)))

    def whole(self, session: Session, row: AgreementRow, now: datetime) -> AgreementOut:
        """Return an agreement with all that was proposed of it."""
        today = china_day(now)
        agreement = self._agreement(session, row.code)
        subjects = self.service.subjects(session, row.code)
        proposals = [self._proposal(session, *both, agreement, today) for both in subjects]
        proposed = [subject.document for subject, document in subjects if document.kind == "terms"]
        version = _version_near(agreement, today)
        terms = version.terms if version else TermsV1.model_validate(proposed[-1]) if proposed else None
        calendar = agreement.calendar_on(today) if agreement else None
        return AgreementOut(
            code=row.code,
            name_zh=terms.name_zh if terms else row.code,
            name_en=terms.name_en if terms else row.code,
            state=_state_of(agreement, today),
            parties=row.members,
            version=version.terms.version if version else None,
            first_day=agreement.versions[0].first if agreement and agreement.versions else None,
            last_day=agreement.last_day if agreement else None,
            awaits_us=any(each.awaits_us for each in proposals),
            changed_at=row.changed_at,
            terms=terms,
            settled_years=sorted({*calendar.years, *calendar.tables}) if calendar else [],
            may=["amend", "end", "calendar"] if _state_of(agreement, today) in ("agreed", "in_force") else [],
            proposals=proposals,
        )

    def proposal(
        self, session: Session, subject: AgreementSubject, document: CosignedDocument, now: datetime
    ) -> AgreementProposalFullOut:
        """Return something proposed, with every word of it."""
        agreement = self._agreement(session, subject.agreement)
        shown = self._proposal(session, subject, document, agreement, china_day(now))
        return AgreementProposalFullOut(
            **shown.model_dump(),
            document=subject.document,
            text=subject.text,
            text_agrees=self._text_agrees(session, subject),
        )

    def _text_agrees(self, session: Session, subject: AgreementSubject) -> bool | None:
        """Tell whether the file beside the terms says the same: its author may have sent another."""
        if subject.text is None:
            return None
        known = self.service.record.known(session, subject.agreement)
        reading = read(subject.text, before=known.terms.get(subject.document.get("replaces", "")))
        return reading.terms is not None and reading.terms.digest() == subject.digest

    def _proposal(
        self,
        session: Session,
        subject: AgreementSubject,
        document: CosignedDocument,
        agreement: Agreement | None,
        today: date,
    ) -> AgreementProposalOut:
        proposal = read_proposal(session, document)
        cosigning = proposal.cosigning
        first, last = _days(proposal, document, agreement)
        state = _state(proposal, document, first, last, today)
        names = self._names(session, subject)
        us = self.service.us
        return AgreementProposalOut(
            digest=subject.digest,
            kind=kind_of(proposal.subject),
            agreement=subject.agreement,
            state=state,
            author=document.author,
            proposed_at=document.written_at,
            parties=[
                SignatoryOut(
                    unit_code=code,
                    name_zh=names.get(code, (None, None))[0],
                    name_en=names.get(code, (None, None))[1],
                    is_us=code == us,
                    signed_at=cosigning.signatures.get(code),
                    objected_at=cosigning.objections[code].at if code in cosigning.objections else None,
                    reason=cosigning.objections[code].reason if code in cosigning.objections else None,
                )
                for code in document.parties
            ],
            awaits_us=state in ("waiting", "declined")
            and us not in cosigning.signatures
            and us not in cosigning.objections,
            may=self._may(document, proposal, today),
            completed_at=document.completed_at,
            first_day=first,
            last_day=last,
            withdrawn_at=document.withdrawn_at,
            withdrawn_because=document.withdrawn_because,
            version=proposal.subject.version if isinstance(proposal.subject, TermsV1) else None,
        )

    def _may(
        self, document: CosignedDocument, proposal: Proposal, today: date
    ) -> list[Literal["sign", "decline", "withdraw"]]:
        if document.withdrawn_at is not None or document.completed_at is not None:
            return []
        if document.author == self.service.us:
            return ["withdraw"]
        if self.service.us in proposal.cosigning.signatures:
            return []
        over = isinstance(proposal.subject, TermsV1) and proposal.subject.valid_until < today
        return ["decline"] if over else ["sign", "decline"]

    def _names(self, session: Session, subject: AgreementSubject) -> Mapping[str, tuple[str, str]]:
        """Return the parties' names: as the terms have them, or as their nodes say."""
        peers = self.service.peers.names(session)
        names = {code: (peer.name_zh, peer.name_en) for code, peer in peers.items()}
        parties = subject.document.get("parties", ())
        return names | {each["unit_code"]: (each["name_zh"], each["name_en"]) for each in parties}

    def _agreement(self, session: Session, code: str) -> Agreement | None:
        return next((each for each in self.service.in_force(session) if each.code == code), None)


def show_check(reading: Reading) -> CheckOut:
    """Return what came of checking a file."""
    return CheckOut(
        ok=reading.terms is not None,
        digest=reading.terms.digest() if reading.terms else None,
        terms=reading.terms,
        findings=[
            FindingOut(
                severity=finding.severity.value,
                line=finding.line,
                column=finding.column,
                path="".join(f"/{part}" for part in finding.path),
                detail_zh=finding.text_zh,
                detail_en=finding.text_en,
            )
            for finding in reading.findings
        ],
    )


def _version_near(agreement: Agreement | None, today: date) -> Version | None:
    """Return the version in force, or else the next one, or else the last one."""
    if agreement is None or not agreement.versions:
        return None
    return agreement.on(today) or next(
        (version for version in agreement.versions if version.first > today), agreement.versions[-1]
    )


def _state_of(agreement: Agreement | None, today: date) -> Literal["proposed", "agreed", "in_force", "over"]:
    if agreement is None or agreement.last_day is None:
        return "proposed"
    if agreement.on(today) is not None:
        return "in_force"
    return "agreed" if today < agreement.versions[0].first else "over"


def _days(
    proposal: Proposal, document: CosignedDocument, agreement: Agreement | None
) -> tuple[date | None, date | None]:
    """Return the first and the last day on which something signed by all counts; none where it does not."""
    if document.completed_at is None or agreement is None:
        return None, None
    if isinstance(proposal.subject, TermsV1):
        found = next((version for version in agreement.versions if version.digest == document.digest), None)
        return (found.first, found.last) if found else (None, None)
    if isinstance(proposal.subject, EndingV1):
        return proposal.counts_from, None
    return proposal.counts_from, agreement.last_day


def _state(proposal: Proposal, document: CosignedDocument, first: date | None, last: date | None, today: date) -> State:
    if document.withdrawn_at is not None:
        return "withdrawn"
    if document.completed_at is None:
        return "declined" if proposal.cosigning.objections else "waiting"
    if first is None:
        return "void"
    if today < first:
        return "agreed"
    return "over" if last is not None and last < today else "in_force"
