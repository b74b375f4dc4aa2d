"""Other bureaus' nodes: making one known step by step, with the fingerprint compared by telephone."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from ecolink.console.administration.sections import sections_for
from ecolink.console.console import Console
from ecolink.console.form import FormDep
from ecolink.console.page import PageDep
from ecolink.federation import queues
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.card import fingerprint
from ecolink.surface.auth import requires
from ecolink.surface.unit import NowDep, SessionDep
from ecolink.web.federation_schemas import CardIn, FingerprintIn, PeerOut, ReasonIn

Manager = Annotated[Principal, requires(Permission.PEER_MANAGE)]
UnitCode = Annotated[str, Path(max_length=12)]

PATH = "/administration/partners"


def add(pages: APIRouter, console: Console) -> None:
    """Add these to the administration."""
    exchange = console.rooms.exchange
    peers = exchange.peers

    @pages.get("/partners")
    def list_partners(page: PageDep, session: SessionDep, by: Manager) -> Response:
        head = exchange.keystore.head(session, exchange.us)
        return page.show(
            "administration/partners.html",
            sections=sections_for(by),
            peers=[PeerOut.of(peer) for peer in peers.names(session).values()],
            fingerprint=fingerprint(exchange.us, head.digest),
        )

    @pages.get("/partners/card")
    def download_card(session: SessionDep, now: NowDep, by: Manager) -> Response:  # noqa: ARG001
        """Hand out our card, for the other bureau's administrator."""
        attached = {"Content-Disposition": f'attachment; filename="{exchange.us}.card"'}
        return Response(exchange.card(session, now), media_type="application/jose", headers=attached)

    @pages.get("/partners/{unit_code}")
    def show_partner(unit_code: UnitCode, page: PageDep, session: SessionDep, by: Manager) -> Response:
        peer = PeerOut.of(peers.get(session, unit_code))
        waiting = [queue for queue in queues.status(session) if queue.peer == unit_code]
        return page.show("administration/partner.html", sections=sections_for(by), peer=peer, queues=waiting)

    @pages.post("/partners")
    def import_card(page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Manager) -> Response:
        card = form.read(CardIn).card
        peer = peers.import_card(session, card.strip().encode(), by=by.username, now=now)
        exchange.note(session, "peer-import", peer.unit_code, by, now)
        return page.go(f"{PATH}/{peer.unit_code}", page.text("The card is kept. Now compare the fingerprint."))

    @pages.post("/partners/{unit_code}/activate")
    def activate(
        unit_code: UnitCode, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Manager
    ) -> Response:
        read_out = form.read(FingerprintIn).fingerprint
        peers.activate(session, unit_code, read_out=read_out, by=by.username, now=now)
        exchange.note(session, "peer-activate", unit_code, by, now)
        return page.go(f"{PATH}/{unit_code}", page.text("The partner is active."))

    @pages.post("/partners/{unit_code}/suspend")
    def suspend(
        unit_code: UnitCode, page: PageDep, form: FormDep, session: SessionDep, now: NowDep, by: Manager
    ) -> Response:
        why = form.read(ReasonIn).reason
        peers.suspend(session, unit_code, reason=why, by=by.username, now=now)
        exchange.note(session, "peer-suspend", unit_code, by, now, why)
        return page.go(f"{PATH}/{unit_code}", page.text("The partner is suspended; what waits for it stays."))
