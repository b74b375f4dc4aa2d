"""`/api/v1/emergencies` and `/api/v1/tasks`: raising, telling, signing, the live board, whom to call."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response, status
from sqlalchemy.orm import Session

from ecolink.exchanges.emergencies import drill_report
from ecolink.exchanges.emergencies.drill_report import DrillReportOut
from ecolink.exchanges.emergencies.filters import EmergencyFilters, TaskFilters
from ecolink.exchanges.emergencies.models import CallTask, Emergency
from ecolink.exchanges.emergencies.schemas import (
    AcknowledgementIn,
    ApproveIn,
    CancelIn,
    EmergencyIn,
    NoteIn,
    TaskDoneIn,
    UpdateIn,
)
from ecolink.exchanges.emergencies.service import EmergencyService
from ecolink.exchanges.emergencies.shown import BoardOut, EmergencyLineOut, EmergencyOut, TaskOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.etags import IfMatch, etag
from ecolink.surface.paging import Page, Paging
from ecolink.surface.printing import ANSWERS, printed
from ecolink.surface.route import add_routes
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep, UrgentRoute

_EXAMPLE = "019ab000-0000-7000-8000-000000000001"
EmergencyId = Annotated[str, Path(max_length=36, examples=[_EXAMPLE])]
TaskId = Annotated[str, Path(max_length=36, examples=[_EXAMPLE])]
Reader = Annotated[Principal, requires(Permission.EMERGENCY_READ)]
Raiser = Annotated[Principal, requires(Permission.EMERGENCY_RAISE)]
Approver = Annotated[Principal, requires(Permission.EMERGENCY_APPROVE)]
Teller = Annotated[Principal, requires(Permission.EMERGENCY_UPDATE)]
Signer = Annotated[Principal, requires(Permission.EMERGENCY_ACKNOWLEDGE)]
Doer = Annotated[Principal, requires(Permission.TASK_DONE)]


def router(service: EmergencyService) -> APIRouter:
    """Return the operations on emergencies and call tasks."""
    api = APIRouter(route_class=UrgentRoute)
    emergencies = APIRouter(prefix="/emergencies", tags=["emergencies"], route_class=UrgentRoute)
    tasks = APIRouter(prefix="/tasks", tags=["tasks"], route_class=UrgentRoute)
    _add_reading(emergencies, service)
    _add_raising(emergencies, service)
    _add_telling(emergencies, service)
    _add_tasks(tasks, service)
    add_routes(api, [emergencies, tasks])
    return api


def _add_reading(api: APIRouter, service: EmergencyService) -> None:
    @api.get("", operation_id="list_emergencies", summary="List emergencies / 紧急通报列表")
    def list_emergencies(
        session: SessionDep,
        paging: Paging,
        wanted: Annotated[EmergencyFilters, Query()],
        by: Reader,  # noqa: ARG001
    ) -> Page[EmergencyLineOut]:
        """Ours and peers' emergencies. Only the real thing is listed unless exercises or tests are asked for."""
        page = paging.read(
            session,
            wanted.select(service.us, service.register.search),
            order=wanted.order,
            shape=lambda row: row,
            descending=wanted.sort.startswith("-"),
        )
        return Page(items=service.views.lines(session, page.items), next=page.next)

    @api.get("/{emergency_id}", operation_id="get_emergency", summary="Show an emergency / 查看紧急通报")
    def get_emergency(
        emergency_id: EmergencyId,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Reader,  # noqa: ARG001
    ) -> EmergencyOut:
        """The situation as its author last told it, the fire grade, the border flag, and what our side may do now."""
        row = service.register.find(session, emergency_id)
        return _answer(service, session, row, now, response)

    @api.get(
        "/{emergency_id}/board",
        operation_id="get_emergency_board",
        summary="Live board: who has it, who signed, who is coming, whom to call / 态势看板",
    )
    def get_emergency_board(emergency_id: EmergencyId, session: SessionDep, now: NowDep, by: Reader) -> BoardOut:
        """Per bureau: how far each message came, who signed, what they decided, when they arrive, and whom to call.

        Read as often as you like; it is computed from signed words and changes nothing.
        """
        return service.views.board(session, service.register.find(session, emergency_id), by, now)

    @api.get(
        "/{emergency_id}/drill-report",
        operation_id="get_drill_report",
        summary="What a drill showed: the time everybody took / 演练报告",
        response_model=DrillReportOut,
        responses=ANSWERS,
    )
    def get_drill_report(
        emergency_id: EmergencyId,
        database: DatabaseDep,
        now: NowDep,
        by: Reader,
        form: Annotated[
            Literal["json", "html", "pdf"], Query(alias="format", description="JSON, or a document in Chinese.")
        ] = "json",
    ) -> Response | DrillReportOut:
        """Per bureau until it had the drill and signed; per officer of ours until they were told, opened it and signed.

        A monthly drill can be an obligation of the agreement: this is its record.
        """
        with database.read() as session:
            report = service.views.drill_report(session, service.register.find(session, emergency_id), by, now)
        if form == "json":
            return report
        return printed(drill_report.write_document(report, service.views.home), form, f"drill-{emergency_id}")


def _add_raising(api: APIRouter, service: EmergencyService) -> None:
    @api.post(
        "",
        operation_id="raise_emergency",
        summary="Raise an emergency / 发出紧急通报",
        status_code=status.HTTP_201_CREATED,
    )
    def raise_emergency(
        entry: EmergencyIn, session: SessionDep, now: NowDep, response: Response, by: Raiser
    ) -> EmergencyOut:
        """Tell other bureaus of a wildfire, a natural disaster or a major eco-crime.

        A real one (`status` actual) is sent at once when the caller may approve emergencies and types the title again
        in `confirm`; otherwise it waits for a second person. Exercises and tests go out at once, in their own lane.
        """
        row = service.raising.raise_alert(session, entry, by=by, now=now)
        response.headers["Location"] = f"/api/v1/emergencies/{row.id}"
        return _answer(service, session, row, now, response)

    @api.post(
        "/{emergency_id}/approve",
        operation_id="approve_emergency",
        summary="Send what another person raised / 审批并发出",
    )
    def approve_emergency(
        emergency_id: EmergencyId,
        entry: ApproveIn,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Approver,
    ) -> EmergencyOut:
        """A second person, who types the title again, sends what waits for approval."""
        row = service.raising.approve(session, emergency_id, version=version, confirm=entry.confirm, by=by, now=now)
        return _answer(service, session, row, now, response)

    @api.post(
        "/{emergency_id}/discard",
        operation_id="discard_emergency",
        summary="Drop what waits for approval; nothing is sent / 放弃未发出的通报",
    )
    def discard_emergency(
        emergency_id: EmergencyId,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Raiser,  # noqa: ARG001
    ) -> EmergencyOut:
        """What waits for approval is dropped; nobody outside ever hears of it."""
        row = service.raising.discard(session, emergency_id, version=version)
        return _answer(service, session, row, now, response)


def _add_telling(api: APIRouter, service: EmergencyService) -> None:
    @api.post("/{emergency_id}/updates", operation_id="update_emergency", summary="Tell how it stands now / 续报")
    def update_emergency(
        emergency_id: EmergencyId,
        entry: UpdateIn,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Teller,
    ) -> EmergencyOut:
        """Recipients get the whole situation anew; members left out stay as they were. News is due every hour."""
        row = service.telling.update(session, emergency_id, entry, version=version, by=by, now=now)
        return _answer(service, session, row, now, response)

    @api.post("/{emergency_id}/cancel", operation_id="cancel_emergency", summary="End it, or take it back / 解除或撤回")
    def cancel_emergency(
        emergency_id: EmergencyId, entry: CancelIn, session: SessionDep, now: NowDep, response: Response, by: Teller
    ) -> EmergencyOut:
        """`over` when the danger is past, `retraction` when it was told by mistake. One call, no second person."""
        row = service.telling.cancel(session, emergency_id, entry, by=by, now=now)
        return _answer(service, session, row, now, response)

    @api.post("/{emergency_id}/acknowledge", operation_id="acknowledge_emergency", summary="Sign for it / 签收")
    def acknowledge_emergency(
        emergency_id: EmergencyId,
        entry: AcknowledgementIn,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Signer,
    ) -> EmergencyOut:
        """A person takes a peer's emergency on: noted, dispatching, or in need of information. May be repeated."""
        row = service.telling.acknowledge(session, emergency_id, entry, by=by, now=now)
        return _answer(service, session, row, now, response)

    @api.post("/{emergency_id}/notes", operation_id="note_emergency", summary="Say a line to the other side / 留言")
    def note_emergency(
        emergency_id: EmergencyId, entry: NoteIn, session: SessionDep, now: NowDep, response: Response, by: Teller
    ) -> EmergencyOut:
        """A short message while the emergency is open; from its author it goes to every recipient."""
        row = service.telling.note(session, emergency_id, entry, by=by, now=now)
        return _answer(service, session, row, now, response)


def _add_tasks(api: APIRouter, service: EmergencyService) -> None:
    @api.get("", operation_id="list_tasks", summary="List what has fallen due: whom to call / 催办任务")
    def list_tasks(
        session: SessionDep,
        paging: Paging,
        wanted: Annotated[TaskFilters, Query()],
        by: Reader,  # noqa: ARG001
    ) -> Page[TaskOut]:
        """Whom to call because a receipt, a signature or the hourly news did not come in time; oldest first."""
        page = paging.read(
            session,
            wanted.select(),
            order=(CallTask.due_at, CallTask.id),
            shape=lambda row: row,
            descending=False,
        )
        return Page(items=service.views.tasks(session, page.items), next=page.next)

    @api.post("/{task_id}/done", operation_id="finish_task", summary="A person did it / 任务办结")
    def finish_task(task_id: TaskId, entry: TaskDoneIn, session: SessionDep, now: NowDep, by: Doer) -> TaskOut:
        """Closes an open task by hand. Tasks also close by themselves when what they waited for arrives."""
        task = service.tasks.finish(session, task_id, note=entry.note, by=by.name, now=now)
        return service.views.tasks(session, [task])[0]


def _answer(
    service: EmergencyService, session: Session, row: Emergency, now: datetime, response: Response
) -> EmergencyOut:
    response.headers["ETag"] = etag(row.version)
    return service.views.show(session, row, now)
