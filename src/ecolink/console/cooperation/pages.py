"""`/cooperation`: every page of liaison and exchange."""

from fastapi import APIRouter

from ecolink.console.console import Console
from ecolink.console.cooperation import (
    agreements,
    calendar,
    consultations,
    liaison,
    notices,
    obligations,
    overview,
    quarterly,
    report,
)
from ecolink.console.route import PageRoute
from ecolink.surface.route import add_routes


def router(console: Console) -> APIRouter:
    """Return the pages. One obligation is the last: its address, `/AGREEMENT/DUTY/PERIOD`, is anybody's."""
    pages = APIRouter(route_class=PageRoute)
    rooms = console.rooms.cooperation
    subjects = (
        overview,
        liaison,
        quarterly,
        consultations,
        agreements,
        report,
        notices,
        calendar,
        obligations,
    )
    add_routes(pages, [subject.router(rooms) for subject in subjects])
    return pages
