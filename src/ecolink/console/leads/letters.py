"""Printing: 协查函 and 回执 as a page or as PDF; with persons in full for who says why."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.leads.moves import shown_form
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.leads.prints import Prints, Revealer
from ecolink.exchanges.leads.schemas import ReasonIn
from ecolink.exchanges.leads.steps import LeadId, Reader
from ecolink.surface import printing
from ecolink.surface.unit import DatabaseDep, NowDep, SessionDep

Digest = Annotated[str | None, Query(alias="reply", pattern="^[0-9a-f]{64}$")]


def router(console: Console) -> APIRouter:
    """Return the letters of a lead."""
    pages = APIRouter(prefix="/leads/{lead_id}", route_class=PageRoute)
    reading = console.rooms.leads.reading
    prints = Prints(reading)

    @pages.get("/letter")
    def show_letter(
        lead_id: LeadId, database: DatabaseDep, now: NowDep, by: Reader, form: printing.Form = "html"
    ) -> Response:
        with database.begin() as session:
            document = prints.request(session, lead_id, by=by, now=now)
        return printing.printed(document, form, f"lead-{lead_id}")

    @pages.get("/reply-letter")
    def show_reply_letter(
        lead_id: LeadId,
        database: DatabaseDep,
        now: NowDep,
        by: Reader,
        digest: Digest = None,
        form: printing.Form = "html",
    ) -> Response:
        with database.begin() as session:
            document = prints.reply(session, lead_id, digest, by=by, now=now)
        return printing.printed(document, form, f"lead-{lead_id}-reply")

    @pages.get("/print-in-full")
    def ask_why(lead_id: LeadId, page: PageDep, session: SessionDep, now: NowDep, by: Revealer) -> Response:  # noqa: ARG001
        lead = reading.shown(session, reading.casebook.lead(session, lead_id), now)
        return shown_form(page, "leads/print_in_full.html", lead=lead)

    @pages.post("/print-in-full")
    def print_in_full(lead_id: LeadId, form: FormDep, database: DatabaseDep, now: NowDep, by: Revealer) -> Response:
        reason = form.read(ReasonIn).reason
        kind: Literal["html", "pdf"] = "html" if form.word("format") == "html" else "pdf"
        with database.begin() as session:
            if form.word("letter") == "reply":
                document = prints.reply(session, lead_id, None, by=by, now=now, reason=reason)
            else:
                document = prints.request(session, lead_id, by=by, now=now, reason=reason)
        return printing.printed(document, kind, f"lead-{lead_id}")

    return pages
