"""Making a move: its form, what is said by it, and an approver's decision on it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.leads import words
from ecolink.console.leads.actions import ACTIONS, Action
from ecolink.console.leads.compose import read
from ecolink.console.page import Page, PageDep
from ecolink.console.route import PageRoute
from ecolink.errors import IllegalMoveError
from ecolink.exchanges.leads import schemas
from ecolink.exchanges.leads.endpoints import Revealer
from ecolink.exchanges.leads.service import LeadService
from ecolink.exchanges.leads.steps import Approver, Handler, LeadId, ProposalId, Sender
from ecolink.exchanges.leads.views import LeadOut, StepOut
from ecolink.exchanges.leads.vocabulary import vocabulary
from ecolink.identity.principal import Principal
from ecolink.surface.auth import caller_of, requires
from ecolink.surface.unit import NowDep, SessionDep

Caller = Annotated[Principal, Depends(caller_of)]
"""Whoever the route's own `requires` has let in."""


def router(console: Console) -> APIRouter:
    """Return the moves, the decisions on them, and the conversation."""
    pages = APIRouter(prefix="/leads/{lead_id}", route_class=PageRoute)
    room = console.rooms.leads
    for action in ACTIONS.values():
        _add_move(pages, room, action)
    _add_decisions(pages, room)
    _add_talking(pages, room)
    _add_revealing(pages, room)
    return pages


def shown_form(page: Page, template: str, **context: Any) -> Response:  # noqa: ANN401 - whatever a template takes
    """Return a form: for the page that asks, which opens it above itself, or as a page of its own."""
    if page.is_from_script:
        return page.part(template, **context, words=words, is_dialog=True)
    return page.show("leads/form.html", form_of=template, **context, words=words, is_dialog=False)


def _add_move(pages: APIRouter, room: LeadService, action: Action) -> None:
    path, needs = f"/moves/{action.move}", [requires(action.needs)]

    @pages.get(path, dependencies=needs)
    def show_form(
        lead_id: LeadId,
        page: PageDep,
        session: SessionDep,
        now: NowDep,
        outcome: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        lead = room.reading.shown(session, room.reading.casebook.lead(session, lead_id), now)
        if action.move not in lead.open_moves:
            raise IllegalMoveError(
                "The lead has moved on: this is no longer possible.", "线索状态已变化，不能再进行此操作。"
            )
        asked = (step.body["questions"] for step in room.reading.timeline(session, lead_id, now) if _asks(step))
        return shown_form(
            page, "leads/move.html", action=action, lead=lead, outcome=outcome, asked=list(asked), listed=vocabulary()
        )

    @pages.post(path, dependencies=needs)
    def make_move(
        lead_id: LeadId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Caller
    ) -> Response:
        written = read(form, action.written)
        lead = room.moving.make(session, lead_id, action.move, written, by=by, now=now)
        return page.go(f"/leads/{lead_id}", _said(page, action, room.reading.shown(session, lead, now)))


def _asks(step: StepOut) -> bool:
    return step.move == "information_requested" and step.verdict == "applied"


def _said(page: Page, action: Action, lead: LeadOut) -> str:
    waits = any(proposal.move == action.move for proposal in lead.proposals)
    return page.text("Laid before an approver.") if waits else page.text(action.done)


def _add_decisions(pages: APIRouter, room: LeadService) -> None:
    @pages.post("/proposals/{proposal_id}/approve")
    def approve(
        lead_id: LeadId, proposal_id: ProposalId, page: PageDep, session: SessionDep, now: NowDep, by: Approver
    ) -> Response:
        room.moving.approve(session, lead_id, proposal_id, by=by, now=now)
        return page.go(f"/leads/{lead_id}", page.text("Approved, signed and sent."))

    @pages.get("/proposals/{proposal_id}/decline")
    def show_decline(lead_id: LeadId, proposal_id: ProposalId, page: PageDep, by: Approver) -> Response:  # noqa: ARG001
        return shown_form(page, "leads/decline.html", lead_id=lead_id, path=f"proposals/{proposal_id}/decline")

    @pages.post("/proposals/{proposal_id}/decline")
    def decline(
        lead_id: LeadId,
        proposal_id: ProposalId,
        page: PageDep,
        form: FormDep,
        session: SessionDep,
        now: NowDep,
        by: Approver,
    ) -> Response:
        reason = form.read(schemas.ReasonIn).reason
        room.moving.decline(session, lead_id, proposal_id, reason, by=by, now=now)
        return page.go(f"/leads/{lead_id}", page.text("Declined."))

    @pages.get("/send-back")
    def show_send_back(lead_id: LeadId, page: PageDep, by: Sender) -> Response:  # noqa: ARG001
        return shown_form(page, "leads/decline.html", lead_id=lead_id, path="send-back")

    @pages.post("/send-back")
    def send_back(
        lead_id: LeadId,
        page: PageDep,
        form: FormDep,
        session: SessionDep,
        now: NowDep,
        by: Sender,  # noqa: ARG001
    ) -> Response:
        room.drafting.send_back(session, lead_id, form.read(schemas.ReasonIn).reason, now=now)
        return page.go(f"/leads/{lead_id}", page.text("Sent back to whoever wrote it."))

    @pages.post("/send")
    def send(lead_id: LeadId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Sender) -> Response:
        """Send exactly the version that the approver had before them."""
        room.drafting.approve(session, lead_id, version=form.version, by=by, now=now)
        return page.go(f"/leads/{lead_id}", page.text("Approved, signed and sent."))


def _add_talking(pages: APIRouter, room: LeadService) -> None:
    @pages.post("/messages")
    def write(lead_id: LeadId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Handler) -> Response:
        room.moving.make(session, lead_id, "message", form.read(schemas.MessageIn), by=by, now=now)
        return page.go(f"/leads/{lead_id}", page.text("Sent."))


def _add_revealing(pages: APIRouter, room: LeadService) -> None:
    @pages.get("/reveal")
    def ask_why(
        lead_id: LeadId,
        page: PageDep,
        by: Revealer,  # noqa: ARG001
        person: Annotated[str, Query(max_length=4)],
        statement: Annotated[str, Query(max_length=64)] = "",
        proposal: Annotated[str, Query(max_length=36)] = "",
    ) -> Response:
        return shown_form(
            page,
            "leads/reveal.html",
            lead_id=lead_id,
            person=person,
            statement=statement,
            proposal=proposal,
            shown=None,
        )

    @pages.post("/reveal")
    def reveal(
        lead_id: LeadId, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Revealer
    ) -> Response:
        """Show the members, once: they do not stay on the page."""
        wanted = form.read(schemas.RevealIn)
        shown = room.reading.reveal(session, lead_id, wanted, by=by, now=now)
        return shown_form(
            page,
            "leads/reveal.html",
            lead_id=lead_id,
            person=shown.person,
            statement="",
            proposal="",
            shown=shown.fields,
        )
