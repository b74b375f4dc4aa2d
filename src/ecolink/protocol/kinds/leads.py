"""Wire bodies of case leads: what one bureau asks of another, and every move after that.

A body holds no personal data. Persons, vehicles, officers' names and phones ride in the private part,
which can be erased while everything else still verifies; text in a body refers to a person by `ref`
("P1"). Unknown reason codes and charges are kept: `lead_reasons` and `common.CHARGES` say what our own
officers may enter.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ecolink.protocol.kinds.common import (
    Amount,
    Code,
    Count,
    Day,
    Digest,
    Frozen,
    Grading,
    Kind,
    Line,
    Moment,
    Name,
    Note,
    Phone,
    Place,
    Prose,
    UnitCode,
)
from ecolink.protocol.statement import Lane

LeadKind = Literal["lead_check", "evidence_collection", "household_registration", "records", "other"]
"""线索核查 / 调取证据 / 户籍证明 / 查询记录 (identity, age, criminal history) / 其他."""
CaseType = Literal["criminal", "administrative"]
Urgency = Literal["U1", "U2", "U3"]
"""U1 特急, U2 紧急, U3 普通."""
Outcome = Literal["full", "partial", "no_result", "unable", "interim"]
"""What a reply brings; `interim` gives a new due time and keeps the matter in progress."""

EXECUTED = ("full", "partial", "no_result")
"""Outcomes that say the request was carried out."""

MIN_EXECUTING_OFFICERS = 2
"""Police work on a case is done by two officers at least."""


# People and things (personal data: private parts only) -----------------------------------------------------


class Officer(Frozen):
    """A person on duty: who signs, who approves, whom to call."""

    name: Name
    post: Name | None = None
    """职务 or role."""
    phone: Phone | None = None


class Person(Frozen):
    """Somebody the matter is about, with no more identifiers than the purpose needs."""

    ref: Annotated[str, Field(pattern=r"^P[1-9][0-9]{0,2}$")]
    """How bodies refer to this person: `P1`."""
    category: Literal["suspect", "witness", "victim", "reporter", "other"]
    basis: Literal["fact", "assessment"]
    """Whether the link to the matter is a fact or somebody's assessment."""
    minor: bool = False
    """Under 18; with victims, witnesses and reporters this bars the data from bulletins."""
    name: Name | None = None
    sex: Literal["male", "female", "unknown"] | None = None
    birth_date: Day | None = None
    identity_number: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{5,32}$")] | None = None
    phone: Phone | None = None
    address: Line | None = None
    note: Note | None = None


class Vehicle(Frozen):
    """A vehicle that matters; a plate leads to a person, so it rides in the private part."""

    description: Line
    plate: Annotated[str, Field(min_length=2, max_length=16)] | None = None


def _refuse_twins(persons: tuple[Person, ...]) -> tuple[Person, ...]:
    if len({person.ref for person in persons}) < len(persons):
        msg = "two persons have the same ref"
        raise ValueError(msg)
    return persons


Persons = Annotated[tuple[Person, ...], Field(max_length=50), AfterValidator(_refuse_twins)]
Vehicles = Annotated[tuple[Vehicle, ...], Field(max_length=20)]


class SignedPrivateV1(Frozen):
    """Who made the move and who approved it, by name: the private part of every lead statement."""

    by: Officer
    approver: Officer | None = None


class RequestPrivateV1(SignedPrivateV1):
    """Private part of a request and of its resubmission."""

    contact: Officer
    persons: Persons = ()
    vehicles: Vehicles = ()


class InformationPrivateV1(SignedPrivateV1):
    """Private part of information provided on demand."""

    persons: Persons = ()
    vehicles: Vehicles = ()


class ReplyPrivateV1(SignedPrivateV1):
    """Private part of a reply: those who executed it, and the persons it found."""

    officers: Annotated[tuple[Officer, ...], Field(max_length=20)] = ()
    persons: Persons = ()
    vehicles: Vehicles = ()


# Bodies -----------------------------------------------------------------------------------------------------


class Organisation(Frozen):
    """A firm, shop, village or authority the matter touches."""

    name: Line
    registration_code: Code | None = None
    """Unified social credit code, where it has one."""
    note: Line | None = None


class Item(Frozen):
    """A thing the matter is about: timber, an animal, a tool."""

    name: Line
    species: Line | None = None
    """Latin name."""
    count: Count | None = None
    mass_g: Amount | None = None
    volume_m3: Amount | None = None
    approximate: bool = False


class Document(Frozen):
    """What an attachment is: its kind beside its digest."""

    digest: Digest
    kind: Literal["letter", "case_filing", "evidence_notice", "certificate", "record", "photograph", "other"]
    """协作函 / 立案决定书 / 调取证据通知书 / 证明 / 笔录或登记 / 照片 / 其他."""
    title: Line


class RequestSubject(Frozen):
    """What is asked, without the persons."""

    letter_number: Name
    """函号: the number of the formal letter, which this message does not replace."""
    kind: LeadKind
    case_number: Annotated[Name, Field(max_length=64)]
    case_type: CaseType
    charges: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    """Articles of the Criminal Law, as in `common.CHARGES`."""
    stage: Name
    """Where the case stands: 初查, 立案侦查…"""
    facts: Prose
    information_requested: Prose
    why_recipient: Note
    """Why the recipient is thought to hold it."""
    organisations: Annotated[tuple[Organisation, ...], Field(max_length=50)] = ()
    items: Annotated[tuple[Item, ...], Field(max_length=50)] = ()
    location: Place | None = None
    urgency: Urgency
    urgency_reason: Note | None = None
    remote_area: bool = False
    """Remote areas have 15 days for identity, age and criminal-history checks (procedure rules, art. 353)."""
    remote_area_reason: Note | None = None
    scope: Note
    """What the recipient is authorised to do."""
    documents: Annotated[tuple[Document, ...], Field(max_length=50)] = ()
    due_at: Moment | None = None
    """A later due time than the class of urgency gives; an earlier one does not bind."""
    use_restrictions: Note | None = None

    @model_validator(mode="after")
    def _give_reasons(self) -> Self:
        if self.urgency != "U3" and self.urgency_reason is None:
            msg = "an urgent request gives its reason (urgency_reason)"
            raise ValueError(msg)
        if self.remote_area and self.remote_area_reason is None:
            msg = "the remote-area flag needs a reason (remote_area_reason)"
            raise ValueError(msg)
        return self


class LeadRequestedV1(RequestSubject):
    """A bureau asks another: check a lead, collect evidence, certify a household record, look up records."""

    person_count: Count = 0
    """How many persons the private part names; more than none needs an approver on every kind of move."""
    vehicle_count: Count = 0


class LeadResubmittedV1(LeadRequestedV1):
    """The corrected request, in full: it takes the place of what was returned."""

    correction: Note
    """What was corrected."""


class LeadAcknowledgedV1(Frozen):
    """签收: a named person at the intake desk took it on."""

    note: Note | None = None


class LeadReturnedV1(Frozen):
    """Returned for correction: a formality is missing (art. 348 knows no other ground before acceptance)."""

    reason_code: Code
    explanation: Note
    corrections: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    """What must be mended, point by point."""


class LeadAcceptedV1(Frozen):
    """The formalities are complete; the recipient will do it."""

    handled_by: Name | None = None
    """The team or station that will do the work; no person's name."""
    note: Note | None = None


class LeadStartedV1(Frozen):
    """Work has begun."""

    note: Note | None = None


class LeadInformationRequestedV1(Frozen):
    """The recipient cannot go on without knowing more; the answer clock rests meanwhile."""

    questions: Prose


class InformationSubject(Frozen):
    """An answer to questions, without the persons."""

    answer: Prose
    documents: Annotated[tuple[Document, ...], Field(max_length=50)] = ()


class LeadInformationProvidedV1(InformationSubject):
    """The requester answers the questions."""

    person_count: Count = 0
    vehicle_count: Count = 0


class ReplySubject(Frozen):
    """What the recipient did and found, without the persons and without those who did it."""

    outcome: Outcome
    scope_executed: Note
    within_scope: bool
    """Whether all of it stayed within the authorised scope."""
    executed_from: Day | None = None
    executed_to: Day | None = None
    findings: Prose
    grading: Grading | None = None
    usable_as_evidence: Literal["yes", "no", "ask"]
    """Permission to use it as evidence in proceedings; `ask` means not without asking again."""
    reason_code: Code | None = None
    explanation: Note | None = None
    new_due_at: Moment | None = None
    documents: Annotated[tuple[Document, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _fit_outcome(self) -> Self:
        if self.outcome == "unable" and (self.reason_code is None or self.explanation is None):
            msg = "a reply that the recipient is unable gives reason_code and explanation"
            raise ValueError(msg)
        if self.outcome == "interim" and self.new_due_at is None:
            msg = "an interim reply gives a new due time (new_due_at)"
            raise ValueError(msg)
        if self.outcome in EXECUTED and (self.executed_from is None or self.executed_to is None):
            msg = "a reply says when it was executed (executed_from, executed_to)"
            raise ValueError(msg)
        if self.executed_from and self.executed_to and self.executed_from > self.executed_to:
            msg = "executed_from is after executed_to"
            raise ValueError(msg)
        return self


class LeadRepliedV1(ReplySubject):
    """What the recipient did and found."""

    executing_officer_count: Count = 0
    person_count: Count = 0
    vehicle_count: Count = 0

    @model_validator(mode="after")
    def _name_two_officers(self) -> Self:
        if self.outcome in EXECUTED and self.executing_officer_count < MIN_EXECUTING_OFFICERS:
            msg = "at least two officers execute a request (executing_officer_count)"
            raise ValueError(msg)
        return self


class LeadFeedbackV1(Frozen):
    """What the reply was good for."""

    used_for: Note
    usefulness: Annotated[int, Field(strict=True, ge=1, le=5)]
    outcome: Literal["case_filed", "arrests", "seizure", "excluded", "none"]
    comment: Note | None = None


class LeadClosedV1(Frozen):
    """办结: the requester closes the matter."""

    conclusion: Note


class LeadTransferredV1(Frozen):
    """It belongs to another bureau; passed on within 24 hours (art. 175)."""

    to: UnitCode
    to_name: Line
    reason_code: Code
    explanation: Note


class LeadWithdrawnV1(Frozen):
    """The requester no longer wants it."""

    reason_code: Code
    explanation: Note


class LeadMessageV1(Frozen):
    """A line of conversation, from either side, any time before the matter ends."""

    text: Note


def _kind(name: str, body: type[Frozen], private: type[Frozen] = SignedPrivateV1, *, approval: bool = False) -> Kind:
    return Kind(type=f"lead.{name}.v1", body=body, private=private, lane=Lane.CASE, approval=approval)


KINDS: tuple[Kind, ...] = (
    _kind("requested", LeadRequestedV1, RequestPrivateV1, approval=True),
    _kind("acknowledged", LeadAcknowledgedV1),
    _kind("returned", LeadReturnedV1, approval=True),
    _kind("resubmitted", LeadResubmittedV1, RequestPrivateV1, approval=True),
    _kind("accepted", LeadAcceptedV1),
    _kind("started", LeadStartedV1),
    _kind("information_requested", LeadInformationRequestedV1),
    _kind("information_provided", LeadInformationProvidedV1, InformationPrivateV1),
    _kind("replied", LeadRepliedV1, ReplyPrivateV1, approval=True),
    _kind("feedback", LeadFeedbackV1),
    _kind("closed", LeadClosedV1),
    _kind("transferred", LeadTransferredV1, approval=True),
    _kind("withdrawn", LeadWithdrawnV1),
    _kind("message", LeadMessageV1),
)
