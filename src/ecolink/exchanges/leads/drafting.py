"""Preparing a request: one officer writes and submits it, another person approves it, and only then it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.cadence.calendars import china_day
from ecolink.cadence.deadlines import DeadlinePolicy
from ecolink.errors import InvalidError, NotFoundError
from ecolink.exchanges.governance import Terms, refuse_same_person
from ecolink.exchanges.leads.casebook import KIND, Casebook, request_columns
from ecolink.exchanges.leads.dispatch import Author, Dispatch, Message, illegal_move, refuse_unfit
from ecolink.exchanges.leads.models import Lead, LeadDraft
from ecolink.exchanges.leads.schemas import LeadIn
from ecolink.exchanges.leads.table import State
from ecolink.identity.principal import Principal
from ecolink.kit.ids import new_id
from ecolink.protocol.kinds.leads import LeadRequestedV1
from ecolink.surface.versions import check_version


@dataclass(frozen=True, repr=False, kw_only=True)
class Drafting:
    """Drafts, approvals, and the first statement of a lead."""

    casebook: Casebook
    dispatch: Dispatch
    access: AccessLog
    terms: Terms

    def create(self, session: Session, written: LeadIn, *, by: Principal, now: datetime) -> Lead:
        """Begin a draft.

        Raises:
            InvalidError: a member breaks a rule, or the bureau is not a peer.
            TooLargeError: it does not fit into one statement.

        """
        content = self._checked(session, written, before={})
        lead = Lead(id=new_id(now), direction="out", state=State.DRAFT, peer=written.to, created_at=now, updated_at=now)
        draft = LeadDraft(lead_id=lead.id, content=content)
        self._fill(session, lead, draft, written, by)
        session.add(lead)
        session.flush()
        session.add(draft)
        session.flush()
        self._record(session, lead, AccessAction.COLLECT, by, now)
        return lead

    def edit(
        self, session: Session, lead_id: str, written: LeadIn, *, version: int, by: Principal, now: datetime
    ) -> Lead:
        """Replace a draft; persons and vehicles that are left out stay as they are.

        Raises:
            NotFoundError: there is no such lead.
            IllegalMoveError: it is no draft any more.
            StaleError: somebody changed it meanwhile.
            InvalidError: a member breaks a rule.

        """
        lead, draft = self._drafted(session, lead_id, State.DRAFT, "submitted", version)
        content = self._checked(session, written, before=draft.content)
        lead.peer = written.to
        lead.updated_at = now
        flag_modified(lead, "updated_at")  # a new version, even when only the draft's text is another
        draft.content = content
        self._fill(session, lead, draft, written, by)
        session.flush()
        self._record(session, lead, AccessAction.ALTER, by, now)
        return lead

    def discard(self, session: Session, lead_id: str, *, version: int, by: Principal, now: datetime) -> None:
        """Delete a draft for good.

        Raises:
            NotFoundError: there is no such lead.
            IllegalMoveError: it is no draft any more.
            StaleError: somebody changed it meanwhile.

        """
        lead, draft = self._drafted(session, lead_id, State.DRAFT, "submitted", version)
        self._record(session, lead, AccessAction.ERASE, by, now)
        self.casebook.search.remove(session, KIND, lead.id)
        session.delete(draft)
        session.flush()
        session.delete(lead)
        session.flush()

    def submit(self, session: Session, lead_id: str, *, by: Principal, now: datetime) -> Lead:
        """Lay a draft before an approver, who must be neither its author nor the submitter.

        Raises:
            NotFoundError: there is no such lead.
            IllegalMoveError: it is no draft.
            InvalidError: an attachment is not here.
            SharingError: no agreement lets us send leads to that bureau.

        """
        lead, draft = self._drafted(session, lead_id, State.DRAFT, "submitted")
        self._refuse_unshared(session, lead.peer, now)
        self.dispatch.refs(session, _written(draft).body())
        draft.submitted_at, draft.submitted_by, draft.sent_back_reason = now, by.id, None
        lead.state, lead.updated_at = State.AWAITING_APPROVAL, now
        session.flush()
        return lead

    def send_back(self, session: Session, lead_id: str, reason: str, *, now: datetime) -> Lead:
        """Give a submitted draft back to its author.

        Raises:
            NotFoundError: there is no such lead.
            IllegalMoveError: it does not await approval.

        """
        lead, draft = self._drafted(session, lead_id, State.AWAITING_APPROVAL, "sent_back")
        draft.submitted_at, draft.submitted_by, draft.sent_back_reason = None, None, reason
        lead.state, lead.updated_at = State.DRAFT, now
        session.flush()
        return lead

    def approve(self, session: Session, lead_id: str, *, version: int, by: Principal, now: datetime) -> Lead:
        """Approve exactly the version that was read, and send it.

        Raises:
            NotFoundError: there is no such lead.
            IllegalMoveError: it does not await approval.
            StaleError: it was changed since it was read.
            SecondPersonError: the approver wrote or submitted it, or is a program.
            ConflictError: the peer is not active.
            SharingError: no agreement lets us send leads to that bureau.

        """
        lead, draft = self._drafted(session, lead_id, State.AWAITING_APPROVAL, "requested", version)
        refuse_same_person(draft.author_id, by)
        refuse_same_person(draft.submitted_by or "", by)
        written = _written(draft)
        self._refuse_unshared(session, lead.peer, now)
        terms = self.terms_for(session, lead.peer, now)
        message = Message(
            name="requested",
            body=written.body(),
            private=written.private(),
            author=Author(draft.author_id, draft.author_name, draft.author_role),
            approver=by,
            terms=terms.settle(written.governance),
            retain_until=terms.retain_until(written.governance, now),
        )
        case = self.casebook.open(session, lead.id, lead.peer, now)
        # From here on the signed statement is what holds the personal data.
        session.execute(delete(LeadDraft).where(LeadDraft.lead_id == lead.id))
        self.dispatch.send(session, lead, case, message, now)
        return lead

    def draft_of(self, session: Session, lead_id: str) -> LeadDraft | None:
        """Return what is written of a lead that is not sent yet."""
        return session.get(LeadDraft, lead_id)

    def terms_for(self, session: Session, peer: str, now: datetime) -> Terms:
        """Return what holds for a request to `peer` where the officer chooses nothing else."""
        return self.casebook.agreed.terms_with(session, self.terms, [peer], china_day(now))

    def deadlines_for(self, session: Session, peer: str, now: datetime) -> DeadlinePolicy:
        """Return how soon `peer` would have to acknowledge and answer a request."""
        return self.casebook.agreed.deadlines_with(session, peer, china_day(now))

    def _refuse_unshared(self, session: Session, peer: str, now: datetime) -> None:
        self.casebook.agreed.refuse_unshared(session, "lead", [peer], china_day(now))

    def _drafted(
        self, session: Session, lead_id: str, state: State, move: str, version: int | None = None
    ) -> tuple[Lead, LeadDraft]:
        lead = self.casebook.lead(session, lead_id, lock=True)
        draft = session.get(LeadDraft, lead_id, populate_existing=True)
        if draft is None or lead.state != state:
            raise illegal_move(move, State(lead.state), "wrong-state")
        if version is not None:
            check_version(version, lead.version)
        return lead, draft

    def _checked(self, session: Session, written: LeadIn, before: Mapping[str, Any]) -> dict[str, Any]:
        """Refuse what could never be sent, and return the draft as it is kept."""
        written.refuse_unknown_members()
        self.terms.settle(written.governance)
        try:
            self.casebook.peers.get(session, written.to)
        except NotFoundError as unknown:
            raise InvalidError(unknown.detail_en, unknown.detail_zh, pointer="/to") from unknown
        content = written.model_dump(mode="json", exclude_none=True)
        for member in ("persons", "vehicles"):
            if getattr(written, member) is None and member in before:
                content[member] = before[member]
        whole = LeadIn.model_validate(content)
        refuse_unfit(whole.body(), whole.private())
        return content

    def _fill(self, session: Session, lead: Lead, draft: LeadDraft, written: LeadIn, by: Principal) -> None:
        body = _written(draft).body()
        for name, value in request_columns(LeadRequestedV1.model_validate(body)).items():
            setattr(lead, name, value)
        lead.is_exercise = written.governance.is_exercise
        draft.author_id, draft.author_name, draft.author_role = by.id, by.name, by.lead_role
        self.casebook.search.put(session, KIND, lead.id, self.casebook.search_text(session, written.to, [body]))

    def _record(self, session: Session, lead: Lead, action: AccessAction, by: Principal, now: datetime) -> None:
        self.access.record(
            session,
            AccessEntry(
                at=now,
                actor=by.username,
                role=by.lead_role,
                action=action,
                object_type=KIND,
                object_id=lead.id,
                case_number=lead.case_number,
                details={"persons": str(lead.person_count)},
            ),
        )


def _written(draft: LeadDraft) -> LeadIn:
    return LeadIn.model_validate(draft.content)
