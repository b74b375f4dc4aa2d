"""`/api/v1/leads`: finding leads, drafting a request, reading one. The moves after that stand in `steps`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response, status
from sqlalchemy.orm import Session

from ecolink.exchanges.leads import prints, steps, views
from ecolink.exchanges.leads.lists import Filter
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.schemas import LeadIn, ReasonIn, RevealIn
from ecolink.exchanges.leads.service import LeadService
from ecolink.exchanges.leads.steps import Drafter, LeadId, Reader, Sender
from ecolink.exchanges.leads.table import State
from ecolink.exchanges.leads.vocabulary import VocabularyOut, vocabulary
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.common import Moment
from ecolink.protocol.kinds.leads import LeadKind, Urgency
from ecolink.surface.auth import requires
from ecolink.surface.etags import IfMatch, etag
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import NowDep, RecordingSessionDep, SessionDep, TransactionalRoute

Revealer = Annotated[Principal, requires(Permission.PERSON_REVEAL)]
Order = Literal["updated", "created", "due"]


@dataclass(frozen=True)
class Wanted:
    """The query parameters of the list."""

    direction: Annotated[Literal["in", "out"] | None, Query(description="`in`: we are asked; `out`: we ask.")] = None
    state: Annotated[list[State] | None, Query(description="Any of these states.", max_length=20)] = None
    kind: Annotated[LeadKind | None, Query()] = None
    urgency: Annotated[Urgency | None, Query()] = None
    peer: Annotated[str | None, Query(pattern="^[0-9]{12}$", description="The other bureau's unit code.")] = None
    case_number: Annotated[str | None, Query(max_length=100)] = None
    overdue: Annotated[bool | None, Query(description="Something the recipient owes is late.")] = None
    due_before: Annotated[Moment | None, Query(description="Something is due before this moment.")] = None
    ours_to_do: Annotated[bool | None, Query(description="It is our turn.")] = None
    awaiting_approval: Annotated[bool | None, Query(description="A draft or move of ours awaits approval.")] = None
    exercise: Annotated[bool, Query(description="Show drills instead of the real thing.")] = False
    q: Annotated[str | None, Query(min_length=1, max_length=64, description="Words to find; persons never are.")] = None

    def filter(self) -> Filter:
        """Return what is wanted."""
        return Filter(
            direction=self.direction,
            states=self.state or (),
            kind=self.kind,
            urgency=self.urgency,
            peer=self.peer,
            case_number=self.case_number,
            overdue=self.overdue,
            due_before=self.due_before,
            ours_to_do=self.ours_to_do,
            awaiting_approval=self.awaiting_approval,
            exercise=self.exercise,
            query=self.q,
        )


_ORDERS = {"updated": Lead.updated_at, "created": Lead.created_at, "due": Lead.next_due}


def router(service: LeadService) -> APIRouter:
    """Return the operations on leads."""
    api = APIRouter(prefix="/leads", tags=["leads"], route_class=TransactionalRoute)
    _add_finding(api, service)
    _add_drafting(api, service)
    _add_reading(api, service)
    prints.add(api, prints.Prints(service.reading))
    steps.add(api, service)
    return api


def _add_finding(api: APIRouter, service: LeadService) -> None:
    @api.get("", operation_id="list_leads", summary="Find leads / 查找线索")
    def list_leads(
        session: SessionDep,
        now: NowDep,
        paging: Paging,
        by: Reader,  # noqa: ARG001
        wanted: Annotated[Wanted, Depends()],
        sort: Annotated[Order, Query(description="`due` shows the earliest first, the others the latest.")] = "updated",
    ) -> Page[views.LeadSummary]:
        """Find leads by state, deadline, peer and words. Words find letters, facts and findings, never persons."""
        names = service.reading.casebook.peers.names(session)
        return paging.read(
            session,
            service.lists.select(wanted.filter(), now),
            order=(_ORDERS[sort], Lead.id),
            shape=lambda lead: views.LeadSummary.of(lead, names.get(lead.peer), now),
            descending=sort != "due",
        )

    @api.get("/counts", operation_id="count_leads", summary="How many leads want something of us / 待办数量")
    def count_leads(session: SessionDep, now: NowDep, by: Reader) -> views.CountsOut:  # noqa: ARG001
        """Count what waits for us: to acknowledge, due today (China), overdue, and awaiting approval. Drills aside."""
        return service.lists.counts(session, now)

    @api.get("/vocabulary", operation_id="lead_vocabulary", summary="Charges, reasons, states, moves / 代码表")
    def lead_vocabulary(by: Reader) -> VocabularyOut:  # noqa: ARG001
        """Return the lists a form is filled from: charges, reason codes, and the names of states and moves."""
        return vocabulary()


def _add_drafting(api: APIRouter, service: LeadService) -> None:
    drafting = service.drafting

    def answer(session: Session, lead: Lead, response: Response, now: datetime) -> views.LeadOut:
        response.headers["ETag"] = etag(lead.version)
        return service.reading.shown(session, lead, now)

    @api.post(
        "",
        operation_id="create_lead",
        summary="Draft a request / 拟写协查函",
        status_code=status.HTTP_201_CREATED,
    )
    def create_lead(
        written: LeadIn, session: SessionDep, now: NowDep, response: Response, by: Drafter
    ) -> views.LeadOut:
        """Begin a draft. Nothing leaves the bureau; persons go into `persons` only and are P1, P2 … elsewhere."""
        lead = drafting.create(session, written, by=by, now=now)
        response.headers["Location"] = f"/api/v1/leads/{lead.id}"
        return answer(session, lead, response, now)

    @api.put("/{lead_id}", operation_id="edit_lead", summary="Rewrite a draft / 修改草稿")
    def edit_lead(
        lead_id: LeadId,
        written: LeadIn,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Drafter,
    ) -> views.LeadOut:
        """Replace a draft that was not submitted. Persons and vehicles that are left out stay as they are."""
        lead = drafting.edit(session, lead_id, written, version=version, by=by, now=now)
        return answer(session, lead, response, now)

    @api.delete(
        "/{lead_id}",
        operation_id="discard_lead",
        summary="Discard a draft / 删除草稿",
        status_code=status.HTTP_204_NO_CONTENT,
    )
    def discard_lead(lead_id: LeadId, version: IfMatch, session: SessionDep, now: NowDep, by: Drafter) -> None:
        """Delete a draft for good, its personal data included. What was sent cannot be deleted, only withdrawn."""
        drafting.discard(session, lead_id, version=version, by=by, now=now)

    @api.post("/{lead_id}/submit", operation_id="submit_lead", summary="Lay a draft before an approver / 提交审批")
    def submit_lead(
        lead_id: LeadId, session: SessionDep, now: NowDep, response: Response, by: Drafter
    ) -> views.LeadOut:
        """Lay a draft before an approver, who must be neither its author nor whoever submitted it."""
        return answer(session, drafting.submit(session, lead_id, by=by, now=now), response, now)

    @api.post("/{lead_id}/send-back", operation_id="send_back_lead", summary="Give a draft back / 退回拟稿人")
    def send_back_lead(
        lead_id: LeadId,
        why: ReasonIn,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Sender,  # noqa: ARG001
    ) -> views.LeadOut:
        """Give a submitted draft back to its author, with the reason."""
        return answer(session, drafting.send_back(session, lead_id, why.reason, now=now), response, now)

    @api.post("/{lead_id}/send", operation_id="send_lead", summary="Approve and send a request / 审批并发出")
    def send_lead(
        lead_id: LeadId, version: IfMatch, session: SessionDep, now: NowDep, response: Response, by: Sender
    ) -> views.LeadOut:
        """Approve exactly the version in If-Match, sign it and queue it for the other bureau."""
        lead = drafting.approve(session, lead_id, version=version, by=by, now=now)
        return answer(session, lead, response, now)


def _add_reading(api: APIRouter, service: LeadService) -> None:
    reading = service.reading

    @api.get("/{lead_id}", operation_id="read_lead", summary="Read a lead, persons masked / 查看线索")
    def read_lead(
        lead_id: LeadId, session: RecordingSessionDep, now: NowDep, response: Response, by: Reader
    ) -> views.LeadOut:
        """Show all of a lead: request, replies, what is due, what we may do now. Who looked is recorded."""
        lead = reading.show(session, lead_id, by=by, now=now)
        response.headers["ETag"] = etag(lead.version)
        return lead

    @api.get("/{lead_id}/timeline", operation_id="read_lead_timeline", summary="The signed history / 签名时间线")
    def read_lead_timeline(lead_id: LeadId, session: SessionDep, now: NowDep, by: Reader) -> list[views.StepOut]:  # noqa: ARG001
        """Show every signed statement in the order both bureaus read it, each signature checked anew."""
        return reading.timeline(session, lead_id, now)

    @api.get("/{lead_id}/messages", operation_id="list_lead_messages", summary="The conversation / 留言记录")
    def list_lead_messages(lead_id: LeadId, session: SessionDep, now: NowDep, by: Reader) -> list[views.MessageOut]:  # noqa: ARG001
        """Show the conversation in the order both bureaus read it."""
        return reading.messages(session, lead_id, now)

    @api.get("/{lead_id}/proposals", operation_id="list_lead_proposals", summary="Moves before an approver / 审批记录")
    def list_lead_proposals(lead_id: LeadId, session: SessionDep, now: NowDep, by: Reader) -> list[views.ProposalOut]:  # noqa: ARG001
        """Show the moves of ours that were laid before an approver, and what became of them."""
        return reading.proposals(session, lead_id, now)

    @api.post(
        "/{lead_id}/reveal", operation_id="reveal_person", summary="Show a person's members in full / 查看个人信息"
    )
    def reveal_person(
        lead_id: LeadId, wanted: RevealIn, session: SessionDep, now: NowDep, by: Revealer
    ) -> views.RevealOut:
        """Show members of one person in full. Who saw which, when and why stands in the access log."""
        return reading.reveal(session, lead_id, wanted, by=by, now=now)
