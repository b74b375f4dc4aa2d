"""What a person was reminded of, and what went up to them."""

from fastapi import APIRouter, Response

from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.obligations.endpoints import Handler, NoticeId, Reader
from ecolink.exchanges.obligations.filters import NoticeFilters
from ecolink.exchanges.obligations.models import Notice
from ecolink.surface.paging import Paging
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.cooperation import Cooperation

_HOME = "/cooperation/notices"


def router(rooms: Cooperation) -> APIRouter:
    """Return one's own notices."""
    pages = APIRouter(prefix=_HOME, route_class=PageRoute)
    service = rooms.obligations

    @pages.get("")
    def list_notices(page: PageDep, session: SessionDep, paging: Paging, by: Reader) -> Response:
        wanted = page.asked(NoticeFilters)
        found = paging.read(session, wanted.select(by), order=(Notice.id,), shape=lambda row: row)
        notices = [(notice, _place(notice.subject)) for notice in service.views.notices(found.items)]
        return page.show("cooperation/notices.html", wanted=wanted, notices=notices, next=found.next)

    @pages.post("/{notice_id}/seen")
    def see_notice(page: PageDep, notice_id: NoticeId, session: SessionDep, now: NowDep, by: Handler) -> Response:
        service.notices.see(session, notice_id, by=by, now=now)
        return page.go(_HOME, page.text("Marked as seen; what is owed stays owed."))

    return pages


def _place(subject: str) -> str:
    """Return where the matter of a notice is seen to: an obligation's key, or `consultation/ID/TASK`."""
    kind, _, rest = subject.partition("/")
    return f"consultations/{rest.partition('/')[0]}#tasks" if kind == "consultation" else subject
