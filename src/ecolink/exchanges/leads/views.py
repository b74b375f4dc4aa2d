"""What the API shows of a lead. Persons are masked here, once, for every reader."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from ecolink.exchanges.governance import GovernanceOut, HandlingIn
from ecolink.exchanges.leads import examples
from ecolink.exchanges.leads.clocks import NEVER, Due, Dues
from ecolink.exchanges.leads.examples import shown_as
from ecolink.exchanges.leads.models import Lead, LeadProposal
from ecolink.exchanges.leads.table import STATE_NAMES, State
from ecolink.exchanges.personal_data import masked
from ecolink.federation.peers import Peer
from ecolink.protocol.kinds import leads as wire

_OURS_WHEN_OUT = ("returned", "more_information_needed", "replied", "feedback", "transferred")
_OURS_WHEN_IN = ("delivered", "sent", "acknowledged", "resubmitted", "accepted", "in_progress")


class BureauOut(BaseModel):
    """A bureau by name."""

    unit_code: str
    name_zh: str
    name_en: str

    @classmethod
    def of(cls, unit_code: str, peer: Peer | None) -> "BureauOut":
        """Return what is known of a bureau; its code where nothing else is."""
        return cls(
            unit_code=unit_code,
            name_zh=peer.name_zh if peer else unit_code,
            name_en=peer.name_en if peer else unit_code,
        )


class LeadSummary(BaseModel):
    """A lead in a list."""

    model_config = shown_as(examples.SUMMARY)

    id: str
    version: int
    direction: Literal["in", "out"] = Field(description="`out`: we ask; `in`: we are asked.")
    peer: BureauOut
    state: State
    state_zh: str
    turn: Literal["us", "them", "nobody"] = Field(description="Who has to do something next.")
    is_exercise: bool
    letter_number: str
    kind: str
    case_number: str
    case_type: str
    charges: list[str]
    urgency: str
    person_count: int
    outcome: str | None
    awaiting_approval: bool = Field(description="A draft or a move of ours waits for an approver.")
    next_due_at: datetime | None = Field(description="The earliest thing the recipient owes.")
    overdue: bool
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None = Field(description="The recipient node's signed word of receipt.")

    @classmethod
    def of(cls, lead: Lead, peer: Peer | None, now: datetime) -> "LeadSummary":
        """Return a row as lists show it."""
        return cls(**summary(lead, peer, now))


def summary(lead: Lead, peer: Peer | None, now: datetime) -> dict[str, Any]:
    """Return the members of a `LeadSummary`."""
    return {
        "id": lead.id,
        "version": lead.version,
        "direction": lead.direction,
        "peer": BureauOut.of(lead.peer, peer),
        "state": State(lead.state),
        "state_zh": STATE_NAMES[lead.state],
        "turn": turn(lead),
        "is_exercise": lead.is_exercise,
        "letter_number": lead.letter_number,
        "kind": lead.kind,
        "case_number": lead.case_number,
        "case_type": lead.case_type,
        "charges": lead.charges,
        "urgency": lead.urgency,
        "person_count": lead.person_count,
        "outcome": lead.outcome,
        "awaiting_approval": lead.state == State.AWAITING_APPROVAL or lead.proposal_count > 0,
        "next_due_at": None if lead.next_due == NEVER else lead.next_due,
        "overdue": lead.next_due < now,
        "created_at": lead.created_at,
        "updated_at": lead.updated_at,
        "sent_at": lead.sent_at,
        "delivered_at": lead.delivered_at,
    }


def turn(lead: Lead) -> Literal["us", "them", "nobody"]:
    """Tell who has to do something next."""
    if lead.state in (State.DRAFT, State.AWAITING_APPROVAL):
        return "us"
    ours, theirs = (_OURS_WHEN_OUT, _OURS_WHEN_IN) if lead.direction == "out" else (_OURS_WHEN_IN, _OURS_WHEN_OUT)
    return "us" if lead.state in ours else "them" if lead.state in theirs else "nobody"


def states_with_turn(direction: str) -> Sequence[str]:
    """Return the states in which something is ours to do."""
    drafting = (State.DRAFT.value, State.AWAITING_APPROVAL.value)
    return (*drafting, *_OURS_WHEN_OUT) if direction == "out" else _OURS_WHEN_IN


class DueOut(BaseModel):
    """One thing due."""

    due_at: datetime
    met_at: datetime | None
    overdue: bool

    @classmethod
    def of(cls, due: Due | None, now: datetime) -> "DueOut | None":
        """Return a due time as it stands now."""
        return None if due is None else cls(due_at=due.at, met_at=due.met_at, overdue=due.overdue(now))


class DuesOut(BaseModel):
    """What is or was due; computed alike at both bureaus."""

    receipt: DueOut | None = Field(description="A person at the intake desk signs.")
    interim: DueOut | None
    answer: DueOut | None
    transfer: DueOut | None = Field(description="Passed on within 24 hours (art. 175).")
    rests_since: datetime | None = Field(description="Since when the recipient waits for information.")

    @classmethod
    def of(cls, dues: Dues, now: datetime) -> "DuesOut":
        """Return what is due as it stands now."""
        return cls(
            receipt=DueOut.of(dues.receipt, now),
            interim=DueOut.of(dues.interim, now),
            answer=DueOut.of(dues.answer, now),
            transfer=DueOut.of(dues.transfer, now),
            rests_since=dues.rests_since,
        )


class PersonOut(BaseModel):
    """A person, masked: see `POST /leads/{lead_id}/reveal` for a member in full."""

    ref: str
    category: str
    basis: str
    minor: bool = False
    sex: str | None = None
    name: str | None = None
    birth_date: str | None = None
    identity_number: str | None = None
    phone: str | None = None
    address: str | None = None
    note: str | None = None


class OfficerOut(BaseModel):
    """A person on duty."""

    name: str
    post: str | None = None
    phone: str | None = None


class VehicleOut(BaseModel):
    """A vehicle; its plate is shown, for who looks for it needs it at once."""

    description: str
    plate: str | None = None


class PrivateOut(BaseModel):
    """The private part, persons masked."""

    erased: bool = Field(description="It was lawfully erased, or there never was one.")
    by: OfficerOut | None = None
    approver: OfficerOut | None = None
    contact: OfficerOut | None = None
    officers: list[OfficerOut] = []
    persons: list[PersonOut] = []
    vehicles: list[VehicleOut] = []

    @classmethod
    def of(cls, data: Mapping[str, Any] | None) -> "PrivateOut":
        """Mask a private part. It must have been read as its type wants it; None when it is gone."""
        if data is None:
            return cls(erased=True)
        shown = {name: data[name] for name in ("by", "approver", "contact", "officers", "vehicles") if name in data}
        shown["persons"] = [masked(each) for each in data.get("persons", ())]
        return cls(erased=False, **shown)


class RequestOut(wire.LeadRequestedV1):
    """The request as it stands."""

    digest: str | None = Field(description="Digest of the signed statement; null while it is a draft.")
    private: PrivateOut


class ReplyOut(wire.LeadRepliedV1):
    """A reply, interim or final."""

    digest: str
    replied_at: datetime
    handling: HandlingIn = Field(description="What the requester may do with it.")
    private: PrivateOut


class ProposalOut(BaseModel):
    """A move of ours that was laid before an approver."""

    model_config = shown_as(examples.PROPOSAL)

    id: str
    move: str
    state: Literal["awaiting", "sent", "declined"]
    author: str
    author_id: str
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    note: str | None
    digest: str | None = Field(description="The statement it became.")
    possible: bool | None = Field(description="Whether it could still be sent; null once it is decided.")
    body: dict[str, Any] | None = Field(description="What it says; null once it is decided.")
    private: PrivateOut | None

    @classmethod
    def of(
        cls,
        proposal: LeadProposal,
        *,
        possible: bool | None,
        body: Mapping[str, Any] | None,
        private: Mapping[str, Any] | None,
    ) -> "ProposalOut":
        """Return a proposal as people see it."""
        return cls(
            id=proposal.id,
            move=proposal.move,
            state=cast("Literal['awaiting', 'sent', 'declined']", proposal.state),
            author=proposal.author_name,
            author_id=proposal.author_id,
            proposed_at=proposal.proposed_at,
            decided_at=proposal.decided_at,
            decided_by=proposal.decided_by,
            note=proposal.note,
            digest=proposal.digest,
            possible=possible,
            body=None if body is None else dict(body),
            private=None if private is None else PrivateOut.of(private),
        )


class AttachmentOut(BaseModel):
    """A file that a statement of this lead names."""

    digest: str
    name: str = Field(description="Fit to be shown; the file is stored under its digest.")
    size: int = Field(description="Bytes.")
    media_type: str
    ours: bool
    held: bool = Field(description="The whole file is here.")
    confirmed_at: datetime | None = Field(description="When the recipient said, signed, that it holds all of it.")


class DraftOut(BaseModel):
    """How far a draft has come."""

    author: str
    author_id: str
    submitted_at: datetime | None
    sent_back_reason: str | None


class Guidance(BaseModel):
    """What to do next, where that is not plain from the state."""

    zh: str
    en: str


class LeadOut(LeadSummary):
    """A lead in full, with persons masked."""

    model_config = shown_as(examples.LEAD)

    due: DuesOut | None = Field(description="Null while it is a draft.")
    request: RequestOut
    governance: GovernanceOut
    replies: list[ReplyOut]
    attachments: list[AttachmentOut]
    draft: DraftOut | None
    proposals: list[ProposalOut] = Field(description="Moves of ours that await approval.")
    open_moves: list[str] = Field(description="What we may do now.")
    guidance: Guidance | None
    beyond_agreement: str | None = Field(
        description="The agreement that does not let the requester share leads; it is taken all the same."
    )
    undelivered: list[str] = Field(description="Digests of our statements the other node has not signed for yet.")


class StepOut(BaseModel):
    """One signed statement of the lead's history, in the order both bureaus read it in."""

    model_config = shown_as(examples.STEP)

    digest: str
    type: str
    move: str | None
    verdict: Literal["applied", "crossed", "illegal", "rejected", "noted", "waiting", "undelivered"]
    why: str | None = Field(description="Why it is illegal, or was rejected.")
    crossed_with: str | None = Field(description="Digest of the move that went first.")
    state: State | None = Field(description="Where the lead stood after it.")
    bureau: BureauOut
    ours: bool
    author_role: str
    signed_at: datetime
    received_at: datetime | None = Field(description="When the recipient's node says it came.")
    delivery: str | None = Field(description="How far a statement of ours came: queued, delivered, refused, expired.")
    delivery_reason: str | None
    verified: bool = Field(description="The signature was checked again just now, with the bureau's pinned keys.")
    kid: str
    body: dict[str, Any]
    private: PrivateOut
    attachments: list[str] = Field(description="Digests.")


class MessageOut(BaseModel):
    """One line of conversation."""

    model_config = shown_as(examples.MESSAGE)

    digest: str
    ours: bool
    bureau: BureauOut
    by: str | None = Field(description="Who wrote it; null once erased.")
    text: str
    signed_at: datetime
    received_at: datetime | None


class RevealOut(BaseModel):
    """A person's members in full."""

    model_config = shown_as({"person": "P1", "fields": {"identity_number": "331126199001010018"}})

    person: str
    fields: dict[str, str | None]


class CountsOut(BaseModel):
    """How many leads want something of us now."""

    model_config = shown_as({"to_acknowledge": 1, "due_today": 2, "overdue": 0, "awaiting_approval": 1})

    to_acknowledge: int
    due_today: int
    overdue: int
    awaiting_approval: int
