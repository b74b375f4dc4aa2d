"""One's own calendar addresses: made, shown once, revoked."""

from fastapi import APIRouter, Request, Response

from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.feeds.endpoints import FeedId, FeedIn, Myself
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.cooperation import Cooperation

_HOME = "/cooperation/calendars"


def router(rooms: Cooperation) -> APIRouter:
    """Return the page of calendar addresses."""
    pages = APIRouter(prefix=_HOME, route_class=PageRoute)
    feeds = rooms.feeds

    @pages.get("")
    def list_feeds(page: PageDep, session: SessionDep, by: Myself) -> Response:
        return page.show("cooperation/calendars.html", feeds=list(session.scalars(feeds.own(by))))

    @pages.post("")
    def open_feed(
        page: PageDep, request: Request, form: FormDep, session: SessionDep, now: NowDep, by: Myself
    ) -> Response:
        """Show the address in the answer itself: nothing keeps it."""
        opened = feeds.open(session, form.read(FeedIn).label, by=by, now=now)
        address = str(request.url_for("read_calendar_feed", secret=opened.secret))
        return page.show("cooperation/calendars.html", feeds=list(session.scalars(feeds.own(by))), address=address)

    @pages.post("/{feed_id}/revoke")
    def revoke_feed(page: PageDep, feed_id: FeedId, session: SessionDep, by: Myself) -> Response:
        feeds.revoke(session, feed_id, by=by)
        return page.go(_HOME, page.text("Revoked: its address answers nobody any more."))

    return pages
