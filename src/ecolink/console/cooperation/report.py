"""Compliance by partner, duty and year, on a page and as files."""

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from ecolink.cadence.calendars import china_day
from ecolink.console.cooperation.bureaus import choices
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.obligations import report_forms
from ecolink.exchanges.obligations.endpoints import Reader
from ecolink.exchanges.obligations.report import compile_report
from ecolink.exchanges.obligations.report_forms import Form
from ecolink.protocol.kinds.common import UnitCode
from ecolink.surface.unit import DatabaseDep, NowDep
from ecolink.web.cooperation import Cooperation


class _Asked(BaseModel):
    """Which report."""

    year: int | None = Field(default=None, ge=2000, le=2200)
    partner: UnitCode | None = None
    format: Form = "json"


def router(rooms: Cooperation) -> APIRouter:
    """Return the report; `format` makes a file of it."""
    pages = APIRouter(prefix="/cooperation/report", route_class=PageRoute)
    service = rooms.obligations

    @pages.get("")
    def show_report(page: PageDep, database: DatabaseDep, now: NowDep, by: Reader) -> Response:  # noqa: ARG001
        asked = page.asked(_Asked)
        year = asked.year or china_day(now).year
        with database.read() as session:
            report = compile_report(session, service.us, year, now, partner=asked.partner)
            names, partners = service.views.names(session), choices(page, rooms, session)
        if asked.format != "json":
            return report_forms.filed(report, names, service.views.home, asked.format)
        shown = report_forms.show(report, names)
        return page.show("cooperation/report.html", report=shown, partner=asked.partner, partners=partners)

    return pages
