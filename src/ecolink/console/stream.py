"""`/live`: the stream of server-sent events (WHATWG HTML, section 9.2) that keeps every open page true."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ecolink.console.console import Console
from ecolink.console.page import PageDep
from ecolink.console.recognition import secret_of
from ecolink.console.route import PageRoute
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.unit import DatabaseDep

Myself = Annotated[Principal, requires(Permission.PROFILE_SELF)]


def router(console: Console) -> APIRouter:
    """Return the stream."""
    pages = APIRouter(route_class=PageRoute)

    @pages.get("/live", response_class=EventSourceResponse)
    async def follow(
        request: Request, page: PageDep, database: DatabaseDep, by: Myself
    ) -> AsyncIterator[ServerSentEvent]:
        secret = secret_of(request)

        def recognise(now: datetime) -> Principal:
            with database.read() as session:
                return console.identity.sessions.recognise(session, secret, now)

        async for event in console.live.stream(by, page.language, recognise):
            yield event

    return pages
