"""How a person is told of what cannot wait: where, at what hours, and which matters by which channel."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter, Response

from ecolink.alerts import preferences
from ecolink.alerts.models import AlertKind
from ecolink.alerts.rules import Urgency
from ecolink.console.account import points
from ecolink.console.account.points import Hand
from ecolink.console.channel_words import KINDS
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.language import mark as _
from ecolink.console.page import PageDep
from ecolink.console.route import PageRoute
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.alert_schemas import PreferenceIn
from ecolink.web.alerts import preference_of, show_preference
from ecolink.web.channel_schemas import ContactPointOut

Myself = Annotated[Principal, requires(Permission.CONTACT_SELF)]
HERE = "/me/alerts"

MATTERS: Final[Mapping[AlertKind, str]] = MappingProxyType(
    {
        AlertKind.EMERGENCY: _("Emergencies"),
        AlertKind.NEWS: _("News of an emergency"),
        AlertKind.IN_CHARGE: _("Emergencies that I am in charge of"),
        AlertKind.TASK: _("Calls to make"),
        AlertKind.LEAD: _("Urgent case leads"),
        AlertKind.NOTICE: _("Obligations due"),
        AlertKind.CHANNEL: _("A channel that fails"),
    }
)
URGENCIES: Final[Mapping[str, str]] = MappingProxyType(
    {"": _("however urgent"), Urgency.URGENT: _("only urgent"), Urgency.NORMAL: _("only not urgent")}
)


def router(console: Console) -> APIRouter:
    """Return the page and what is changed on it."""
    pages = APIRouter(prefix=HERE, route_class=PageRoute)
    contacts = console.rooms.post_office.contacts

    def mine(by: Myself) -> Hand:
        return Hand(by.id, by)

    @pages.get("")
    def show_mine(page: PageDep, session: SessionDep, by: Myself) -> Response:
        held = points.show(contacts, session, by.id)
        return page.show(
            "account/alerts.html",
            points=held,
            offered=points.offer(contacts, page, session),
            channel_kinds=KINDS,
            preference=show_preference(session, by),
            matters=[(kind.value, page.text(name)) for kind, name in MATTERS.items()],
            urgencies=[(urgency, page.text(name)) for urgency, name in URGENCIES.items()],
            in_order=lambda by_these: _in_order(held, by_these),
        )

    @pages.post("")
    def change_mine(page: PageDep, session: SessionDep, now: NowDep, by: Myself, form: FormDep) -> Response:
        rules = form.members().get("rules", [])
        entry = form.read(PreferenceIn, rules=[{"by": [], **rule} for rule in rules if isinstance(rule, dict)])
        preferences.change(session, by.id, preference_of(entry), now)
        return page.go(HERE, page.text("Saved: from now on you are told like this."))

    points.add(pages, contacts, "/points", HERE, mine)
    return pages


def _in_order(held: Sequence[ContactPointOut], by: Sequence[str]) -> list[tuple[str, str]]:
    """Return the confirmed contact points to choose from: those of a rule first, in its order."""
    places = {point_id: place for place, point_id in enumerate(by)}
    confirmed = sorted(
        (point for point in held if point.confirmed_at), key=lambda point: places.get(point.id, len(places))
    )
    return [(point.id, f"{point.channel.name} {point.address}".strip()) for point in confirmed]
