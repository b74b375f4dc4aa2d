"""Finding leads. Everything that was looked for stands in the address, so that a list can be handed on as a link."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, model_validator
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.cadence.deadlines import end_of_day
from ecolink.console.console import Console
from ecolink.console.leads import words
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.leads.lists import Filter
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.steps import Reader
from ecolink.exchanges.leads.table import State
from ecolink.exchanges.leads.views import LeadSummary
from ecolink.protocol.kinds.leads import LeadKind, Urgency
from ecolink.search.index import MAX_QUERY
from ecolink.surface.paging import Paging
from ecolink.surface.unit import NowDep, SessionDep

_ORDERS: Final = {"updated": Lead.updated_at, "created": Lead.created_at, "due": Lead.next_due}


class Sought(BaseModel):
    """What is looked for; what a form left empty was not asked for."""

    direction: Literal["in", "out"] | None = None
    state: State | None = None
    kind: LeadKind | None = None
    urgency: Urgency | None = None
    peer: Annotated[str, Field(pattern="^[0-9]{12}$")] | None = None
    overdue: bool | None = None
    due: Literal["today"] | None = None
    ours_to_do: bool | None = None
    awaiting_approval: bool | None = None
    exercise: bool = False
    q: Annotated[str, Field(max_length=MAX_QUERY)] | None = None
    sort: Literal["updated", "created", "due"] = "updated"

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, sent: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in sent.items() if value not in ("", [], [""])}

    def filter(self, now: datetime) -> Filter:
        """Return it as the room looks for it."""
        is_today = self.due == "today"
        return Filter(
            direction=self.direction,
            states=[self.state] if self.state else (),
            kind=self.kind,
            urgency=self.urgency,
            peer=self.peer,
            overdue=False if is_today else self.overdue,
            due_before=end_of_day(china_day(now)) + timedelta(microseconds=1) if is_today else None,
            ours_to_do=self.ours_to_do,
            awaiting_approval=self.awaiting_approval,
            exercise=self.exercise,
            query=self.q,
        )

    @property
    def asked(self) -> dict[str, str]:
        """It by the names in an address."""
        asked = self.model_dump(mode="json", exclude_defaults=True)
        return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in asked.items()}


def router(console: Console) -> APIRouter:
    """Return the list, and its rows alone, which an open page asks for anew."""
    pages = APIRouter(route_class=PageRoute)
    room = console.rooms.leads

    def found(session: Session, paging: Paging, sought: Sought, now: datetime) -> dict[str, Any]:
        names = room.reading.casebook.peers.names(session)
        rows = paging.read(
            session,
            room.lists.select(sought.filter(now), now),
            order=(_ORDERS[sought.sort], Lead.id),
            shape=lambda lead: LeadSummary.of(lead, names.get(lead.peer), now),
            descending=sought.sort != "due",
        )
        query = urlencode(sought.asked)
        here = urlencode(sought.asked | ({"cursor": paging.cursor} if paging.cursor else {}))
        return {"leads": rows.items, "next": rows.next, "sought": sought, "query": query, "here": here, "words": words}

    @pages.get("/leads")
    def list_leads(
        page: PageDep,
        session: SessionDep,
        paging: Paging,
        now: NowDep,
        sought: Annotated[Sought, Query()],
        by: Reader,  # noqa: ARG001
    ) -> Response:
        peers = room.reading.casebook.peers.names(session)
        return page.show(
            "leads/list.html",
            states=[(each.value, words.state(page, each)) for each in State],
            bureaus=[("", page.text("All")), *((code, page.either(p.name_zh, p.name_en)) for code, p in peers.items())],
            **found(session, paging, sought, now),
        )

    @pages.get("/leads/rows")
    def show_rows(
        page: PageDep,
        session: SessionDep,
        paging: Paging,
        now: NowDep,
        sought: Annotated[Sought, Query()],
        by: Reader,  # noqa: ARG001
    ) -> Response:
        return page.part("leads/rows.html", **found(session, paging, sought, now))

    return pages
