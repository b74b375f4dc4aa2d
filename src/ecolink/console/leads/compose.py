"""Writing a request: a draft that saves itself, its submission, and its end."""

from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from ecolink.console.console import Console
from ecolink.console.form import Form, FormDep
from ecolink.console.leads import words
from ecolink.console.page import Page, PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.governance import GovernanceIn
from ecolink.exchanges.leads.endpoints import Revealer
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.schemas import LeadIn, ReasonIn, Written
from ecolink.exchanges.leads.service import LeadService
from ecolink.exchanges.leads.steps import Drafter, LeadId
from ecolink.exchanges.leads.vocabulary import vocabulary
from ecolink.identity.principal import Principal
from ecolink.surface.unit import NowDep, RecordingSessionDep, SessionDep

WrittenT = TypeVar("WrittenT", bound=Written)
_BLANK: Final[dict[str, Any]] = dict.fromkeys(LeadIn.model_fields)


def router(console: Console) -> APIRouter:
    """Return the pages of a draft."""
    pages = APIRouter(prefix="/leads", route_class=PageRoute)
    room = console.rooms.leads
    _add_writing(pages, room)
    _add_saving(pages, room)
    _add_ending(pages, room)
    return pages


def read(form: Form, model: type[WrittenT]) -> WrittenT:
    """Return what was written. Persons whom the page showed and who are gone now were taken out, not left alone."""
    members = form.members()
    emptied = [name for name in ("persons", "vehicles") if form.word(f"{name}-shown") and name not in members]
    return form.read(model, **dict.fromkeys(emptied, ()))


def _around(page: Page, room: LeadService, session: Session) -> dict[str, Any]:
    peers = room.reading.casebook.peers.names(session)
    bureaus = [(code, page.either(p.name_zh, p.name_en)) for code, p in peers.items() if p.state == "active"]
    return {"bureaus": bureaus, "words": words, "listed": vocabulary()}


def _add_writing(pages: APIRouter, room: LeadService) -> None:
    @pages.get("/new")
    def begin(
        page: PageDep, session: SessionDep, by: Drafter, to: Annotated[str, Query(pattern="^[0-9]{12}$")] | None = None
    ) -> Response:
        around = _around(page, room, session)
        chosen = to or (around["bureaus"][0][0] if len(around["bureaus"]) == 1 else "")
        return page.show(
            "leads/compose.html",
            lead=None,
            sheet=_BLANK,
            to=chosen,
            contact={"name": by.name, "post": None, "phone": None},
            governance=None,
            **around,
        )

    @pages.get("/{lead_id}/edit")
    def go_on(lead_id: LeadId, page: PageDep, session: RecordingSessionDep, now: NowDep, by: Drafter) -> Response:
        lead = room.reading.show(session, lead_id, by=by, now=now)
        draft = room.drafting.draft_of(session, lead_id)
        if draft is None or "submitted" not in lead.open_moves:
            return page.go(f"/leads/{lead_id}")
        return page.show(
            "leads/compose.html",
            lead=lead,
            sheet=lead.request,
            to=lead.peer.unit_code,
            contact=lead.request.private.contact,
            governance=GovernanceIn.model_validate(draft.content["governance"]),
            **_around(page, room, session),
        )

    @pages.get("/terms")
    def show_terms(
        page: PageDep,
        session: SessionDep,
        now: NowDep,
        by: Drafter,  # noqa: ARG001
        to: Annotated[str, Query(alias="/to", max_length=12)] = "",
    ) -> Response:
        """Tell what is agreed with the bureau that was chosen."""
        terms = room.drafting.terms_for(session, to, now) if to else None
        deadlines = room.drafting.deadlines_for(session, to, now) if to else None
        return page.part("leads/terms.html", terms=terms, deadlines=deadlines, words=words)

    @pages.post("/{lead_id}/persons")
    def open_persons(
        lead_id: LeadId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Revealer
    ) -> Response:
        """Return the persons in full, to be rewritten; that they were looked at is recorded."""
        reason = form.read(ReasonIn).reason
        persons = room.reading.lay_open(session, lead_id, reason=reason, by=by, now=now)
        return page.part("leads/persons.html", persons=persons, words=words)


def _add_saving(pages: APIRouter, room: LeadService) -> None:
    def answer(page: Page, form: Form, session: Session, lead: Lead, by: Principal, now: datetime) -> Response:
        """Go where the person wants to, or stay: then the page only learns what it builds on from now on."""
        then = form.word("then")
        if then == "submit":
            room.drafting.submit(session, lead.id, by=by, now=now)
            return page.go(f"/leads/{lead.id}", page.text("Laid before an approver."))
        if then == "leave":
            return page.go(f"/leads/{lead.id}", page.text("Saved as a draft."))
        return JSONResponse({"id": lead.id, "version": lead.version})

    @pages.post("/new")
    def create(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Drafter) -> Response:
        lead = room.drafting.create(session, read(form, LeadIn), by=by, now=now)
        return answer(page, form, session, lead, by, now)

    @pages.post("/{lead_id}/edit")
    def edit(lead_id: LeadId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Drafter) -> Response:
        lead = room.drafting.edit(session, lead_id, read(form, LeadIn), version=form.version, by=by, now=now)
        return answer(page, form, session, lead, by, now)


def _add_ending(pages: APIRouter, room: LeadService) -> None:
    @pages.post("/{lead_id}/submit")
    def submit(lead_id: LeadId, page: PageDep, session: SessionDep, now: NowDep, by: Drafter) -> Response:
        room.drafting.submit(session, lead_id, by=by, now=now)
        return page.go(f"/leads/{lead_id}", page.text("Laid before an approver."))

    @pages.post("/{lead_id}/discard")
    def discard(
        lead_id: LeadId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Drafter
    ) -> Response:
        room.drafting.discard(session, lead_id, version=form.version, by=by, now=now)
        return page.go("/leads", page.text("The draft is deleted."))
