"""A lead with everything this node holds of it, and the row that lists are made from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessEntry
from ecolink.audit.access_models import AccessAction
from ecolink.cadence.calendars import china_day
from ecolink.errors import NotFoundError
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.leads.clocks import NEVER, Clocks, Dues
from ecolink.exchanges.leads.history import read_moves
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.rules import MAX_MOVES, Matter, fold
from ecolink.exchanges.leads.table import Side, State
from ecolink.federation import threads
from ecolink.federation.models import StatementRow
from ecolink.federation.peers import Peers
from ecolink.federation.statements import Stored
from ecolink.federation.threads import Delivery
from ecolink.protocol.kinds.common import CHARGES
from ecolink.protocol.kinds.leads import LeadRepliedV1, LeadRequestedV1
from ecolink.search.index import SearchIndex

REQUESTED = "lead.requested.v1"
KIND = "lead"
"""What the search index and the access log call a lead."""


@dataclass(frozen=True, slots=True)
class Case:
    """One lead's thread as it stands here and now."""

    thread: str
    us: str
    peer: str
    stored: tuple[Stored, ...]
    deliveries: dict[str, Delivery]
    matter: Matter
    dues: Dues

    @property
    def side(self) -> Side | None:
        """Which side we are on."""
        return self.matter.position.side(self.us)

    def statement(self, digest: str) -> Stored:
        """Return one statement of the thread.

        Raises:
            NotFoundError: there is none.

        """
        for each in self.stored:
            if each.statement.digest == digest:
                return each
        raise NotFoundError

    @property
    def request(self) -> Stored:
        """The request as it stands: the last one submitted that counts, or the one that came to nothing.

        Raises:
            NotFoundError: nothing was sent yet.

        """
        last = self.matter.last("requested", "resubmitted")
        if last is not None:
            return self.statement(last.digest)
        for each in self.stored:
            if each.statement.type == REQUESTED:
                return each
        raise NotFoundError

    @property
    def requested_at(self) -> datetime:
        """When the lead was first requested, by its author's word: that day decides which agreement governs it.

        Raises:
            NotFoundError: nothing was sent yet.

        """
        first = self.matter.last("requested")
        return first.at if first is not None else self.request.statement.iat

    @property
    def is_void(self) -> bool:
        """Tell whether our request came to nothing: the other node refused it, or it expired on the way."""
        return self.matter.state is None and bool(self.stored)


OnLead = Callable[[Session, Lead, datetime], None]
"""Told whenever a lead's row changes, in the same transaction."""


@dataclass(frozen=True, repr=False, kw_only=True)
class Casebook:
    """Reads leads out of their threads, and keeps their rows true."""

    us: str
    peers: Peers
    search: SearchIndex
    agreed: Agreed
    on_change: list[OnLead] = field(default_factory=list)

    def lead(self, session: Session, lead_id: str, *, lock: bool = False) -> Lead:
        """Return the row of a lead; `lock` it for a move.

        Raises:
            NotFoundError: there is none.

        """
        lead = session.get(Lead, lead_id, with_for_update=lock or None, populate_existing=lock)
        if lead is None:
            raise NotFoundError
        return lead

    def open(self, session: Session, thread: str, peer: str, now: datetime, *, being: int | None = None) -> Case:
        """Return the lead of `thread` with `peer`; `being` is the number of a statement just being applied."""
        stored = threads.load(session, thread)
        deliveries = {each.digest: each for each in threads.delivery(session, thread, now)}
        matter = fold(read_moves(stored, deliveries, us=self.us, peer=peer, being=being))
        return Case(thread, self.us, peer, tuple(stored), deliveries, matter, self._dues(session, peer, matter))

    def _dues(self, session: Session, peer: str, matter: Matter) -> Dues:
        request = matter.last("requested")
        if request is None:
            return Dues()
        day = china_day(request.at)
        policy = self.agreed.deadlines_with(session, peer, day)
        return Clocks(policy, self.agreed.calendar_with(session, peer, day)).read(matter)

    def is_full(self, session: Session, thread: str) -> bool:
        """Tell whether somebody floods a thread: far more statements than the fold would ever let count."""
        count = session.scalar(select(func.count()).where(StatementRow.thread == thread))
        return (count or 0) > 2 * MAX_MOVES

    def write(self, session: Session, lead: Lead, case: Case, now: datetime) -> None:
        """Bring the row up to what the thread says; what has not changed is not written."""
        wanted = _columns(case)
        if case.is_void:
            # Nobody else knows of it, so that withdrawing it is a matter of the row alone.
            wanted["state"] = State.WITHDRAWN if lead.state == State.WITHDRAWN else State.SENT
        changed = [name for name, value in wanted.items() if getattr(lead, name) != value]
        for name in changed:
            setattr(lead, name, wanted[name])
        if changed:
            lead.updated_at = now
        if lead not in session:
            session.add(lead)
        session.flush()
        self.search.put(session, KIND, lead.id, self.search_text(session, case.peer, _bodies(case)))
        for listener in self.on_change if changed else ():
            listener(session, lead, now)

    def refresh(self, session: Session, thread: str, now: datetime, *, being: int | None = None) -> None:
        """Do the same for a thread of which something came to be known; nothing happens if it is no lead of ours."""
        lead = session.get(Lead, thread, with_for_update=True, populate_existing=True)
        if lead is not None and lead.sent_at is not None:
            self.write(session, lead, self.open(session, thread, lead.peer, now, being=being), now)

    def search_text(self, session: Session, peer: str, bodies: Sequence[dict[str, Any]]) -> str:
        """Return what a lead is found by. Bodies hold no personal data."""
        names = self.peers.names(session).get(peer)
        texts = [names.name_zh, names.name_en] if names else []
        for body in bodies:
            texts += [str(body[member]) for member in _SEARCHED if body.get(member)]
            texts += [CHARGES[code].name_zh for code in body.get("charges", ()) if code in CHARGES]
            texts += [each["name"] for each in (*body.get("organisations", ()), *body.get("items", ()))]
            texts += [each["title"] for each in body.get("documents", ())]
            texts += [body["location"]["text"]] if body.get("location") else []
        return "\n".join(texts)


_SEARCHED = (
    "letter_number",
    "case_number",
    "stage",
    "facts",
    "information_requested",
    "why_recipient",
    "scope",
    "answer",
    "questions",
    "findings",
    "scope_executed",
    "explanation",
    "conclusion",
    "text",
)


def request_columns(body: LeadRequestedV1) -> dict[str, Any]:
    """Return the columns a request fills."""
    return {
        "letter_number": body.letter_number,
        "kind": body.kind,
        "case_number": body.case_number,
        "case_type": body.case_type,
        "charges": list(body.charges),
        "urgency": body.urgency,
        "person_count": body.person_count,
    }


def _columns(case: Case) -> dict[str, Any]:
    matter, dues = case.matter, case.dues
    first = matter.last("requested")
    reply = matter.last("replied")
    columns: dict[str, Any] = {
        "state": matter.state,
        "step_count": len(matter.steps),
        "is_exercise": matter.position.is_exercise,
        "sent_at": first.at if first else case.request.statement.iat,
        "delivered_at": first.received_at if first else None,
        "receipt_due": dues.receipt.at if dues.receipt else None,
        "answer_due": dues.answer.at if dues.answer else None,
        "next_due": dues.next or NEVER,
        "outcome": reply.body.outcome if reply and isinstance(reply.body, LeadRepliedV1) else None,
    }
    return columns | request_columns(LeadRequestedV1.model_validate(case.request.statement.body))


def _bodies(case: Case) -> list[dict[str, Any]]:
    """Return the bodies of what counts: the request as it stands, and everything said since."""
    requests = [move.digest for move in case.matter.applied if move.name in ("requested", "resubmitted")]
    return [
        case.statement(move.digest).statement.body for move in case.matter.applied if move.digest not in requests[:-1]
    ]


def persons_entry(lead: Lead, action: AccessAction, *, actor: str, role: str, reason: str, at: datetime) -> AccessEntry:
    """Return what the access log is to remember of an act on a lead's persons."""
    return AccessEntry(
        at=at,
        actor=actor,
        role=role,
        action=action,
        object_type=KIND,
        object_id=lead.id,
        case_number=lead.case_number,
        reason=reason,
        details={"persons": str(lead.person_count)},
    )
