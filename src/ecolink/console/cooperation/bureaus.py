"""The other bureaus, as filters and forms offer them."""

from sqlalchemy.orm import Session

from ecolink.console.page import Page
from ecolink.web.cooperation import Cooperation


def choices(page: Page, rooms: Cooperation, session: Session) -> list[tuple[str, str]]:
    """Return each other bureau's unit code and its name in the person's language."""
    peers = rooms.obligations.views.peers.names(session)
    return [(code, page.either(peer.name_zh, peer.name_en)) for code, peer in peers.items()]
