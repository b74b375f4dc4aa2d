"""Every move of ours after the request: made at once, or laid before an approver and then sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from ecolink.audit.access import AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.cadence.calendars import china_day
from ecolink.errors import ConflictError, IllegalMoveError, InvalidError
from ecolink.exchanges.governance import GovernanceOut, Terms, handling_out, refuse_same_person
from ecolink.exchanges.leads import proposals, schemas
from ecolink.exchanges.leads.casebook import Case, Casebook, persons_entry
from ecolink.exchanges.leads.dispatch import Author, Dispatch, Message, illegal_move, prospect, refuse_unfit
from ecolink.exchanges.leads.models import Lead, LeadProposal
from ecolink.exchanges.leads.rules import Illegal, judge
from ecolink.exchanges.leads.table import State
from ecolink.identity.principal import Principal
from ecolink.kit.ids import new_id

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

OnSigned = Callable[[Session, Lead, Principal, datetime], None]
"""Told who of ours signs for a request, in the same transaction."""


@dataclass(frozen=True, repr=False, kw_only=True)
class Moving:
    """Makes moves."""

    casebook: Casebook
    dispatch: Dispatch
    access: AccessLog
    terms: Terms
    on_signed: list[OnSigned] = field(default_factory=list)

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
        proposal = proposals.awaiting(session, lead, proposal_id)
        refuse_same_person(proposal.author_id, by)
        case = self.casebook.open(session, lead.id, lead.peer, now)
        written = WRITTEN[proposal.move].model_validate(proposal.content)
        author = Author(proposal.author_id, proposal.author_name, proposal.author_role)
        message = self._message(session, case, proposal.move, written, author, by, now)
        _refuse_bad_terms(case, message, now)
        proposals.close(lead, proposal, "sent", by.name, now)
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
        proposal = proposals.awaiting(session, lead, proposal_id)
        proposals.close(lead, proposal, "declined", by.name, now)
        proposal.note = reason
        lead.updated_at = now
        session.flush()
        return lead

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
        why = str(message.body["explanation"])
        altered = persons_entry(lead, AccessAction.ALTER, actor=by.username, role=by.lead_role, reason=why, at=now)
        self.access.record(session, altered)

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
