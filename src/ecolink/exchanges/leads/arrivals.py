"""What the other side says of a lead, applied on arrival; and what receipts, agreements and erasures change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessLog
from ecolink.audit.access_models import AccessAction
from ecolink.cadence.agreements import Agreement
from ecolink.exchanges.leads import proposals
from ecolink.exchanges.leads.casebook import KIND, REQUESTED, Casebook, persons_entry
from ecolink.exchanges.leads.history import private_fault
from ecolink.exchanges.leads.models import Lead, LeadDraft
from ecolink.exchanges.leads.rules import MOVE_OF_TYPE, Verdict
from ecolink.exchanges.leads.table import ENDED
from ecolink.federation.handling import Handlers, Park, Reject
from ecolink.federation.receipts import Confirmed
from ecolink.federation.statements import Stored
from ecolink.kit.times import CHINA
from ecolink.protocol.kinds.leads import KINDS


@dataclass(frozen=True, repr=False, kw_only=True)
class Arrivals:
    """Applies the other side's moves, and keeps the rows true to what was agreed, confirmed or forgotten since."""

    casebook: Casebook
    access: AccessLog

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
            collected = persons_entry(
                lead, AccessAction.COLLECT, actor=said.iss, role="node", reason=said.purpose, at=now
            )
            self.access.record(session, collected)

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:
        """Write the row anew for a move of ours that a restore had forgotten; its draft or proposal counts as sent."""
        said = stored.statement
        if said.type not in MOVE_OF_TYPE:
            return
        lead = session.get(Lead, said.thread, with_for_update=True, populate_existing=True)
        if lead is None and said.type != REQUESTED:
            return  # the other side's request, which comes by itself, brings the row
        if lead is None:
            lead = Lead(id=said.thread, direction="out", created_at=said.iat, proposal_count=0)
        if lead.sent_at is None:
            lead.peer = said.aud[0]
            session.execute(delete(LeadDraft).where(LeadDraft.lead_id == said.thread))
        proposals.settle(session, lead, stored)
        self.casebook.write(session, lead, self.casebook.open(session, said.thread, lead.peer, now), now)

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
        proposals.erase(session, thread, now)
        session.execute(delete(LeadDraft).where(LeadDraft.lead_id == thread))
        lead = session.get(Lead, thread, with_for_update=True, populate_existing=True)
        if lead is not None and lead.sent_at is None:
            self.casebook.search.remove(session, KIND, lead.id)
            session.delete(lead)
        elif lead is not None:
            lead.proposal_count = 0
            lead.updated_at = now
        session.flush()
