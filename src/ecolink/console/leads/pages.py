"""One lead: all that is known of it, and what may be done with it now. An open page asks for it anew."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from ecolink.console.console import Console
from ecolink.console.leads import words
from ecolink.console.leads.actions import offer
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.steps import LeadId, Reader
from ecolink.exchanges.leads.views import LeadOut
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.leads import LeadRepliedV1, LeadRequestedV1
from ecolink.surface.unit import NowDep, RecordingSessionDep, SessionDep


def router(console: Console) -> APIRouter:
    """Return the page of one lead."""
    pages = APIRouter(prefix="/leads/{lead_id}", route_class=PageRoute)
    reading = console.rooms.leads.reading

    def around(session: Session, lead: LeadOut, by: Principal, now: datetime) -> dict[str, Any]:
        is_sent = lead.draft is None
        shown = {
            "lead": lead,
            "timeline": reading.timeline(session, lead.id, now) if is_sent else [],
            "messages": reading.messages(session, lead.id, now) if is_sent else [],
            "decided": [each for each in reading.proposals(session, lead.id, now) if each.decided_at],
        }
        return {
            **shown,
            "mark": _mark(shown),
            "offer": offer(lead, by),
            "words": words,
            "as_request": LeadRequestedV1.model_validate,
            "as_reply": LeadRepliedV1.model_validate,
        }

    @pages.get("")
    def show_lead(lead_id: LeadId, page: PageDep, session: RecordingSessionDep, now: NowDep, by: Reader) -> Response:
        lead = reading.show(session, lead_id, by=by, now=now)
        return page.show("leads/one.html", **around(session, lead, by, now))

    @pages.get("/now")
    def show_as_it_is_now(
        lead_id: LeadId,
        page: PageDep,
        session: SessionDep,
        now: NowDep,
        by: Reader,
        seen: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """Return what is new since the page showed `seen`; that somebody looks was recorded when they opened it."""
        row: Lead = reading.casebook.lead(session, lead_id)
        context = around(session, reading.shown(session, row, now), by, now)
        if context["mark"] == seen:
            return Response(status_code=204)
        return page.part("leads/now.html", **context)

    return pages


def _mark(shown: dict[str, Any]) -> str:
    """Return a mark that differs whenever what is shown does."""
    digest = sha256()
    for value in shown.values():
        for each in value if isinstance(value, list) else [value]:
            digest.update(each.model_dump_json().encode())
    return digest.hexdigest()[:16]
