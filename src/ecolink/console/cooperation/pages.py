"""`/cooperation`: every page of liaison and exchange."""

from fastapi import APIRouter

from ecolink.console.console import Console
from ecolink.console.cooperation import (
    agreements,
    calendars,
    consultations,
    liaison,
    notices,
    obligations,
    overview,
    quarterly,
    report,
)
from ecolink.console.route import PageRoute


def router(console: Console) -> APIRouter:
    """Return the pages. One obligation is the last: its address, `/AGREEMENT/DUTY/PERIOD`, is anybody's."""
    pages = APIRouter(route_class=PageRoute)
    rooms = console.rooms.cooperation
    for subject in (
        overview,
        liaison,
        quarterly,
        consultations,
        agreements,
        report,
        notices,
        calendars,
        obligations,
    ):
        pages.include_router(subject.router(rooms))
    return pages
