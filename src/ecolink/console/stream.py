"""`/live`: the stream of server-sent events (WHATWG HTML, section 9.2) that keeps every open page true."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ecolink.console.console import Console
from ecolink.console.live import Recognise
from ecolink.console.page import PageDep
from ecolink.console.recognition import secret_of
from ecolink.console.route import PageRoute
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.identity.sessions import Sessions
from ecolink.storage.engine import Database
from ecolink.surface.auth import requires
from ecolink.surface.unit import DatabaseDep

KEEPS_WATCH: Final = Permission.EMERGENCY_ACKNOWLEDGE
"""Whose open page counts as use of the login: a duty screen on which the red strip must appear does not go dark at
night because nobody touched it. Whoever cannot sign for an emergency is logged out at an open page as well."""

Myself = Annotated[Principal, requires(Permission.PROFILE_SELF)]


def router(console: Console) -> APIRouter:
    """Return the stream."""
    pages = APIRouter(route_class=PageRoute)

    @pages.get("/live", response_class=EventSourceResponse)
    async def follow(
        request: Request, page: PageDep, database: DatabaseDep, by: Myself
    ) -> AsyncIterator[ServerSentEvent]:
        recognise = recognition_of(secret_of(request), console.identity.sessions, database)
        async for event in console.live.stream(by, page.language, recognise):
            yield event

    return pages


def recognition_of(secret: str, sessions: Sessions, database: Database) -> Recognise:
    """Return what tells who holds the browser with `secret`, and keeps in use the login of whoever keeps watch."""

    def recognise(now: datetime) -> Principal:
        with database.read() as session:
            present = sessions.recognise(session, secret, now)
        if present.may(KEEPS_WATCH) and sessions.is_to_be_noted(present, now):
            sessions.note_seen(database, present, now)
        return present

    return recognise
