"""`/channels`, `/me/contact-points`, `/dispatches`: by what our people are told, where, and what came of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response, status
from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import Channel, Dispatch, DispatchState
from ecolink.alerts.health import health_of_channels
from ecolink.alerts.post_office import PostOffice
from ecolink.errors import NotFoundError
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.etags import IfMatch, etag
from ecolink.surface.paging import Page, Paging
from ecolink.surface.unit import NowDep, SessionDep, TransactionalRoute
from ecolink.surface.versions import check_version
from ecolink.web.channel_schemas import (
    ChannelIn,
    ChannelOut,
    ChannelRef,
    ChannelsOut,
    ChannelTestIn,
    CodeIn,
    ContactPointIn,
    ContactPointOut,
    ContactPointsOut,
    DispatchOut,
    GuessOut,
    HealthOut,
    HealthsOut,
    OfferedOut,
    OrderIn,
)

Manager = Annotated[Principal, requires(Permission.CHANNEL_MANAGE)]
Watcher = Annotated[Principal, requires(Permission.QUEUE_READ)]
Myself = Annotated[Principal, requires(Permission.CONTACT_SELF)]
_Id = Path(max_length=36, examples=["019a0f5e-7c00-7abc-8def-0123456789ab"])
ChannelId = Annotated[str, _Id]
PointId = Annotated[str, _Id]


def channels_router(office: PostOffice) -> APIRouter:
    """Return the operations on channels."""
    api = APIRouter(prefix="/channels", tags=["channels"], route_class=TransactionalRoute)

    def answer(channel: Channel, response: Response) -> ChannelOut:
        response.headers["ETag"] = etag(channel.version)
        return ChannelOut.of(channel, office.channels.secrets_set(channel))

    @api.get("", operation_id="list_channels", summary="List the channels / 提醒渠道列表")
    def list_channels(session: SessionDep, by: Manager) -> ChannelsOut:  # noqa: ARG001
        """List every channel as it is set up; no secret is ever shown."""
        shown = [ChannelOut.of(each, office.channels.secrets_set(each)) for each in office.channels.all(session)]
        return ChannelsOut(items=shown)

    @api.get("/health", operation_id="get_channel_health", summary="How the channels fare / 渠道状态")
    def get_channel_health(session: SessionDep, by: Watcher) -> HealthsOut:  # noqa: ARG001
        """Show of every channel whether it works, since when it fails, and how much waits for it."""
        return HealthsOut(items=[HealthOut.of(each) for each in health_of_channels(session)])

    @api.post("", operation_id="add_channel", summary="Add a channel / 新增渠道", status_code=status.HTTP_201_CREATED)
    def add_channel(wanted: ChannelIn, session: SessionDep, now: NowDep, response: Response, by: Manager) -> ChannelOut:
        """Add a channel. Send a test by it before anybody relies on it."""
        channel = office.channels.add(session, wanted.wanted(), by=by, now=now)
        response.headers["Location"] = f"/api/v1/channels/{channel.id}"
        return answer(channel, response)

    @api.get("/{channel_id}", operation_id="get_channel", summary="Show a channel / 查看渠道")
    def get_channel(channel_id: ChannelId, session: SessionDep, response: Response, by: Manager) -> ChannelOut:  # noqa: ARG001
        """Show one channel as it is set up."""
        return answer(office.channels.get(session, channel_id), response)

    @api.put("/{channel_id}", operation_id="change_channel", summary="Change a channel / 变更渠道")
    def change_channel(
        channel_id: ChannelId,
        wanted: ChannelIn,
        version: IfMatch,
        session: SessionDep,
        now: NowDep,
        response: Response,
        by: Manager,
    ) -> ChannelOut:
        """Change a channel. A secret left out stays, unless the channel shall go somewhere else."""
        channel = office.channels.get(session, channel_id)
        check_version(version, channel.version)
        return answer(office.channels.change(session, channel, wanted.wanted(), by=by, now=now), response)

    @api.delete("/{channel_id}", operation_id="remove_channel", summary="Remove a channel / 删除渠道", status_code=204)
    def remove_channel(channel_id: ChannelId, version: IfMatch, session: SessionDep, now: NowDep, by: Manager) -> None:
        """Remove a channel, its secrets and people's addresses on it. What waits for it goes another way."""
        channel = office.channels.get(session, channel_id)
        check_version(version, channel.version)
        office.channels.remove(session, channel, by=by, now=now)

    @api.post(
        "/{channel_id}/test",
        operation_id="test_channel",
        summary="Send a test / 发送测试",
        status_code=status.HTTP_202_ACCEPTED,
    )
    def test_channel(
        channel_id: ChannelId, wanted: ChannelTestIn, session: SessionDep, now: NowDep, by: Manager
    ) -> DispatchOut:
        """Send a test by the way every alert goes. What came of it stands in the dispatch, after one try."""
        channel = office.channels.get(session, channel_id)
        dispatch = office.channels.test(session, channel, wanted.address, by=by, now=now)
        return _shown(office, session, dispatch)

    return api


def contacts_router(office: PostOffice) -> APIRouter:
    """Return the operations on the caller's contact points."""
    api = APIRouter(prefix="/me", tags=["profile"], route_class=TransactionalRoute)

    def own(session: Session, by: Principal) -> ContactPointsOut:
        found = office.contacts.of(session, by.id)
        return ContactPointsOut(items=[ContactPointOut.of(point, channel) for point, channel in found])

    @api.get("/channels", operation_id="list_offered_channels", summary="Channels to be reached by / 可选渠道")
    def list_offered_channels(session: SessionDep, by: Myself) -> OfferedOut:  # noqa: ARG001
        """List the channels that a contact point may be on."""
        return OfferedOut(items=[ChannelRef.ref(channel) for channel in office.contacts.channels(session)])

    @api.get("/contact-points", operation_id="list_contact_points", summary="Where I am reached / 我的联系方式")
    def list_contact_points(session: SessionDep, by: Myself) -> ContactPointsOut:
        """List the caller's contact points, first choice first."""
        return own(session, by)

    @api.post(
        "/contact-points", operation_id="add_contact_point", summary="Add an address / 新增联系方式", status_code=201
    )
    def add_contact_point(wanted: ContactPointIn, session: SessionDep, now: NowDep, by: Myself) -> ContactPointOut:
        """Note an address of one's own. A code is sent there; alerts follow once it is confirmed."""
        point = office.contacts.add(session, wanted.channel_id, wanted.address, whose=by.id, by=by, now=now)
        return ContactPointOut.of(point, session.get_one(Channel, point.channel_id))

    @api.put("/contact-points/order", operation_id="order_contact_points", summary="Order them / 调整联系方式顺序")
    def order_contact_points(wanted: OrderIn, session: SessionDep, by: Myself) -> ContactPointsOut:
        """Put the caller's contact points in the order in which they are tried."""
        office.contacts.reorder(session, wanted.order, whose=by.id)
        return own(session, by)

    @api.post(
        "/contact-points/{point_id}/code", operation_id="send_contact_code", summary="Another code / 重新发送确认码"
    )
    def send_contact_code(point_id: PointId, session: SessionDep, now: NowDep, by: Myself) -> ContactPointOut:
        """Send another code; the one before counts no more."""
        point = office.contacts.send_code(session, point_id, whose=by.id, now=now)
        return ContactPointOut.of(point, session.get_one(Channel, point.channel_id))

    @api.post(
        "/contact-points/{point_id}/confirm", operation_id="confirm_contact_point", summary="Confirm / 确认联系方式"
    )
    def confirm_contact_point(
        point_id: PointId, guess: CodeIn, session: SessionDep, now: NowDep, by: Myself
    ) -> GuessOut:
        """Confirm an address by the code that came there. Five wrong ones, and another has to be sent."""
        is_right = office.contacts.guess(session, point_id, guess.code, whose=by.id, by=by, now=now)
        return GuessOut(confirmed=is_right)

    @api.delete(
        "/contact-points/{point_id}",
        operation_id="remove_contact_point",
        summary="Remove an address / 删除联系方式",
        status_code=204,
    )
    def remove_contact_point(point_id: PointId, session: SessionDep, now: NowDep, by: Myself) -> None:
        """Take an address off one's list; what waits for it goes another way."""
        office.contacts.remove(session, point_id, whose=by.id, by=by, now=now)

    return api


def dispatches_router(office: PostOffice) -> APIRouter:
    """Return the operations on what was sent."""
    api = APIRouter(prefix="/dispatches", tags=["channels"], route_class=TransactionalRoute)

    @api.get("", operation_id="list_dispatches", summary="Who was told what / 发送记录")
    def list_dispatches(
        session: SessionDep,
        paging: Paging,
        by: Watcher,  # noqa: ARG001
        alert_id: Annotated[str | None, Query(max_length=36, description="Of one alert only.")] = None,
        state: Annotated[DispatchState | None, Query(description="Only those in this state.")] = None,
    ) -> Page[DispatchOut]:
        """List who was to be told of what, by which channel and with what result, newest first; never the content."""
        found = select(Dispatch)
        if alert_id is not None:
            found = found.where(Dispatch.alert_id == alert_id)
        if state is not None:
            found = found.where(Dispatch.state == state.value)
        order = (Dispatch.posted_at, Dispatch.id)
        return paging.read(session, found, order=order, shape=lambda row: _shown(office, session, row))

    @api.get("/{dispatch_id}", operation_id="get_dispatch", summary="One dispatch / 查看发送")
    def get_dispatch(dispatch_id: Annotated[str, _Id], session: SessionDep, by: Watcher) -> DispatchOut:  # noqa: ARG001
        """Show one dispatch with every try: what came of a test, too."""
        dispatch = session.get(Dispatch, dispatch_id)
        if dispatch is None:
            raise NotFoundError
        return _shown(office, session, dispatch)

    return api


def _shown(office: PostOffice, session: Session, dispatch: Dispatch) -> DispatchOut:
    return DispatchOut.of(office.dispatches.told(session, [dispatch])[0])
