"""Moves of ours laid before an approver, until each is sent or declined."""

from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from ecolink.errors import IllegalMoveError, NotFoundError
from ecolink.exchanges.leads.models import Lead, LeadProposal
from ecolink.exchanges.leads.rules import MOVE_OF_TYPE
from ecolink.federation.statements import Stored

_ERASED = "personal data erased / 个人信息已删除"


def of_lead(lead_id: str) -> Select[LeadProposal]:
    """Select what was ever laid before an approver of a lead, the oldest first."""
    return select(LeadProposal).where(LeadProposal.lead_id == lead_id).order_by(LeadProposal.id)


def awaiting(session: Session, lead: Lead, proposal_id: str) -> LeadProposal:
    """Return a proposal that is still to be decided.

    Raises:
        NotFoundError: the lead has no such proposal.
        IllegalMoveError: it is decided already.

    """
    proposal = session.get(LeadProposal, proposal_id, populate_existing=True)
    if proposal is None or proposal.lead_id != lead.id:
        raise NotFoundError
    if proposal.state != "awaiting":
        raise IllegalMoveError("It was decided already.", "该事项已经审批。")
    return proposal


def close(lead: Lead, proposal: LeadProposal, state: str, by: str | None, at: datetime) -> None:
    """Write that a proposal was `sent` or `declined`, by whom and when; what it said is dropped."""
    proposal.state, proposal.decided_at, proposal.decided_by = state, at, by
    proposal.content = None
    lead.proposal_count -= 1


def settle(session: Session, lead: Lead, stored: Stored) -> None:
    """Close the proposal that a move of ours became, had the backup one that still awaited approval."""
    said = stored.statement
    proposal = session.scalar(
        select(LeadProposal).where(
            LeadProposal.lead_id == said.thread,
            LeadProposal.state == "awaiting",
            LeadProposal.move == MOVE_OF_TYPE[said.type],
            LeadProposal.proposed_at <= said.iat,
        )
    )
    if proposal is not None:
        approver = (said.private_data or {}).get("approver") or {}
        close(lead, proposal, "sent", approver.get("name"), said.iat)
        proposal.digest = said.digest


def erase(session: Session, lead_id: str, now: datetime) -> None:
    """Drop what the proposals of a lead say; those still to be decided count as declined."""
    of_this = update(LeadProposal).where(LeadProposal.lead_id == lead_id)
    session.execute(
        of_this.where(LeadProposal.state == "awaiting").values(state="declined", decided_at=now, note=_ERASED)
    )
    session.execute(of_this.values(content=None))
