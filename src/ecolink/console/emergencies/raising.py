"""Raising an emergency: template, place, audience, preview, drill or real, and the title typed again."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from ecolink.console.console import Console
from ecolink.console.emergencies import words
from ecolink.console.emergencies.pages import Raiser
from ecolink.console.form import FormDep
from ecolink.console.page import Page, PageDep
from ecolink.console.route import PageRoute
from ecolink.exchanges.emergencies.schemas import EmergencyIn
from ecolink.federation.peers import PeerState
from ecolink.protocol.kinds.emergencies import CapUrgency, Certainty, Colour, EmergencyKind, Severity, Status
from ecolink.surface.unit import NowDep, SessionDep


@dataclass(frozen=True, slots=True)
class Template:
    """What a form of one kind begins with; the officer changes what is otherwise."""

    icon: str
    colour: Colour
    urgency: CapUrgency
    severity: Severity
    certainty: Certainty


TEMPLATES: Final[Mapping[EmergencyKind, Template]] = MappingProxyType(
    {
        EmergencyKind.WILDFIRE: Template(
            "emergencies", Colour.ORANGE, CapUrgency.IMMEDIATE, Severity.SEVERE, Certainty.OBSERVED
        ),
        EmergencyKind.NATURAL_DISASTER: Template(
            "alarm", Colour.ORANGE, CapUrgency.IMMEDIATE, Severity.SEVERE, Certainty.OBSERVED
        ),
        EmergencyKind.MAJOR_ECO_CRIME: Template(
            "leads", Colour.YELLOW, CapUrgency.EXPECTED, Severity.MODERATE, Certainty.LIKELY
        ),
    }
)


def router(console: Console) -> APIRouter:
    """Return the pages from choosing a template to sending."""
    pages = APIRouter(prefix="/emergencies", route_class=PageRoute)
    room, alliances = console.rooms.emergencies, console.rooms.alliances

    def audience(page: Page, session: Session) -> dict[str, Any]:
        """Return whom an emergency can be told to, as options."""
        peers = room.raising.dispatch.peers.names(session).values()
        active = sorted((peer for peer in peers if peer.state is PeerState.ACTIVE), key=lambda peer: peer.unit_code)
        kept = session.scalars(alliances.all()).all()
        return {
            "peers": [(peer.unit_code, page.either(peer.name_zh, peer.name_en)) for peer in active],
            "alliances": kept and [("", "—"), *((each.id, page.either(each.name_zh, each.name_en)) for each in kept)],
        }

    @pages.get("/new")
    def begin(
        page: PageDep,
        session: SessionDep,
        by: Raiser,  # noqa: ARG001
        kind: EmergencyKind | None = None,
        status: Annotated[Status | None, Query()] = None,
    ) -> Response:
        if kind is None:
            return page.show("emergencies/templates.html", templates=TEMPLATES, chosen=status, words=words)
        return page.show(
            "emergencies/new.html",
            kind=kind,
            usual=TEMPLATES[kind],
            chosen=status,
            hotline=room.views.home.duty_phone,
            words=words,
            **audience(page, session),
        )

    @pages.post("/preview")
    def preview(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Raiser) -> Response:
        """Show what the others will see, and ask for the last word; nothing is kept or sent."""
        weighed = room.raising.weigh(session, form.read(EmergencyIn), by=by, now=now)
        weighed.row.recipients = list(weighed.audience)
        shown = room.views.show(session, weighed.row, now)
        return page.part(
            "emergencies/preview.html", emergency=shown, waits=weighed.waits, typed=form.typed(), words=words
        )

    @pages.post("")
    def send(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Raiser) -> Response:
        row = room.raising.raise_alert(session, form.read(EmergencyIn), by=by, now=now)
        waits = page.text("It waits for a second person: tell them.")
        return page.go(
            f"/emergencies/{row.id}", page.text("Sent. The board shows who has it.") if row.sent_at else waits
        )

    return pages
