"""Monthly liaison: the record forms that are open, the contacts recorded, and our word on those others recorded."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from ecolink.console.cooperation.bureaus import choices
from ecolink.console.form import FormDep
from ecolink.console.page import Page, PageDep
from ecolink.console.route import PageRoute
from ecolink.errors import NotFoundError
from ecolink.exchanges.liaison import ledger
from ecolink.exchanges.liaison.endpoints import ContactFilters, ContactId, Handler, Reader
from ecolink.exchanges.liaison.models import LiaisonRecord
from ecolink.exchanges.liaison.schemas import ConfirmationIn, ContactIn, CorrectionIn, ObjectionIn
from ecolink.exchanges.liaison.views import METHODS_ZH, STATES_ZH, ContactOut, FormOut
from ecolink.protocol.kinds.common import UnitCode
from ecolink.surface.paging import Paging
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.cooperation import Cooperation

_HOME = "/cooperation/contacts"
ROWS = 8
"""People a form has room for."""


def router(rooms: Cooperation) -> APIRouter:
    """Return the pages of contacts."""
    pages = APIRouter(prefix=_HOME, route_class=PageRoute)
    _add_list(pages, rooms)
    _add_recording(pages, rooms)
    _add_one(pages, rooms)
    return pages


def _add_list(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.liaison

    @pages.get("")
    def list_contacts(page: PageDep, session: SessionDep, now: NowDep, paging: Paging, by: Reader) -> Response:  # noqa: ARG001
        wanted = page.asked(ContactFilters)
        order = (LiaisonRecord.held_at, LiaisonRecord.digest)
        found = paging.read(session, wanted.select(service.us), order=order, shape=lambda row: row)
        return page.show(
            "cooperation/contacts.html",
            wanted=wanted,
            lines=service.views.lines(session, found.items),
            next=found.next,
            forms=[service.views.form(form, now) for form in service.forms.due(session, now)],
            partners=choices(page, rooms, session),
            bureau=rooms.obligations.views.names(session),
            states=list(STATES_ZH.items()),
        )


def _add_recording(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.liaison

    @pages.get("/new")
    def show_form(
        page: PageDep,
        session: SessionDep,
        now: NowDep,
        by: Handler,
        partner: Annotated[list[UnitCode] | None, Query()] = None,
        obligation: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        form: FormOut | None
        if partner:
            form = service.views.form(service.forms.between(session, partner), now)
        else:
            due = (service.views.form(each, now) for each in service.forms.due(session, now))
            form = next((each for each in due if each.obligation == obligation), None)
        if form is None:
            raise NotFoundError("No such contact is to be recorded now.", "当前没有须填写的该项联系记录。")
        return _show_form(page, rooms, session, form, None, by.name)

    @pages.post("")
    def record_contact(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Handler) -> Response:
        row = service.record(session, form.read(ContactIn), by=by, now=now)
        return page.go(f"{_HOME}/{row.contact}", page.text("Recorded and signed; the others are asked to confirm it."))

    @pages.get("/{contact_id}/correct")
    def show_correction(
        page: PageDep, contact_id: ContactId, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        row = ledger.current(session, contact_id)
        form = service.views.form(service.forms.between(session, sorted(row.members - {service.us})), now)
        return _show_form(page, rooms, session, form, service.views.show(session, row, by), by.name)

    @pages.post("/{contact_id}/correct")
    def correct_contact(
        page: PageDep, contact_id: ContactId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        service.correct(session, contact_id, form.read(CorrectionIn), by=by, now=now)
        return page.go(f"{_HOME}/{contact_id}", page.text("Corrected; the others are asked to confirm it anew."))


def _add_one(pages: APIRouter, rooms: Cooperation) -> None:
    service = rooms.liaison

    @pages.get("/{contact_id}")
    def show_contact(page: PageDep, contact_id: ContactId, session: SessionDep, by: Reader) -> Response:
        contact = service.views.show(session, ledger.current(session, contact_id), by)
        return page.show(
            "cooperation/contact.html",
            contact=contact,
            bureau=rooms.obligations.views.names(session),
            method=_methods(page)[contact.method],
        )

    @pages.post("/{contact_id}/confirm")
    def confirm_contact(
        page: PageDep, contact_id: ContactId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        service.confirm(session, contact_id, form.read(ConfirmationIn).record, by=by, now=now)
        return page.go(f"{_HOME}/{contact_id}", page.text("Confirmed and signed."))

    @pages.post("/{contact_id}/object")
    def object_to_contact(
        page: PageDep, contact_id: ContactId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        said = form.read(ObjectionIn)
        service.object_to(session, contact_id, said.record, reason=said.reason, by=by, now=now)
        return page.go(f"{_HOME}/{contact_id}", page.text("Said to all parties."))

    @pages.post("/{contact_id}/withdraw")
    def withdraw_contact(
        page: PageDep, contact_id: ContactId, form: FormDep, session: SessionDep, now: NowDep, by: Handler
    ) -> Response:
        said = form.read(ObjectionIn)
        service.withdraw(session, contact_id, said.record, reason=said.reason, by=by, now=now)
        return page.go(f"{_HOME}/{contact_id}", page.text("Taken back."))


def _show_form(
    page: Page, rooms: Cooperation, session: Session, form: FormOut, before: ContactOut | None, name: str
) -> Response:
    """Show the record form; `before` is the record it takes the place of."""
    return page.show(
        "cooperation/record.html",
        form_=form,
        before=before,
        bureau=rooms.obligations.views.names(session),
        us=rooms.liaison.us,
        name=name,
        methods=list(_methods(page).items()),
        rows=ROWS,
    )


def _methods(page: Page) -> dict[str, str]:
    english = {"call": "Call", "video": "Video", "meeting": "Meeting", "shared_station": "At the shared station"}
    return {code: page.either(zh, english[code]) for code, zh in METHODS_ZH.items()}
