"""`/api/v1/consultations`: invitations, dates, minutes, tasks."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response, status
from pydantic import BaseModel, Field
from sqlalchemy import Select, select

from ecolink.errors import IllegalMoveError
from ecolink.exchanges.consultations import agenda, ledger
from ecolink.exchanges.consultations.models import Consultation
from ecolink.exchanges.consultations.rules import State
from ecolink.exchanges.consultations.schemas import (
    AnswerIn,
    CancellationIn,
    ConfirmationIn,
    InvitationIn,
    MeetingIn,
    MinutesIn,
    ObjectionIn,
    TaskUpdateIn,
)
from ecolink.exchanges.consultations.service import ConsultationService
from ecolink.exchanges.consultations.views import ConsultationLineOut, ConsultationOut, StateName, Views
from ecolink.exchanges.feeds.entries import WRITTEN
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.common import UnitCode
from ecolink.protocol.kinds.consultations import TaskCode, TaskUpdatedV1
from ecolink.surface.auth import requires
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import NowDep, SessionDep, TransactionalRoute

ConsultationId = Annotated[str, Path(max_length=36, examples=["019ab000-0000-7000-8000-000000000001"])]
Reader = Annotated[Principal, requires(Permission.OBLIGATION_READ)]
Handler = Annotated[Principal, requires(Permission.OBLIGATION_HANDLE)]


class ConsultationFilters(BaseModel):
    """Which consultations to list."""

    partner: UnitCode | None = Field(default=None, description="A bureau that is invited.")
    state: StateName | None = None
    awaits_us: bool = Field(default=False, description="Only those where somebody waits for our word.")
    trigger: Annotated[str, Field(max_length=36)] | None = Field(
        default=None, description="The lead, bulletin or emergency they were called for."
    )

    def select(self) -> Select[Consultation]:
        """Return the consultations that agree with all of it."""
        chosen = select(Consultation)
        if self.partner is not None:
            chosen = chosen.where(Consultation.parties.contains(self.partner))
        if self.state is not None:
            chosen = chosen.where(Consultation.state == self.state)
        if self.awaits_us:
            chosen = chosen.where(Consultation.awaits_us)
        if self.trigger is not None:
            kinds = ("lead", "bulletin", "emergency")
            chosen = chosen.where(Consultation.trigger_kind.in_(kinds), Consultation.trigger_thread == self.trigger)
        return chosen


def router(service: ConsultationService) -> APIRouter:
    """Return the operations on consultations."""
    api = APIRouter(prefix="/consultations", tags=["consultations"], route_class=TransactionalRoute)
    _add_reading(api, service.views)
    _add_calling(api, service)
    _add_concluding(api, service)
    return api


def _add_reading(api: APIRouter, views: Views) -> None:
    @api.get("", operation_id="list_consultations", summary="List consultations / 会商列表")
    def list_consultations(
        session: SessionDep,
        paging: Paging,
        wanted: Annotated[ConsultationFilters, Query()],
        by: Reader,  # noqa: ARG001
    ) -> Page[ConsultationLineOut]:
        """Ours and those we are invited to, the newest first."""
        page = paging.read(session, wanted.select(), order=(Consultation.id,), shape=lambda row: row)
        return Page(items=views.lines(session, page.items), next=page.next)

    @api.get("/{consultation_id}", operation_id="get_consultation", summary="Show a consultation / 查看会商")
    def get_consultation(
        consultation_id: ConsultationId, session: SessionDep, now: NowDep, by: Reader
    ) -> ConsultationOut:
        """The whole of it: dates, answers, minutes and who signed them, tasks, the signed history."""
        return views.show(session, ledger.row_of(session, consultation_id), by, now)

    @api.get(
        "/{consultation_id}/invitation.ics",
        operation_id="get_consultation_invitation",
        summary="The date for a calendar / 会商日历邀请",
        response_class=Response,
        responses={200: {"content": {"text/calendar": WRITTEN}}},
    )
    def get_consultation_invitation(
        consultation_id: ConsultationId,
        session: SessionDep,
        by: Reader,  # noqa: ARG001
    ) -> Response:
        """The date as iCalendar (RFC 5545); one that was called off takes itself out of the calendar again."""
        from ecolink.exchanges.feeds import codec  # noqa: PLC0415 - the library weighs 9 MB

        row = ledger.row_of(session, consultation_id)
        if row.meets_at is None:
            raise IllegalMoveError("No date is set yet.", "会商时间尚未确定。")
        method: codec.Method = "CANCEL" if row.state == State.CANCELLED else "PUBLISH"
        entry = agenda.meeting(row, views.named(session, row.convener))
        name = f'attachment; filename="consultation-{row.id}.ics"'
        written = codec.write(codec.Heading(row.title, method), [entry])
        return Response(written, media_type="text/calendar; charset=utf-8", headers={"Content-Disposition": name})


def _add_calling(api: APIRouter, service: ConsultationService) -> None:
    views = service.views

    @api.post("", operation_id="call_consultation", summary="Invite / 发起会商", status_code=status.HTTP_201_CREATED)
    def call_consultation(
        entry: InvitationIn, session: SessionDep, now: NowDep, response: Response, by: Handler
    ) -> ConsultationOut:
        """Invite other bureaus, planned or ad hoc for a lead, bulletin or emergency they all know."""
        row = service.invite(session, entry, by=by, now=now)
        response.headers["Location"] = f"/api/v1/consultations/{row.id}"
        return views.show(session, row, by, now)

    @api.post(
        "/{consultation_id}/answer", operation_id="answer_consultation", summary="Answer an invitation / 答复会商邀请"
    )
    def answer_consultation(
        consultation_id: ConsultationId, entry: AnswerIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ConsultationOut:
        """Say which times suit, propose others, or decline with a reason. The last answer counts."""
        return views.show(session, service.answer(session, consultation_id, entry, by=by, now=now), by, now)

    @api.post(
        "/{consultation_id}/date", operation_id="set_consultation_date", summary="Set or move the date / 确定会商时间"
    )
    def set_consultation_date(
        consultation_id: ConsultationId, entry: MeetingIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ConsultationOut:
        """Its convener sets the date; doing so again moves it."""
        return views.show(session, service.set_date(session, consultation_id, entry, by=by, now=now), by, now)

    @api.post("/{consultation_id}/cancel", operation_id="cancel_consultation", summary="Call it off / 取消会商")
    def cancel_consultation(
        consultation_id: ConsultationId, entry: CancellationIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ConsultationOut:
        """Only before it was held. Minutes that crossed the cancellation count all the same."""
        return views.show(session, service.cancel(session, consultation_id, entry, by=by, now=now), by, now)


def _add_concluding(api: APIRouter, service: ConsultationService) -> None:
    views = service.views

    @api.post(
        "/{consultation_id}/minutes", operation_id="write_consultation_minutes", summary="Write the minutes / 填写纪要"
    )
    def write_consultation_minutes(
        consultation_id: ConsultationId, entry: MinutesIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ConsultationOut:
        """The chair writes them, and signs them by it. Written anew they are to be confirmed anew."""
        return views.show(session, service.write_minutes(session, consultation_id, entry, by=by, now=now), by, now)

    @api.post(
        "/{consultation_id}/confirm", operation_id="confirm_consultation_minutes", summary="Sign the minutes / 确认纪要"
    )
    def confirm_consultation_minutes(
        consultation_id: ConsultationId, entry: ConfirmationIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ConsultationOut:
        """Signs exactly the minutes that were read: 409 when they were written anew in the meantime."""
        row = service.confirm(session, consultation_id, entry.minutes, by=by, now=now)
        return views.show(session, row, by, now)

    @api.post(
        "/{consultation_id}/object",
        operation_id="object_to_consultation_minutes",
        summary="Object, with a reason / 对纪要提出异议",
    )
    def object_to_consultation_minutes(
        consultation_id: ConsultationId, entry: ObjectionIn, session: SessionDep, now: NowDep, by: Handler
    ) -> ConsultationOut:
        """The chair may then write them anew; we may sign them later all the same."""
        row = service.object_to(session, consultation_id, entry.minutes, reason=entry.reason, by=by, now=now)
        return views.show(session, row, by, now)

    @api.post(
        "/{consultation_id}/tasks/{code}",
        operation_id="update_consultation_task",
        summary="Tell how a task goes / 报告任务进展",
    )
    def update_consultation_task(
        consultation_id: ConsultationId,
        code: TaskCode,
        entry: TaskUpdateIn,
        session: SessionDep,
        now: NowDep,
        by: Handler,
    ) -> ConsultationOut:
        """Its owner tells all: under way, done, or not possible with a reason."""
        body = TaskUpdatedV1.model_validate({"task": code, **entry.model_dump()})
        return views.show(session, service.update_task(session, consultation_id, body, by=by, now=now), by, now)
