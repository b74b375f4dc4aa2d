"""The moves of a lead as operations: each one a POST of its own, with the permission it takes."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlalchemy.orm import Session

from ecolink.exchanges.leads import schemas, views
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.service import LeadService
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.etags import etag
from ecolink.surface.unit import NowDep, SessionDep

LeadId = Annotated[str, Path(max_length=36, examples=["019ab5d2-7c00-7000-8000-0123456789ab"])]
ProposalId = Annotated[str, Path(max_length=36, examples=["019ab5d2-8c00-7000-8000-0123456789ab"])]
Reader = Annotated[Principal, requires(Permission.LEAD_READ)]
Drafter = Annotated[Principal, requires(Permission.LEAD_DRAFT)]
Sender = Annotated[Principal, requires(Permission.LEAD_SEND)]
Desk = Annotated[Principal, requires(Permission.LEAD_ACKNOWLEDGE)]
Handler = Annotated[Principal, requires(Permission.LEAD_HANDLE)]
Approver = Annotated[Principal, requires(Permission.LEAD_APPROVE)]
Asker = Annotated[Principal, requires(Permission.LEAD_FEEDBACK)]


def add(api: APIRouter, service: LeadService) -> None:
    """Add the moves to the router of leads."""
    _add_recipients(api, service)
    _add_requesters(api, service)
    _add_approvals(api, service)


class _Maker:
    """Makes a move and shows the lead after it."""

    def __init__(self, service: LeadService) -> None:
        self._service = service

    def make(
        self,
        name: str,
        written: schemas.Written,
        lead_id: str,
        session: Session,
        by: Principal,
        now: datetime,
        response: Response,
    ) -> views.LeadOut:
        lead = self._service.moving.make(session, lead_id, name, written, by=by, now=now)
        return self.show(session, lead, now, response)

    def show(self, session: Session, lead: Lead, now: datetime, response: Response) -> views.LeadOut:
        response.headers["ETag"] = etag(lead.version)
        return self._service.reading.shown(session, lead, now)


def _add_recipients(api: APIRouter, service: LeadService) -> None:
    desk = _Maker(service)

    @api.post("/{lead_id}/acknowledge", operation_id="acknowledge_lead", summary="Take it on at the intake desk / 签收")
    def acknowledge_lead(
        lead_id: LeadId, written: schemas.AcknowledgeIn, session: SessionDep, now: NowDep, response: Response, by: Desk
    ) -> views.LeadOut:
        """Take the lead on as a named person at the intake desk; this ends the receipt deadline."""
        return desk.make("acknowledged", written, lead_id, session, by, now, response)

    @api.post(
        "/{lead_id}/return", operation_id="return_lead", summary="Propose to return it for correction / 拟退回补正"
    )
    def return_lead(
        lead_id: LeadId, written: schemas.ReturnIn, session: SessionDep, now: NowDep, response: Response, by: Handler
    ) -> views.LeadOut:
        """Lay a return for correction before an approver. Only a missing formality is a ground (art. 348)."""
        return desk.make("returned", written, lead_id, session, by, now, response)

    @api.post("/{lead_id}/accept", operation_id="accept_lead", summary="Accept it, formalities complete / 受理")
    def accept_lead(
        lead_id: LeadId, written: schemas.AcceptIn, session: SessionDep, now: NowDep, response: Response, by: Handler
    ) -> views.LeadOut:
        """Accept the lead: the formalities are complete."""
        return desk.make("accepted", written, lead_id, session, by, now, response)

    @api.post("/{lead_id}/start", operation_id="start_lead", summary="Begin the work / 开始办理")
    def start_lead(
        lead_id: LeadId, written: schemas.StartIn, session: SessionDep, now: NowDep, response: Response, by: Handler
    ) -> views.LeadOut:
        """Say that the work has begun."""
        return desk.make("started", written, lead_id, session, by, now, response)

    @api.post(
        "/{lead_id}/request-information", operation_id="request_lead_information", summary="Ask for more / 要求补充"
    )
    def request_lead_information(
        lead_id: LeadId, written: schemas.AskIn, session: SessionDep, now: NowDep, response: Response, by: Handler
    ) -> views.LeadOut:
        """Ask the requester for more; the answer deadline rests until it comes."""
        return desk.make("information_requested", written, lead_id, session, by, now, response)

    @api.post("/{lead_id}/reply", operation_id="reply_to_lead", summary="Propose a reply, interim or final / 拟回复")
    def reply_to_lead(
        lead_id: LeadId, written: schemas.ReplyIn, session: SessionDep, now: NowDep, response: Response, by: Handler
    ) -> views.LeadOut:
        """Lay a reply before an approver. `interim` needs a new due time, `unable` a reason code."""
        return desk.make("replied", written, lead_id, session, by, now, response)

    @api.post("/{lead_id}/transfer", operation_id="transfer_lead", summary="Propose to pass it on / 拟移送")
    def transfer_lead(
        lead_id: LeadId, written: schemas.TransferIn, session: SessionDep, now: NowDep, response: Response, by: Handler
    ) -> views.LeadOut:
        """Lay a transfer before an approver: the lead belongs elsewhere, to be told within 24 hours (art. 175)."""
        return desk.make("transferred", written, lead_id, session, by, now, response)

    @api.post("/{lead_id}/messages", operation_id="write_lead_message", summary="Write to the other bureau / 留言")
    def write_lead_message(
        lead_id: LeadId, written: schemas.MessageIn, session: SessionDep, now: NowDep, response: Response, by: Handler
    ) -> views.LeadOut:
        """Write a line to the other bureau, any time before the lead ends. No personal data."""
        return desk.make("message", written, lead_id, session, by, now, response)


def _add_requesters(api: APIRouter, service: LeadService) -> None:
    desk = _Maker(service)

    @api.post("/{lead_id}/resubmit", operation_id="resubmit_lead", summary="Propose the corrected request / 拟补正重报")
    def resubmit_lead(
        lead_id: LeadId, written: schemas.ResubmitIn, session: SessionDep, now: NowDep, response: Response, by: Drafter
    ) -> views.LeadOut:
        """Lay the corrected request, in full, before an approver; it starts the answer deadline anew."""
        return desk.make("resubmitted", written, lead_id, session, by, now, response)

    @api.post(
        "/{lead_id}/provide-information",
        operation_id="provide_lead_information",
        summary="Answer the questions; persons need an approver / 提供补充",
    )
    def provide_lead_information(
        lead_id: LeadId, written: schemas.ProvideIn, session: SessionDep, now: NowDep, response: Response, by: Drafter
    ) -> views.LeadOut:
        """Answer the recipient's questions. With persons it waits for an approver, else it is sent at once."""
        return desk.make("information_provided", written, lead_id, session, by, now, response)

    @api.post("/{lead_id}/feedback", operation_id="give_lead_feedback", summary="Say what it was good for / 反馈")
    def give_lead_feedback(
        lead_id: LeadId, written: schemas.FeedbackIn, session: SessionDep, now: NowDep, response: Response, by: Asker
    ) -> views.LeadOut:
        """Say what the reply was used for and how useful it was."""
        return desk.make("feedback", written, lead_id, session, by, now, response)

    @api.post("/{lead_id}/close", operation_id="close_lead", summary="Close it / 办结")
    def close_lead(
        lead_id: LeadId, written: schemas.CloseIn, session: SessionDep, now: NowDep, response: Response, by: Asker
    ) -> views.LeadOut:
        """Close the lead after feedback, or after a transfer."""
        return desk.make("closed", written, lead_id, session, by, now, response)

    @api.post("/{lead_id}/withdraw", operation_id="withdraw_lead", summary="Withdraw the request / 撤回")
    def withdraw_lead(
        lead_id: LeadId, written: schemas.WithdrawIn, session: SessionDep, now: NowDep, response: Response, by: Asker
    ) -> views.LeadOut:
        """Withdraw the request. A reply that crosses it on the way counts."""
        return desk.make("withdrawn", written, lead_id, session, by, now, response)


def _add_approvals(api: APIRouter, service: LeadService) -> None:
    desk = _Maker(service)

    @api.post(
        "/{lead_id}/proposals/{proposal_id}/approve",
        operation_id="approve_lead_proposal",
        summary="Approve and send a move / 批准并发出",
    )
    def approve_lead_proposal(
        lead_id: LeadId, proposal_id: ProposalId, session: SessionDep, now: NowDep, response: Response, by: Approver
    ) -> views.LeadOut:
        """Approve a move that another person prepared, sign it and queue it."""
        lead = service.moving.approve(session, lead_id, proposal_id, by=by, now=now)
        return desk.show(session, lead, now, response)

    @api.post(
        "/{lead_id}/proposals/{proposal_id}/decline",
        operation_id="decline_lead_proposal",
        summary="Decline a move / 不予批准",
    )
    def decline_lead_proposal(
        lead_id: LeadId,
        proposal_id: ProposalId,
        why: schemas.ReasonIn,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Approver,
    ) -> views.LeadOut:
        """Drop a move that awaits approval, with its personal data."""
        lead = service.moving.decline(session, lead_id, proposal_id, why.reason, by=by, now=now)
        return desk.show(session, lead, now, response)
