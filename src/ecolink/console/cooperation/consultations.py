"""Consultations: invited to, dated, held, minuted, signed; and the tasks that came of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.console.cooperation.bureaus import choices
from ecolink.console.cooperation.owed import owed_now
from ecolink.console.form import FormDep
from ecolink.console.page import Page, PageDep
from ecolink.console.route import PageRoute
from ecolink.errors import IllegalMoveError, NotFoundError
from ecolink.exchanges.agreements.models import AgreementRow
from ecolink.exchanges.consultations import agenda, ledger
from ecolink.exchanges.consultations.endpoints import ConsultationFilters, ConsultationId, Handler, Reader
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
from ecolink.exchanges.liaison.views import METHODS_ZH
from ecolink.exchanges.obligations.filters import ObligationFilters
from ecolink.protocol.kinds.consultations import TaskCode, TaskUpdatedV1, TriggerV1
from ecolink.surface.paging import Paging
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.cooperation import Cooperation

_HOME = "/cooperation/consultations"
_ROWS = 10
"""Tasks, and people, that the form of the minutes has room for."""

From = Annotated[str, Query(alias="from", max_length=60, pattern="^((lead|bulletin|emergency)/[0-9a-f-]{36})?$")]
"""The matter a consultation is called for: `lead/ID`, `bulletin/ID` or `emergency/ID`."""


def router(rooms: Cooperation) -> APIRouter:
    """Return the pages of consultations."""
    pages = APIRouter(prefix=_HOME, route_class=PageRoute)
    _add_list(pages, rooms)
    _add_calling(pages, rooms)
    _add_one(pages, rooms)
    _add_dating(pages, rooms)
    _add_concluding(pages, rooms)
    return pages


def _add_list(pages: APIRouter, rooms: Cooperation) -> None:
    @pages.get("")
    def list_consultations(page: PageDep, session: SessionDep, now: NowDep, paging: Paging, by: Reader) -> Response:  # noqa: ARG001
        wanted = page.asked(ConsultationFilters)
        found = paging.read(session, wanted.select(), order=(Consultation.id,), shape=lambda row: row)
        return page.show(
            "cooperation/consultations.html",
            wanted=wanted,
            owed=owed_now(session, rooms, ObligationFilters(kind="consultation"), now),
            lines=rooms.consultations.views.lines(session, found.items),
            next=found.next,
            partners=choices(page, rooms, session),
            bureau=rooms.obligations.views.names(session),
        )


def _add_calling(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.consultations

    @pages.get("/new")
    def show_invitation(
        page: PageDep,
        session: SessionDep,
        by: Handler,  # noqa: ARG001
        from_: From = "",
        agreement: Annotated[str, Query(max_length=40)] = "",
    ) -> Response:
        kind, _, thread = from_.partition("/")
        trigger = TriggerV1.model_validate({"kind": kind, "thread": thread}) if from_ else None
        row = session.get(AgreementRow, agreement) if agreement else None
        known = service.seen_by(session, trigger) if trigger else row.members if row else ()
        if trigger and not known:
            raise NotFoundError
        return page.show(
            "cooperation/invitation.html",
            trigger=trigger,
            partners=choices(page, rooms, session),
            invited=[code for code in known if code != service.us],
            agreements=[
                (each.code, each.code) for each in session.scalars(select(AgreementRow).order_by(AgreementRow.code))
            ],
            agreement=agreement,
            us=service.us,
            bureau=rooms.obligations.views.names(session),
        )

    @pages.post("")
    def call_consultation(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Handler) -> Response:
        row = service.invite(session, form.read(InvitationIn), by=by, now=now)
        return page.go(f"{_HOME}/{row.id}", page.text("The invitation is on its way."))


def _add_one(pages: APIRouter, rooms: Cooperation) -> None:
    views = rooms.consultations.views

    @pages.get("/{consultation_id}")
    def show_consultation(
        page: PageDep, consultation_id: ConsultationId, session: SessionDep, now: NowDep, by: Reader
    ) -> Response:
        shown = views.show(session, ledger.row_of(session, consultation_id), by, now)
        return page.show("cooperation/consultation.html", meeting=shown, **_around(page, rooms, session))

    @pages.get("/{consultation_id}/invitation.ics")
    def download_invitation(consultation_id: ConsultationId, session: SessionDep, by: Reader) -> Response:  # noqa: ARG001
        from ecolink.exchanges.feeds import codec  # noqa: PLC0415 - the library weighs 9 MB

        row = ledger.row_of(session, consultation_id)
        if row.meets_at is None:
            raise IllegalMoveError("No date is set yet.", "会商时间尚未确定。")
        method: codec.Method = "CANCEL" if row.state == State.CANCELLED else "PUBLISH"
        written = codec.write(
            codec.Heading(row.title, method), [agenda.meeting(row, views.named(session, row.convener))]
        )
        name = f'attachment; filename="consultation-{row.id}.ics"'
        return Response(written, media_type="text/calendar; charset=utf-8", headers={"Content-Disposition": name})


def _add_dating(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.consultations

    @pages.post("/{consultation_id}/answer")
    def answer_invitation(
        page: PageDep, consultation_id: ConsultationId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        service.answer(session, consultation_id, form.read(AnswerIn), by=by, now=now)
        return page.go(f"{_HOME}/{consultation_id}", page.text("Answered."))

    @pages.post("/{consultation_id}/date")
    def set_date(
        page: PageDep, consultation_id: ConsultationId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        service.set_date(session, consultation_id, form.read(MeetingIn), by=by, now=now)
        return page.go(f"{_HOME}/{consultation_id}", page.text("The date is set, and told to all."))

    @pages.post("/{consultation_id}/cancel")
    def cancel_consultation(
        page: PageDep, consultation_id: ConsultationId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        service.cancel(session, consultation_id, form.read(CancellationIn), by=by, now=now)
        return page.go(f"{_HOME}/{consultation_id}", page.text("Called off."))


def _add_concluding(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.consultations

    @pages.get("/{consultation_id}/minutes")
    def show_minutes_form(
        page: PageDep, consultation_id: ConsultationId, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        shown = service.views.show(session, ledger.row_of(session, consultation_id), by, now)
        if "minuted" not in shown.may:
            raise NotFoundError
        around = _around(page, rooms, session)
        return page.show("cooperation/minutes.html", meeting=shown, name=by.name, rows=_ROWS, **around)

    @pages.post("/{consultation_id}/minutes")
    def write_minutes(
        page: PageDep, consultation_id: ConsultationId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        """Take the minutes; a row of which only the task's number came is an empty one."""
        rows = form.members().get("tasks", ())
        tasks = [row for row in rows if not isinstance(row, dict) or row.keys() > {"code"}]
        service.write_minutes(session, consultation_id, form.read(MinutesIn, tasks=tasks), by=by, now=now)
        return page.go(f"{_HOME}/{consultation_id}", page.text("Written and signed; the others are asked to confirm."))

    @pages.post("/{consultation_id}/confirm")
    def confirm_minutes(
        page: PageDep, consultation_id: ConsultationId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        service.confirm(session, consultation_id, form.read(ConfirmationIn).minutes, by=by, now=now)
        return page.go(f"{_HOME}/{consultation_id}", page.text("Confirmed and signed."))

    @pages.post("/{consultation_id}/object")
    def object_to_minutes(
        page: PageDep, consultation_id: ConsultationId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        said = form.read(ObjectionIn)
        service.object_to(session, consultation_id, said.minutes, reason=said.reason, by=by, now=now)
        return page.go(f"{_HOME}/{consultation_id}", page.text("Said to all parties."))

    @pages.post("/{consultation_id}/tasks/{code}")
    def update_task(
        page: PageDep,
        consultation_id: ConsultationId,
        code: TaskCode,
        form: FormDep,
        session: SessionDep,
        now: NowDep,
        by: Handler,
    ) -> Response:
        body = TaskUpdatedV1.model_validate({"task": code, **form.read(TaskUpdateIn).model_dump()})
        service.update_task(session, consultation_id, body, by=by, now=now)
        return page.go(f"{_HOME}/{consultation_id}", page.text("Said to all parties."))


def _around(page: Page, rooms: Cooperation, session: Session) -> dict[str, Any]:
    english = {"call": "Call", "video": "Video", "meeting": "Meeting", "shared_station": "At the shared station"}
    return {
        "us": rooms.consultations.us,
        "bureau": rooms.obligations.views.names(session),
        "methods": {code: page.either(zh, english[code]) for code, zh in METHODS_ZH.items()},
    }
