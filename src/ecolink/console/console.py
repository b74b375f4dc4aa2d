"""What the pages of the console work with; wiring fills it."""

from dataclasses import dataclass

from ecolink.console.administration.upkeep import Upkeep
from ecolink.console.live import Live
from ecolink.console.map.ground import Ground
from ecolink.identity.service import Identity
from ecolink.web.rooms import Rooms


@dataclass(frozen=True, slots=True)
class Home:
    """The bureau whose console this is."""

    unit_code: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Kept in `app.state.console`."""

    home: Home
    identity: Identity
    rooms: Rooms
    live: Live
    ground: Ground
    upkeep: Upkeep
