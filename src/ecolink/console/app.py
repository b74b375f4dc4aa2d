"""The console's pages, put into the application that serves the bureau's own people."""

from collections.abc import Sequence
from contextlib import suppress

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ecolink.console import attachments, bureau_account, entrance, files, stream, unfinished
from ecolink.console.account import alerts as own_alerts
from ecolink.console.account import pages as account
from ecolink.console.account import second_factor
from ecolink.console.administration import pages as administration
from ecolink.console.alliances import pages as alliances
from ecolink.console.audit import pages as audit
from ecolink.console.bulletins import pages as bulletins
from ecolink.console.console import Console
from ecolink.console.cooperation import pages as cooperation
from ecolink.console.duty import pages as duty
from ecolink.console.emergencies import calls, raising
from ecolink.console.emergencies import pages as emergencies
from ecolink.console.leads import compose, letters, lists, moves
from ecolink.console.leads import pages as leads
from ecolink.console.map import pages as maps
from ecolink.console.mishaps import show_problem
from ecolink.console.phone import pages as phone
from ecolink.console.route import let_in
from ecolink.console.today import pages as today
from ecolink.errors import EcolinkError
from ecolink.surface.failures import problem_of
from ecolink.surface.route import add_routes


def add_console(app: FastAPI, console: Console) -> None:
    """Serve the console beside the API: its pages at `/`, its own files at `/static`."""
    app.state.console = console
    apart = (
        files.router(),
        entrance.router(console.identity),
        bureau_account.router(console.identity),
        stream.router(console),
        unfinished.router(),
    )
    add_routes(app, [*apart, *_subjects(console)])
    app.add_exception_handler(HTTPException, _on_http_exception)  # type: ignore[arg-type]  # Starlette's is wider


def _subjects(console: Console) -> Sequence[APIRouter]:
    return (
        today.router(console),
        account.router(console),
        second_factor.router(console),
        own_alerts.router(console),
        bulletins.router(console),
        alliances.router(console),
        audit.router(console),
        administration.router(console),
        calls.router(console),
        raising.router(console),
        emergencies.router(console),
        cooperation.router(console),
        maps.router(console),
        attachments.router(console),
        lists.router(console),
        compose.router(console),
        moves.router(console),
        letters.router(console),
        leads.router(console),
        phone.router(console),
        duty.router(console),
    )


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    """Answer an address that is none with a page where a person asks for one, and as the API does otherwise."""
    problem = await problem_of(request, error)
    for_people = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if not for_people:
        return problem
    with suppress(EcolinkError):  # whoever is known sees the menu around it
        await let_in(request)
    return show_problem(request, problem)
