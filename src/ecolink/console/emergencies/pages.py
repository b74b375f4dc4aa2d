"""The list, one emergency with its live board, and what a person may say about it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Response
from pydantic import model_validator
from sqlalchemy.orm import Session

from ecolink.alerts.reach import reach_of
from ecolink.alerts.service import AlertService
from ecolink.console.console import Console
from ecolink.console.emergencies import words
from ecolink.console.emergencies.progress import Progress
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.emergencies import drill_report
from ecolink.exchanges.emergencies.filters import EmergencyFilters
from ecolink.exchanges.emergencies.models import Emergency
from ecolink.exchanges.emergencies.schemas import AcknowledgementIn, ApproveIn, CancelIn, NoteIn, UpdateIn
from ecolink.exchanges.emergencies.service import EmergencyService
from ecolink.identity.accounts import select_accounts
from ecolink.identity.models import Account, AccountKind
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface import printing
from ecolink.surface.auth import requires
from ecolink.surface.paging import Paging
from ecolink.surface.unit import DatabaseDep, NowDep, RecordingSessionDep, SessionDep

MOST_COLLEAGUES: Final = 500

EmergencyId = Annotated[str, Path(max_length=36)]
Reader = Annotated[Principal, requires(Permission.EMERGENCY_READ)]
Raiser = Annotated[Principal, requires(Permission.EMERGENCY_RAISE)]
Approver = Annotated[Principal, requires(Permission.EMERGENCY_APPROVE)]
Teller = Annotated[Principal, requires(Permission.EMERGENCY_UPDATE)]
Signer = Annotated[Principal, requires(Permission.EMERGENCY_ACKNOWLEDGE)]


class Sought(EmergencyFilters):
    """What is looked for; what a form left empty was not asked for."""

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, sent: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in sent.items() if value not in ("", [], [""])}


def router(console: Console) -> APIRouter:
    """Return the list, the page of one emergency, and the moves on it."""
    pages = APIRouter(prefix="/emergencies", route_class=PageRoute)
    room = console.rooms.emergencies
    _add_list(pages, room)
    _add_one(pages, room, console.rooms.alerts)
    _add_signing(pages, room)
    _add_telling(pages, room)
    return pages


def _add_list(pages: APIRouter, room: EmergencyService) -> None:
    def lines(session: Session, paging: Paging, wanted: Sought) -> dict[str, Any]:
        page = paging.read(
            session,
            wanted.select(room.us, room.register.search),
            order=wanted.order,
            shape=lambda row: row,
            descending=wanted.sort.startswith("-"),
        )
        asked = wanted.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        shown = room.views.lines(session, page.items)
        here = urlencode(asked | ({"cursor": paging.cursor} if paging.cursor else {}))
        return {"lines": shown, "next": page.next, "wanted": wanted, "asked": asked, "here": here, "words": words}

    @pages.get("")
    def list_emergencies(
        page: PageDep,
        session: SessionDep,
        paging: Paging,
        wanted: Annotated[Sought, Query()],
        by: Reader,  # noqa: ARG001
    ) -> Response:
        return page.show("emergencies/list.html", **lines(session, paging, wanted))

    @pages.get("/lines")
    def show_lines(
        page: PageDep,
        session: SessionDep,
        paging: Paging,
        wanted: Annotated[Sought, Query()],
        by: Reader,  # noqa: ARG001
    ) -> Response:
        return page.part("emergencies/lines.html", **lines(session, paging, wanted))


def _add_one(pages: APIRouter, room: EmergencyService, alerts: AlertService) -> None:
    @pages.get("/{emergency_id}")
    def show_emergency(
        emergency_id: EmergencyId, page: PageDep, session: RecordingSessionDep, now: NowDep, by: Reader
    ) -> Response:
        """Whoever was told of it has opened it now."""
        row = room.register.find(session, emergency_id)
        alerts.note_matter_read(session, f"emergency/{row.id}", by, now)
        return page.show(
            "emergencies/one.html", colleagues=_colleagues(session, by), **_one(room, session, row, by, now)
        )

    @pages.get("/{emergency_id}/drill-report")
    def print_drill_report(
        emergency_id: EmergencyId, database: DatabaseDep, now: NowDep, by: Reader, form: printing.Form = "html"
    ) -> Response:
        """What a drill showed, to be filed: a document in Chinese."""
        with database.read() as session:
            report = room.views.drill_report(session, room.register.find(session, emergency_id), by, now)
        document = drill_report.write_document(report, room.views.home)
        return printing.printed(document, form, f"drill-{emergency_id}")

    @pages.get("/{emergency_id}/board")
    def show_board(emergency_id: EmergencyId, page: PageDep, session: SessionDep, now: NowDep, by: Reader) -> Response:
        """How it stands now: asked for anew by the open page whenever something changed."""
        row = room.register.find(session, emergency_id)
        return page.part("emergencies/now.html", **_one(room, session, row, by, now))


def _add_signing(pages: APIRouter, room: EmergencyService) -> None:
    @pages.post("/{emergency_id}/acknowledge")
    def acknowledge(
        emergency_id: EmergencyId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Signer
    ) -> Response:
        said = form.read(AcknowledgementIn)
        room.telling.acknowledge(session, emergency_id, said, by=by, now=now)
        acknowledged = page.text("Acknowledged. The other bureau sees it at once.")
        assigned = page.text("Assigned. The other bureau sees it at once.")
        return page.go(f"/emergencies/{emergency_id}", assigned if said.in_charge else acknowledged)

    @pages.post("/{emergency_id}/approve")
    def approve(
        emergency_id: EmergencyId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Approver
    ) -> Response:
        entry = form.read(ApproveIn, **({} if form.word("/confirm") else {"confirm": ""}))
        room.raising.approve(session, emergency_id, version=form.version, confirm=entry.confirm, by=by, now=now)
        return page.go(f"/emergencies/{emergency_id}", page.text("Approved and sent."))

    @pages.post("/{emergency_id}/discard")
    def discard(
        emergency_id: EmergencyId,
        page: PageDep,
        form: FormDep,
        session: SessionDep,
        by: Raiser,  # noqa: ARG001
    ) -> Response:
        room.raising.discard(session, emergency_id, version=form.version)
        return page.go(f"/emergencies/{emergency_id}", page.text("Dropped. Nobody was told."))


def _add_telling(pages: APIRouter, room: EmergencyService) -> None:
    @pages.post("/{emergency_id}/updates")
    def update(
        emergency_id: EmergencyId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Teller
    ) -> Response:
        room.telling.update(session, emergency_id, form.read(UpdateIn), version=form.version, by=by, now=now)
        return page.go(f"/emergencies/{emergency_id}", page.text("The update is on its way to every recipient."))

    @pages.post("/{emergency_id}/notes")
    def note(
        emergency_id: EmergencyId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Teller
    ) -> Response:
        room.telling.note(session, emergency_id, form.read(NoteIn), by=by, now=now)
        return page.go(f"/emergencies/{emergency_id}", page.text("The note is on its way."))

    @pages.post("/{emergency_id}/cancel")
    def cancel(
        emergency_id: EmergencyId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Teller
    ) -> Response:
        room.telling.cancel(session, emergency_id, form.read(CancelIn), by=by, now=now)
        return page.go(f"/emergencies/{emergency_id}", page.text("It is over; every recipient is being told."))


def _colleagues(session: Session, by: Principal) -> Sequence[str]:
    """Return the names of our people, of whom one may be put in charge; for whoever may sign."""
    if not by.may(Permission.EMERGENCY_ACKNOWLEDGE):
        return ()
    people = select_accounts(AccountKind.USER).where(Account.disabled_at.is_(None)).order_by(Account.name)
    return [person.name for person in session.scalars(people.limit(MOST_COLLEAGUES))]


def _one(room: EmergencyService, session: Session, row: Emergency, by: Principal, now: datetime) -> dict[str, Any]:
    shown = room.views.show(session, row, now)
    board = room.views.board(session, row, by, now)
    return {
        "emergency": shown,
        "board": board,
        "progress": Progress.of(board),
        "reaches": reach_of(session, f"emergency/{row.id}"),
        "is_own": row.raised_by == by.id,
        "words": words,
    }
