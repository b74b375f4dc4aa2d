"""The calendar: a month of what is due, and one's own addresses by which other programs read the same."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, StringConstraints
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.cadence.periods import Period
from ecolink.console.cooperation.bureaus import choices
from ecolink.console.cooperation.month import month_of
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.feeds.endpoints import FeedId, FeedIn, Myself
from ecolink.exchanges.obligations.endpoints import Reader
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.agreements import Slug
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.cooperation import Cooperation

_HOME = "/cooperation/calendar"


class _Asked(BaseModel):
    """Which month, and under which agreement; none named: under all."""

    month: Annotated[str, StringConstraints(pattern=r"^2[01][0-9]{2}-(0[1-9]|1[0-2])$")] | None = None
    agreement: Slug | None = None


def router(rooms: Cooperation) -> APIRouter:
    """Return the month, and what makes and revokes addresses."""
    pages = APIRouter(prefix=_HOME, route_class=PageRoute)
    _add_month(pages, rooms)
    _add_addresses(pages, rooms)
    return pages


def _add_month(pages: APIRouter, rooms: Cooperation) -> None:
    @pages.get("")
    def show_month(page: PageDep, session: SessionDep, now: NowDep, by: Reader) -> Response:
        asked, today = page.asked(_Asked), china_day(now)
        period = Period.parse(asked.month) if asked.month else Period.containing(today, "month")
        return page.show(
            "cooperation/calendar.html",
            name=page.either(f"{period.first.year}年{period.first.month}月", f"{period.first:%B %Y}"),
            month=month_of(session, rooms, period, asked.agreement),
            before=Period.containing(period.first - timedelta(days=1), "month").label,
            after=period.next().label,
            today=today,
            several=len(choices(page, rooms, session)) > 1,
            agreement=asked.agreement,
            agreements=[(each.code, each.code) for each in rooms.agreements.in_force(session)],
            **_addresses(session, rooms, by),
        )


def _add_addresses(pages: APIRouter, rooms: Cooperation) -> None:
    feeds = rooms.feeds

    @pages.post("/addresses")
    def open_feed(
        page: PageDep, request: Request, form: FormDep, session: SessionDep, now: NowDep, by: Myself
    ) -> Response:
        """Show the address in the answer itself: nothing keeps it."""
        opened = feeds.open(session, form.read(FeedIn).label, by=by, now=now)
        address = str(request.url_for("read_calendar_feed", secret=opened.secret))
        return page.lay("cooperation/addresses.html", address=address, **_addresses(session, rooms, by))

    @pages.post("/addresses/{feed_id}/revoke")
    def revoke_feed(page: PageDep, feed_id: FeedId, session: SessionDep, by: Myself) -> Response:
        feeds.revoke(session, feed_id, by=by)
        return page.go(_HOME, page.text("Revoked: its address answers nobody any more."))


def _addresses(session: Session, rooms: Cooperation, by: Principal) -> dict[str, Any]:
    return {"feeds": list(session.scalars(rooms.feeds.own(by)))}
