"""Every move after the request: our own, at once or after approval, and the other side's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from types import MappingProxyType
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry, AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.cadence.agreements import Agreement
from ecolink.cadence.calendars import china_day
from ecolink.errors import ConflictError, IllegalMoveError, InvalidError, NotFoundError
from ecolink.exchanges.governance import GovernanceOut, Terms, handling_out, refuse_same_person
from ecolink.exchanges.leads import schemas
from ecolink.exchanges.leads.casebook import KIND, REQUESTED, Case, Casebook
from ecolink.exchanges.leads.dispatch import Author, Dispatch, Message, illegal_move, prospect, refuse_unfit
from ecolink.exchanges.leads.history import private_fault
from ecolink.exchanges.leads.models import Lead, LeadDraft, LeadProposal
from ecolink.exchanges.leads.rules import Illegal, Verdict, judge
from ecolink.exchanges.leads.table import ENDED, State
from ecolink.federation.handling import Handlers, Park, Reject
from ecolink.federation.receipts import Confirmed
from ecolink.federation.statements import Stored
from ecolink.identity.principal import Principal
from ecolink.kit.ids import new_id
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.leads import KINDS

WRITTEN: Mapping[str, type[schemas.Written]] = MappingProxyType(
    {
        "acknowledged": schemas.AcknowledgeIn,
        "returned": schemas.ReturnIn,
        "resubmitted": schemas.ResubmitIn,
        "accepted": schemas.AcceptIn,
        "started": schemas.StartIn,
        "information_requested": schemas.AskIn,
        "information_provided": schemas.ProvideIn,
        "replied": schemas.ReplyIn,
        "feedback": schemas.FeedbackIn,
        "closed": schemas.CloseIn,
        "transferred": schemas.TransferIn,
        "withdrawn": schemas.WithdrawIn,
        "message": schemas.MessageIn,
    }
)
"""What an officer writes for each move."""

WIRE_NAMES: Mapping[str, str] = MappingProxyType({kind.type: kind.type.split(".")[1] for kind in KINDS})
"""The moves by their type on the wire."""

_ERASED = "personal data erased / 个人信息已删除"

OnSigned = Callable[[Session, Lead, Principal, datetime], None]
"""Told who of ours signs for a request, in the same transaction."""


@dataclass(frozen=True, kw_only=True)
class Moving:
    """Makes and applies moves."""

    casebook: Casebook
    dispatch: Dispatch
    access: AccessLog
    terms: Terms
    on_signed: list[OnSigned] = field(default_factory=list)

    # Ours -----------------------------------------------------------------------------------------------

    def make(
        self, session: Session, lead_id: str, name: str, written: schemas.Written, *, by: Principal, now: datetime
    ) -> Lead:
        """Make a move; one that needs an approver is laid before one, and nothing is sent yet.

        Raises:
            NotFoundError: there is no such lead.
            IllegalMoveError: the move is not ours to make now.
            InvalidError: a member breaks a rule.
            ConflictError: another move awaits approval already, or the peer is not active.
            TooLargeError: it does not fit into one statement.

        """
        lead, case = self._opened(session, lead_id, name, now)
        written.refuse_unknown_members()
        message = self._message(session, case, name, written, Author.of(by), None, now)
        _refuse_bad_terms(case, message, now)
        refuse_unfit(message.body, message.private, case.request.statement.private_data)

        if case.is_void:
            self._give_up(session, lead, message, by, now)
            return lead
        if not prospect(case, message, is_approved=False).needs_approver:
            for listener in self.on_signed if name == "acknowledged" else ():
                listener(session, lead, by, now)
            self.dispatch.send(session, lead, case, message, now)
            return lead
        self._propose(session, lead, case, message, written, by, now)
        return lead

    def approve(self, session: Session, lead_id: str, proposal_id: str, *, by: Principal, now: datetime) -> Lead:
        """Approve a move that another person prepared, and send it.

        Raises:
            NotFoundError: there is no such lead or proposal.
            IllegalMoveError: it is decided already, or the lead has moved on so that it is no longer possible.
            SecondPersonError: the approver prepared it, or is a program.

        """
        lead = self.casebook.lead(session, lead_id, lock=True)
        proposal = self._awaiting(session, lead, proposal_id)
        refuse_same_person(proposal.author_id, by)
        case = self.casebook.open(session, lead.id, lead.peer, now)
        written = WRITTEN[proposal.move].model_validate(proposal.content)
        author = Author(proposal.author_id, proposal.author_name, proposal.author_role)
        message = self._message(session, case, proposal.move, written, author, by, now)
        _refuse_bad_terms(case, message, now)
        _decide(lead, proposal, "sent", by, now)
        proposal.digest = self.dispatch.send(session, lead, case, message, now).statement.digest
        session.flush()
        return lead

    def decline(
        self, session: Session, lead_id: str, proposal_id: str, reason: str, *, by: Principal, now: datetime
    ) -> Lead:
        """Drop a move that awaits approval; its author may take it back too.

        Raises:
            NotFoundError: there is no such lead or proposal.
            IllegalMoveError: it is decided already.

        """
        lead = self.casebook.lead(session, lead_id, lock=True)
        proposal = self._awaiting(session, lead, proposal_id)
        _decide(lead, proposal, "declined", by, now)
        proposal.note = reason
        lead.updated_at = now
        session.flush()
        return lead

    def proposals(self, lead_id: str) -> Select[LeadProposal]:
        """Select the moves of a lead that were laid before an approver."""
        return select(LeadProposal).where(LeadProposal.lead_id == lead_id)

    def preview(self, session: Session, case: Case, proposal: LeadProposal, now: datetime) -> tuple[Message, bool]:
        """Return what a proposal that awaits approval would send, and whether it still could."""
        written = WRITTEN[proposal.move].model_validate(proposal.content)
        author = Author(proposal.author_id, proposal.author_name, proposal.author_role)
        message = self._message(session, case, proposal.move, written, author, None, now)
        decision = judge(case.matter.position, prospect(case, message, is_approved=True))
        return message, isinstance(decision, State)

    def _opened(self, session: Session, lead_id: str, name: str, now: datetime) -> tuple[Lead, Case]:
        lead = self.casebook.lead(session, lead_id, lock=True)
        if lead.sent_at is None:
            raise illegal_move(name, State(lead.state), "wrong-state")
        return lead, self.casebook.open(session, lead.id, lead.peer, now)

    def _propose(
        self,
        session: Session,
        lead: Lead,
        case: Case,
        message: Message,
        written: schemas.Written,
        by: Principal,
        now: datetime,
    ) -> None:
        decision = judge(case.matter.position, prospect(case, message, is_approved=True))
        if isinstance(decision, Illegal):
            raise illegal_move(message.name, case.matter.state, decision.why)
        if lead.proposal_count:
            raise ConflictError(
                "Another move of this lead awaits approval; have it approved or declined first.",
                "本线索已有待审批事项，请先审批或退回。",
            )
        self.dispatch.refs(session, message.body)
        content = {**written.model_dump(mode="json", exclude_none=True), **message.private}
        session.add(
            LeadProposal(
                id=new_id(now),
                lead_id=lead.id,
                move=message.name,
                state="awaiting",
                content=content,
                author_id=by.id,
                author_name=by.name,
                author_role=by.lead_role,
                proposed_at=now,
            )
        )
        lead.proposal_count += 1
        lead.updated_at = now
        session.flush()

    def _give_up(self, session: Session, lead: Lead, message: Message, by: Principal, now: datetime) -> None:
        """Withdraw a request that the other node never took; there is nobody to tell."""
        if message.name != "withdrawn" or lead.state == State.WITHDRAWN:
            raise IllegalMoveError(
                "The other node never took this request. Withdraw it and write a new one.",
                "对方节点未接收该请求，请撤回后另行发函。",
            )
        lead.state, lead.updated_at = State.WITHDRAWN, now
        session.flush()
        self._record(
            session, lead, AccessAction.ALTER, by.username, by.lead_role, now, str(message.body["explanation"])
        )

    def _awaiting(self, session: Session, lead: Lead, proposal_id: str) -> LeadProposal:
        proposal = session.get(LeadProposal, proposal_id, populate_existing=True)
        if proposal is None or proposal.lead_id != lead.id:
            raise NotFoundError
        if proposal.state != "awaiting":
            raise IllegalMoveError("It was decided already.", "该事项已经审批。")
        return proposal

    def _message(
        self,
        session: Session,
        case: Case,
        name: str,
        written: schemas.Written,
        author: Author,
        approver: Principal | None,
        now: datetime,
    ) -> Message:
        request = case.request.statement
        terms = self.casebook.agreed.terms_with(session, self.terms, [case.peer], china_day(case.requested_at))
        handling = written.handling if isinstance(written, schemas.ReplyIn) and written.handling else None
        body, private = written.body(), written.private()
        if isinstance(written, schemas.ResubmitIn):
            body, private = _with_kept_persons(written, body, private, request.private_data or {})
        return Message(
            name=name,
            body=body,
            private=private,
            author=author,
            approver=approver,
            terms=GovernanceOut(
                purpose=request.purpose,
                legal_basis=request.legal_basis,
                classification=request.classification,
                handling=handling or handling_out(terms.handling),
                is_exercise=request.is_exercise,
            ),
            retain_until=max(request.retain_until, terms.keep_until(now)),
        )

    # Theirs ---------------------------------------------------------------------------------------------

    def handlers(self) -> Handlers:
        """Return what applies the other side's moves."""
        return {kind.type: self.apply for kind in KINDS}

    def apply(self, session: Session, stored: Stored, now: datetime) -> None:
        """Apply a move of the other side; applying it twice is applying it once.

        Raises:
            Park: a predecessor is missing.
            Reject: its author should have known that it is not allowed.

        """
        said = stored.statement
        lead = session.get(Lead, said.thread, with_for_update=True, populate_existing=True)
        if lead is not None and (lead.peer != said.iss or lead.sent_at is None):
            raise Reject("not-a-party", "this lead is not between the two of us")
        if self.casebook.is_full(session, said.thread):
            raise Reject("thread-full", "the thread has too many statements")
        case = self.casebook.open(session, said.thread, said.iss, now, being=stored.n)
        step = case.matter.step(said.digest)
        if step is None:
            msg = "a predecessor in the lead's thread is not here yet"
            raise Park(msg)
        if step.verdict is Verdict.ILLEGAL:
            raise Reject(step.why, step.move.fault or f"{step.move.name} in state {step.state or 'none'}")
        fault = private_fault(stored)
        if fault is not None:
            raise Reject("invalid-private", fault)

        if lead is None:
            lead = Lead(id=said.thread, direction="in", peer=said.iss, created_at=now, proposal_count=0)
        self.casebook.write(session, lead, case, now)
        if said.body.get("person_count"):
            self._record(session, lead, AccessAction.COLLECT, said.iss, "node", now, said.purpose)

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:
        """Write the row anew for a move of ours that a restore had forgotten; its draft or proposal counts as sent."""
        said = stored.statement
        if said.type not in WIRE_NAMES:
            return
        lead = session.get(Lead, said.thread, with_for_update=True, populate_existing=True)
        if lead is None and said.type != REQUESTED:
            return  # the other side's request, which comes by itself, brings the row
        if lead is None:
            lead = Lead(id=said.thread, direction="out", created_at=said.iat, proposal_count=0)
        if lead.sent_at is None:
            lead.peer = said.aud[0]
            session.execute(delete(LeadDraft).where(LeadDraft.lead_id == said.thread))
        self._settle_proposal(session, lead, stored)
        self.casebook.write(session, lead, self.casebook.open(session, said.thread, lead.peer, now), now)

    def _settle_proposal(self, session: Session, lead: Lead, stored: Stored) -> None:
        """Close the proposal that a move became, had the backup one that still awaited approval."""
        said = stored.statement
        proposal = session.scalar(
            select(LeadProposal).where(
                LeadProposal.lead_id == said.thread,
                LeadProposal.state == "awaiting",
                LeadProposal.move == WIRE_NAMES[said.type],
                LeadProposal.proposed_at <= said.iat,
            )
        )
        if proposal is not None:
            approver = (said.private_data or {}).get("approver") or {}
            _close(lead, proposal, "sent", approver.get("name"), said.iat)
            proposal.digest = said.digest

    def on_rejected(self, session: Session, stored: Stored, now: datetime) -> None:
        """Take note that the other side rejected a move of ours: it has no effect on either side."""
        self.casebook.refresh(session, stored.statement.thread, now, being=stored.n)

    def on_receipt(self, session: Session, confirmed: Sequence[Confirmed], now: datetime) -> None:
        """Take note of what a receipt said: the other side's clock runs from there."""
        for thread in dict.fromkeys(each.thread for each in confirmed if each.type.startswith(f"{KIND}.")):
            self.casebook.refresh(session, thread, now)

    def note_agreement(self, session: Session, agreement: Agreement, now: datetime) -> None:
        """What is agreed became another: leads requested since then, and told before we knew, get their terms anew."""
        if not agreement.versions:
            return
        since = datetime.combine(agreement.versions[-1].first, time(0, tzinfo=CHINA))
        still = select(Lead.id).where(
            Lead.peer.in_(agreement.members), Lead.sent_at >= since, Lead.state.not_in([state.value for state in ENDED])
        )
        for lead_id in session.scalars(still).all():
            self.casebook.refresh(session, lead_id, now)

    def is_under_way(self, session: Session, thread: str, now: datetime) -> bool:
        """Tell whether this thread is a lead on which something can still be said: it keeps its persons until then."""
        del now
        state = session.scalar(select(Lead.state).where(Lead.id == thread))
        return state is not None and state not in ENDED

    def erase(self, session: Session, thread: str, now: datetime) -> None:
        """Drop what is kept of a lead's persons beside its statements: moves that await approval, and drafts."""
        of_lead = update(LeadProposal).where(LeadProposal.lead_id == thread)
        session.execute(
            of_lead.where(LeadProposal.state == "awaiting").values(state="declined", decided_at=now, note=_ERASED)
        )
        session.execute(of_lead.values(content=None))
        session.execute(delete(LeadDraft).where(LeadDraft.lead_id == thread))
        lead = session.get(Lead, thread, with_for_update=True, populate_existing=True)
        if lead is not None and lead.sent_at is None:
            self.casebook.search.remove(session, KIND, lead.id)
            session.delete(lead)
        elif lead is not None:
            lead.proposal_count = 0
            lead.updated_at = now
        session.flush()

    def _record(
        self, session: Session, lead: Lead, action: AccessAction, actor: str, role: str, now: datetime, reason: str
    ) -> None:
        self.access.record(
            session,
            AccessEntry(
                at=now,
                actor=actor,
                role=role,
                action=action,
                object_type=KIND,
                object_id=lead.id,
                case_number=lead.case_number,
                reason=reason,
                details={"persons": str(lead.person_count)},
            ),
        )


def _decide(lead: Lead, proposal: LeadProposal, state: str, by: Principal, now: datetime) -> None:
    _close(lead, proposal, state, by.name, now)


def _close(lead: Lead, proposal: LeadProposal, state: str, by: str | None, at: datetime) -> None:
    proposal.state, proposal.decided_at, proposal.decided_by = state, at, by
    proposal.content = None
    lead.proposal_count -= 1


def _with_kept_persons(
    written: schemas.ResubmitIn, body: dict[str, Any], private: dict[str, Any], before: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take the persons and vehicles of the request as it stood where the correction leaves them out."""
    for member, told in (("persons", written.persons), ("vehicles", written.vehicles)):
        if told is None:
            private[member] = before.get(member, [])
            body[f"{member[:-1]}_count"] = len(private[member])
    return body, private


def _refuse_bad_terms(case: Case, message: Message, now: datetime) -> None:
    """Refuse a due time in the past, and a transfer to ourselves."""
    new_due = getattr(prospect(case, message, is_approved=True).body, "new_due_at", None)
    if new_due is not None and new_due <= now:
        raise InvalidError("The new due time has passed.", "新的期限已过。", pointer="/new_due_at")
    if message.name == "transferred" and message.body["to"] == case.us:
        raise InvalidError("That is this bureau itself.", "移送对象不能是本单位。", pointer="/to")
