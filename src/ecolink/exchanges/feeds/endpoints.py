"""`/api/v1/me/calendar-feeds`, and the feeds themselves at `/api/v1/feeds/{secret}.ics`."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from ecolink.exchanges.feeds.entries import WRITTEN
from ecolink.exchanges.feeds.models import CalendarFeed
from ecolink.exchanges.feeds.service import FeedService
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.kit.canonical import sha256_hex
from ecolink.protocol.kinds.common import Name
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, RecordingSessionDep, SessionDep, TransactionalRoute

CALENDAR = "text/calendar; charset=utf-8"
REFRESH = timedelta(hours=1)

Myself = Annotated[Principal, requires(Permission.FEED_SELF)]
FeedId = Annotated[str, Path(max_length=36, examples=["019ab000-0000-7000-8000-000000000001"])]
Secret = Annotated[str, Path(min_length=43, max_length=43, pattern=r"^[A-Za-z0-9_-]{43}$")]

_FEED: dict[str, Any] = {
    "id": "019ab000-0000-7000-8000-000000000001",
    "label": "手机日历",
    "created_at": "2026-11-22T02:00:00Z",
    "read_at": "2026-11-22T09:00:00Z",
}
_ADDRESS = f"https://node.example/api/v1/feeds/{'A' * 43}.ics"


class FeedIn(BaseModel):
    """A feed for one of the caller's calendar programs."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"label": "手机日历"}]})

    label: Annotated[Name, Field(max_length=60)] = Field(description="What you will know it by, such as the device.")


class FeedOut(BaseModel):
    """One of the caller's feeds. Its address is not told again."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FEED]})

    id: str
    label: str
    created_at: datetime
    read_at: datetime | None = Field(description="When a program last fetched it, to the hour.")


class OpenedFeedOut(FeedOut):
    """A new feed with its address, told this once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_FEED, "read_at": None, "address": _ADDRESS}]})

    address: str = Field(description="Whoever has it can read the calendar: enter it into the program only.")


class FeedsOut(BaseModel):
    """The caller's feeds."""

    items: list[FeedOut]


def router(service: FeedService) -> APIRouter:
    """Return the operations on calendar feeds."""
    api = APIRouter(tags=["calendar"], route_class=TransactionalRoute)

    @api.get("/me/calendar-feeds", operation_id="list_calendar_feeds", summary="My calendar addresses / 我的日历订阅")
    def list_calendar_feeds(session: SessionDep, by: Myself) -> FeedsOut:
        """The caller's feeds, the oldest first."""
        return FeedsOut(items=[FeedOut(**_shown(feed)) for feed in session.scalars(service.own(by))])

    @api.post(
        "/me/calendar-feeds",
        operation_id="open_calendar_feed",
        summary="Make a calendar address / 新建日历订阅",
        status_code=status.HTTP_201_CREATED,
    )
    def open_calendar_feed(
        entry: FeedIn, request: Request, session: SessionDep, now: NowDep, by: Myself
    ) -> OpenedFeedOut:
        """Make an address for a calendar program: obligations, consultations and tasks, and nothing personal."""
        opened = service.open(session, entry.label, by=by, now=now)
        address = str(request.url_for("read_calendar_feed", secret=opened.secret))
        return OpenedFeedOut(**_shown(opened.feed), address=address)

    @api.delete(
        "/me/calendar-feeds/{feed_id}",
        operation_id="revoke_calendar_feed",
        summary="Revoke a calendar address / 撤销日历订阅",
        status_code=status.HTTP_204_NO_CONTENT,
    )
    def revoke_calendar_feed(feed_id: FeedId, session: SessionDep, by: Myself) -> None:
        """From now on its address answers nobody."""
        service.revoke(session, feed_id, by=by)

    @api.get(
        "/feeds/{secret}.ics",
        operation_id="read_calendar_feed",
        summary="A calendar for a program / 日历订阅内容",
        response_class=Response,
        responses={
            200: {"content": {"text/calendar": WRITTEN}},
            304: {"description": "unchanged"},
        },
    )
    def read_calendar_feed(
        secret: Secret,
        session: RecordingSessionDep,
        now: NowDep,
        if_none_match: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Response:
        """ICalendar (RFC 5545). The address is the secret; there is no login, for calendar programs know none."""
        from ecolink.exchanges.feeds import codec  # noqa: PLC0415 - the library weighs 9 MB, and most nodes have no feed

        written = codec.write(codec.Heading(service.name, refresh=REFRESH), service.read(session, secret, now))
        tag = f'"{sha256_hex(written)[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if if_none_match == tag:
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(written, media_type=CALENDAR, headers=headers)

    return api


def _shown(feed: CalendarFeed) -> dict[str, Any]:
    return {"id": feed.id, "label": feed.label, "created_at": feed.created_at, "read_at": feed.read_at}
