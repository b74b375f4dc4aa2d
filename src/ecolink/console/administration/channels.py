"""Alert channels: how each fares, added, changed, switched off, removed, and tried out by the way every alert goes."""

import json
from typing import Any, Final

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from ecolink.alerts.channels.catalogue import CODECS
from ecolink.alerts.channels.faults import trouble_of
from ecolink.alerts.dispatch_models import Channel, ChannelKind, DispatchState
from ecolink.alerts.health import health_of, health_of_channels
from ecolink.console.administration.sections import sections_for
from ecolink.console.channel_words import ADDRESSES, KINDS
from ecolink.console.console import Console
from ecolink.console.form import Form, FormDep
from ecolink.console.page import PageDep
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.surface.versions import check_version
from ecolink.web.channel_schemas import ChannelIn, ChannelOut, ChannelTestIn, HealthOut
from ecolink.web.channels import ChannelId, Manager

LIST: Final = "/administration/channels"
MOST_TESTS: Final = 5


def add(pages: APIRouter, console: Console) -> None:
    """Add the pages about channels."""
    _add_list(pages, console)
    _add_one(pages, console)
    _add_changes(pages, console)


def _add_list(pages: APIRouter, console: Console) -> None:
    channels = console.rooms.post_office.channels

    @pages.get("/channels")
    def list_channels(page: PageDep, session: SessionDep, by: Manager) -> Response:
        healths = [HealthOut.of(each) for each in health_of_channels(session)]
        return page.show("administration/channels.html", sections=sections_for(by), healths=healths, kinds=KINDS)

    @pages.get("/channels/new")
    def show_new(page: PageDep, session: SessionDep, by: Manager, kind: ChannelKind) -> Response:  # noqa: ARG001
        return page.show(
            "administration/channel_new.html", sections=sections_for(by), kind=kind.value, kinds=KINDS, written=_written
        )

    @pages.post("/channels")
    def add_channel(page: PageDep, session: SessionDep, now: NowDep, by: Manager, form: FormDep) -> Response:
        channel = channels.add(session, _read(form).wanted(), by=by, now=now)
        return page.go(f"{LIST}/{channel.id}", page.text("Added. Send a test before anybody relies on it."))


def _add_one(pages: APIRouter, console: Console) -> None:
    office = console.rooms.post_office

    def standing(session: Session, channel: Channel) -> dict[str, Any]:
        tests = office.dispatches.told(session, office.channels.tests(session, channel, MOST_TESTS))
        return {
            "health": HealthOut.of(health_of(session, channel)),
            "tests": tests,
            "waits": any(told.dispatch.state == DispatchState.WAITING.value for told in tests),
            "trouble_of": trouble_of,
        }

    @pages.get("/channels/{channel_id}")
    def show_channel(channel_id: ChannelId, page: PageDep, session: SessionDep, by: Manager) -> Response:
        channel = office.channels.get(session, channel_id)
        shown = ChannelOut.of(channel, office.channels.secrets_set(channel))
        return page.show(
            "administration/channel.html",
            sections=sections_for(by),
            channel=shown,
            kinds=KINDS,
            addresses=ADDRESSES,
            may_be_forgotten=[(name, page.text("forget {name}", name=name)) for name in _may_be_forgotten(shown)],
            written=_written,
            **standing(session, channel),
        )

    @pages.get("/channels/{channel_id}/standing")
    def show_standing(channel_id: ChannelId, page: PageDep, session: SessionDep, by: Manager) -> Response:  # noqa: ARG001
        """How it fares, and what came of the tests: asked for anew every second while one is on its way."""
        channel = office.channels.get(session, channel_id)
        return page.part("administration/channel_standing.html", channel=channel, **standing(session, channel))

    @pages.post("/channels/{channel_id}/test")
    def send_test(
        channel_id: ChannelId, page: PageDep, session: SessionDep, now: NowDep, by: Manager, form: FormDep
    ) -> Response:
        channel = office.channels.get(session, channel_id)
        office.channels.test(session, channel, form.read(ChannelTestIn).address, by=by, now=now)
        return page.go(f"{LIST}/{channel_id}", page.text("The test is on its way; what came of it shows here."))


def _add_changes(pages: APIRouter, console: Console) -> None:
    channels = console.rooms.post_office.channels

    @pages.post("/channels/{channel_id}")
    def change_channel(
        channel_id: ChannelId, page: PageDep, session: SessionDep, now: NowDep, by: Manager, form: FormDep
    ) -> Response:
        channel = channels.get(session, channel_id)
        check_version(form.version, channel.version)
        channels.change(session, channel, _read(form).wanted(), by=by, now=now)
        return page.go(f"{LIST}/{channel_id}", page.text("Saved. Send a test to see whether it works."))

    @pages.post("/channels/{channel_id}/switch")
    def switch_channel(
        channel_id: ChannelId, page: PageDep, session: SessionDep, now: NowDep, by: Manager, form: FormDep
    ) -> Response:
        channel, on = channels.get(session, channel_id), form.word("on") == "yes"
        channels.switch(session, channel, on=on, by=by, now=now)
        said = page.text("The channel is on.") if on else page.text("The channel is off; what waited goes another way.")
        return page.go(f"{LIST}/{channel_id}", said)

    @pages.post("/channels/{channel_id}/remove")
    def remove_channel(channel_id: ChannelId, page: PageDep, session: SessionDep, now: NowDep, by: Manager) -> Response:
        channel = channels.get(session, channel_id)
        name = channel.name
        channels.remove(session, channel, by=by, now=now)
        return page.go(LIST, page.text("{name} is removed, its secrets and people's addresses on it too.", name=name))


def _read(form: Form) -> ChannelIn:
    """Return the channel as it was typed; of the secrets, those ticked to be forgotten are."""
    entry = form.read(ChannelIn)
    return entry.model_copy(update={"settings": {**entry.settings, **dict.fromkeys(form.words("forget"))}})


def _written(document: object) -> str:
    """Return JSON as it is typed."""
    return json.dumps(document, ensure_ascii=False, indent=1)


def _may_be_forgotten(channel: ChannelOut) -> list[str]:
    """Return the secrets that are set and that a channel of its kind may be without."""
    fields = CODECS[channel.kind].Settings.model_fields
    return [name for name in channel.secrets_set if not fields[name].is_required()]
