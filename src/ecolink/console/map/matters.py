"""What is shown on the map, and stands in the list beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel
from sqlalchemy.orm import Session

from ecolink.exchanges.bulletins.listing import Wanted, matching
from ecolink.exchanges.bulletins.models import Bulletin
from ecolink.exchanges.emergencies.border import Border
from ecolink.exchanges.emergencies.filters import EmergencyFilters
from ecolink.exchanges.emergencies.models import Emergency
from ecolink.exchanges.emergencies.rules import EmergencyState
from ecolink.exchanges.emergencies.views import display_title
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.emergencies import Status
from ecolink.web.rooms import Rooms

LATELY: Final = timedelta(days=30)
"""What is over is shown for so long, where it is asked for."""
MOST: Final = 100
"""More of a kind than these, the newest, would hide one another."""


class MapFilters(BaseModel):
    """What to show."""

    status: Status = Status.ACTUAL
    over: bool = False
    """What was over lately as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """One thing on the map."""

    kind: Literal["emergency", "bulletin"]
    id: str
    title: str
    place: str
    tone: str
    """The colour of an emergency; `bulletin` otherwise."""
    is_open: bool
    at: datetime
    shape: dict[str, Any] | None
    """GeoJSON; None where nobody gave coordinates: it stands in the list alone."""
    distance_m: float | None
    """To the provincial border by our own line; None is unknown."""

    @property
    def path(self) -> str:
        """Where it is told in full."""
        return f"/{'emergencies' if self.kind == 'emergency' else 'bulletins'}/{self.id}"


def gather(rooms: Rooms, session: Session, wanted: MapFilters, by: Principal, now: datetime) -> list[Matter]:
    """Return what somebody may see on the map: emergencies, then bulletins, the nearest to the border first."""
    found = list(_emergencies(rooms, session, wanted, now))
    if by.may(Permission.BULLETIN_READ):
        found += _bulletins(rooms, session, wanted, now)
    far = float("inf")
    return sorted(
        found,
        key=lambda each: (
            each.kind == "bulletin",
            not each.is_open,
            far if each.distance_m is None else each.distance_m,
        ),
    )


def _emergencies(rooms: Rooms, session: Session, wanted: MapFilters, now: datetime) -> Iterator[Matter]:
    room = rooms.emergencies
    chosen = EmergencyFilters(status=wanted.status).select(room.us, room.register.search)
    states = [EmergencyState.OPEN] + ([EmergencyState.CANCELLED] if wanted.over else [])
    chosen = chosen.where(Emergency.state.in_(states)).order_by(Emergency.raised_at.desc()).limit(MOST)
    for row in session.scalars(chosen):
        is_open = row.state == EmergencyState.OPEN
        if not is_open and now - (row.cancelled_at or row.raised_at) > LATELY:
            continue
        where = row.situation["location"]
        yield Matter(
            kind="emergency",
            id=row.id,
            title=display_title(row),
            place=where["text"],
            tone=row.colour,
            is_open=is_open,
            at=row.told_at or row.raised_at,
            shape=where.get("geometry"),
            distance_m=row.border_distance_m,
        )


def _bulletins(rooms: Rooms, session: Session, wanted: MapFilters, now: datetime) -> Iterator[Matter]:
    """Yield the bulletins that hold now and name an area."""
    room = rooms.bulletins
    holding = Wanted(valid_at=now, is_exercise=wanted.status is not Status.ACTUAL)
    chosen = matching(holding, room.record.search).order_by(Bulletin.told_at.desc()).limit(MOST)
    for row in session.scalars(chosen):
        current = room.record.view(session, row.id).matter.current
        area = current.content.area if current and current.content else None
        if area is None or row.told_at is None:
            continue
        shape = area.geometry.model_dump(mode="json", exclude_none=True)
        yield Matter(
            kind="bulletin",
            id=row.id,
            title=row.title or "",
            place="",
            tone="bulletin",
            is_open=True,
            at=row.told_at,
            shape=shape,
            distance_m=_distance(rooms.emergencies.register.border, shape),
        )


def _distance(border: Border, shape: dict[str, Any]) -> float | None:
    return border.measure(list(_paths(shape["coordinates"]))).distance_m


def _paths(coordinates: Sequence[Any]) -> Iterator[list[tuple[float, float]]]:
    """Go through the paths of GeoJSON coordinates, however deeply they are nested; a point is a path of one."""
    if isinstance(coordinates[0], float | int):
        yield [(float(coordinates[0]), float(coordinates[1]))]
    elif isinstance(coordinates[0][0], float | int):
        yield [(float(longitude), float(latitude)) for longitude, latitude, *_ in coordinates]
    else:
        for part in coordinates:
            yield from _paths(part)
