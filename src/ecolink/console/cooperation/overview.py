"""The first page of liaison and exchange: what waits for our word, and how a year's obligations stand by partner."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.console.cooperation.owed import owed_now
from ecolink.console.cooperation.waiting import Waiting
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.obligations.filters import NoticeFilters, ObligationFilters
from ecolink.exchanges.obligations.models import Notice, ObligationRow
from ecolink.exchanges.obligations.schemas import ObligationLineOut, PartyOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.cooperation import Cooperation

MOST_NOTICES: Final = 6
MOST_OF_A_YEAR: Final = 2_000

Reader = Annotated[Principal, requires(Permission.OBLIGATION_READ)]
Year = Annotated[int | None, Query(ge=2000, le=2200)]


@dataclass(frozen=True, slots=True)
class Course:
    """One duty with one partner through a year."""

    duty: ObligationLineOut
    """Any one of them: it names the duty and the agreement."""
    obligations: Sequence[ObligationLineOut]
    """By period."""


@dataclass(frozen=True, slots=True)
class Shared:
    """All that we owe each other with one partner in a year."""

    partner: PartyOut
    courses: Sequence[Course]


@dataclass(frozen=True)
class Overview:
    """Gathers the first page."""

    rooms: Cooperation

    def year(self, session: Session, year: int) -> list[Shared]:
        """Return a year's obligations by partner and duty; one of several partners stands with each of them."""
        of_year = select(ObligationRow).where(ObligationRow.binds, ObligationRow.period.startswith(f"{year}"))
        rows = session.scalars(of_year.order_by(ObligationRow.period_first, ObligationRow.key).limit(MOST_OF_A_YEAR))
        lines = self.rooms.obligations.views.lines(session, rows.all())
        placed = sorted(
            ((partner.unit_code, line.agreement, line.duty, at, partner) for at, line in enumerate(lines)
             for partner in line.partners),
            key=lambda place: place[:4],
        )  # fmt: skip
        shared = []
        for _, of_partner in groupby(placed, key=lambda place: place[0]):
            own = list(of_partner)
            courses = [[lines[place[3]] for place in course] for _, course in groupby(own, key=lambda p: p[1:3])]
            shared.append(Shared(own[0][4], [Course(course[0], course) for course in courses]))
        return shared


def router(rooms: Cooperation) -> APIRouter:
    """Return the first page."""
    pages = APIRouter(prefix="/cooperation", route_class=PageRoute)
    overview, waiting = Overview(rooms), Waiting(rooms)

    @pages.get("")
    def show_overview(page: PageDep, session: SessionDep, now: NowDep, by: Reader, year: Year = None) -> Response:
        shown = year or china_day(now).year
        shared = overview.year(session, shown)
        told = session.scalars(NoticeFilters().select(by).order_by(Notice.id.desc()).limit(MOST_NOTICES))
        return page.show(
            "cooperation/overview.html",
            waiting=waiting.for_us(session, by, now),
            notices=rooms.obligations.views.notices(told),
            owed=owed_now(session, rooms, ObligationFilters(), now),
            shared=shared,
            several=len({course.duty.agreement for each in shared for course in each.courses}) > 1,
            year=shown,
            bureau=rooms.obligations.views.names(session),
        )

    return pages
