"""The bodies of the statements about an emergency: a forest fire, a natural disaster, a major eco-crime.

An emergency is a thread. Its author opens it with an alert and alone may say `update` and `cancel`; an
update tells the whole situation anew, so that whoever reads only the last one knows all. Every recipient
answers the author with `acknowledged`, signed by a named person; either side may add notes. Each body
repeats the status, so that a drill can never be taken for the real thing, nor turn into it.

Urgency, severity, certainty and the three message types are those of the Common Alerting Protocol
(OASIS CAP 1.2, section 3.2).
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ecolink.protocol.kinds.common import (
    Amount,
    Count,
    Digest,
    Frozen,
    Kind,
    Line,
    Moment,
    Name,
    Note,
    Phone,
    Prose,
    RegionCode,
)
from ecolink.protocol.kinds.rosters import RosterV1
from ecolink.protocol.statement import Lane

MAX_POSITIONS = 500
"""Corner points a burning area may have."""
MAX_LATITUDE = 90
MAX_LONGITUDE = 180
STRONGEST_WIND = 17
"""On the Beaufort scale as China extends it (GB/T 28591)."""


class EmergencyKind(StrEnum):
    """What happened."""

    WILDFIRE = "wildfire"
    NATURAL_DISASTER = "natural_disaster"
    MAJOR_ECO_CRIME = "major_eco_crime"


class Status(StrEnum):
    """Whether it is real. Only `actual` is; the others travel with the bulk and are kept apart everywhere."""

    ACTUAL = "actual"
    EXERCISE = "exercise"
    TEST = "test"


class Colour(StrEnum):
    """The four warning colours, level 4 to level 1."""

    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


class CapUrgency(StrEnum):
    """How soon to act (CAP)."""

    IMMEDIATE = "Immediate"
    EXPECTED = "Expected"
    FUTURE = "Future"
    PAST = "Past"
    UNKNOWN = "Unknown"


class Severity(StrEnum):
    """How grave it is (CAP)."""

    EXTREME = "Extreme"
    SEVERE = "Severe"
    MODERATE = "Moderate"
    MINOR = "Minor"
    UNKNOWN = "Unknown"


class Certainty(StrEnum):
    """How sure it is (CAP)."""

    OBSERVED = "Observed"
    LIKELY = "Likely"
    POSSIBLE = "Possible"
    UNLIKELY = "Unlikely"
    UNKNOWN = "Unknown"


class Decision(StrEnum):
    """What the recipient will do about it."""

    NOTED = "noted"
    DISPATCHING = "dispatching"
    NEED_INFORMATION = "need_information"


class CancelReason(StrEnum):
    """Why an emergency ends."""

    OVER = "over"
    """The danger is past."""
    RETRACTION = "retraction"
    """It was told by mistake: everybody stands down."""


# Where and what -------------------------------------------------------------------------------------------


def _refuse_off_the_globe(position: tuple[float, float]) -> tuple[float, float]:
    longitude, latitude = position
    if abs(longitude) > MAX_LONGITUDE or abs(latitude) > MAX_LATITUDE:
        raise ValueError(f"[{longitude}, {latitude}] is not on the globe; a position is [longitude, latitude]")
    return position


_Degrees = Annotated[float, Field(strict=True)]
Position = Annotated[tuple[_Degrees, _Degrees], AfterValidator(_refuse_off_the_globe)]
"""Longitude and latitude in degrees, as in GeoJSON (RFC 7946)."""


def _refuse_open_ring(ring: tuple[Position, ...]) -> tuple[Position, ...]:
    if ring[0] != ring[-1]:
        raise ValueError("a ring ends where it began")
    return ring


Ring = Annotated[tuple[Position, ...], Field(min_length=4, max_length=MAX_POSITIONS), AfterValidator(_refuse_open_ring)]


class PointGeometry(Frozen):
    """A GeoJSON point."""

    type: Literal["Point"]
    coordinates: Position


class PolygonGeometry(Frozen):
    """A GeoJSON polygon: the outer ring, then those of its holes."""

    type: Literal["Polygon"]
    coordinates: Annotated[tuple[Ring, ...], Field(min_length=1, max_length=MAX_POSITIONS)]

    @model_validator(mode="after")
    def _stay_small(self) -> Self:
        count = sum(map(len, self.coordinates))
        if count > MAX_POSITIONS:
            raise ValueError(f"an area has at most {MAX_POSITIONS} positions; this one has {count}")
        return self


Geometry = Annotated[PointGeometry | PolygonGeometry, Field(discriminator="type")]


class Location(Frozen):
    """Where it is: words always, a point or an area if known. GCJ-02 (Chinese web maps) is not accepted."""

    text: Line
    region_code: RegionCode | None = None
    geometry: Geometry | None = None
    datum: Literal["WGS-84", "CGCS2000"] | None = None

    @model_validator(mode="after")
    def _record_datum(self) -> Self:
        if self.geometry is not None and self.datum is None:
            raise ValueError("a geometry needs its datum: WGS-84 or CGCS2000")
        return self


class BorderDistance(Frozen):
    """How far it is to the nearest provincial border, by the author's map. Without one it is unknown, never 'far'."""

    distance_m: Annotated[float, Field(strict=True, ge=0, le=30_000_000)] | None = None
    """Metres; None is unknown."""
    source: Line | None = None
    """The border line that was used."""
    schematic: bool = False
    """The line is a sketch, not for navigation."""


class Wind(Frozen):
    """Where the wind comes from and how strong it is."""

    direction: Literal["N", "NE", "E", "SE", "S", "SW", "W", "NW"] | None = None
    force: Annotated[int, Field(strict=True, ge=0, le=STRONGEST_WIND)] | None = None
    """Beaufort."""


class Casualties(Frozen):
    """How many people came to harm, as far as is known."""

    dead: Count = 0
    injured: Count = 0
    """All injured, the seriously injured among them."""
    seriously_injured: Count = 0
    """重伤: counts towards the fire grade (forest-fire regulation art. 40)."""

    @model_validator(mode="after")
    def _count_once(self) -> Self:
        if self.seriously_injured > self.injured:
            raise ValueError("the seriously injured are among the injured")
        return self


class Fire(Frozen):
    """What is known of a forest fire; None is not known."""

    area_ha: Amount | None = None
    casualties: Casualties | None = None
    cause: Line | None = None
    wind: Wind | None = None
    open_flame: bool | None = None


class Facts(Frozen):
    """All that a bureau knows of it."""

    kind: EmergencyKind
    event: Name | None = None
    """What exactly: 山体滑坡, 毒鱼…"""
    title: Name
    description: Prose
    colour: Colour
    urgency: CapUrgency
    severity: Severity
    certainty: Certainty
    occurred_at: Moment
    location: Location
    fire: Fire | None = None
    assistance: Note | None = None
    """What is wanted of the recipients."""
    hotline: Phone
    """Who answers, day and night: an office's number, not a person's."""

    @model_validator(mode="after")
    def _keep_fire_to_fires(self) -> Self:
        if self.fire is not None and self.kind is not EmergencyKind.WILDFIRE:
            raise ValueError("only a wildfire has fire facts (fire)")
        return self


class Situation(Facts):
    """The facts, and what the author's node adds to them."""

    status: Status
    border: BorderDistance = BorderDistance()


# What the author says -------------------------------------------------------------------------------------


class EmergencyAlertV1(Situation):
    """The author tells of an emergency."""

    alliance: RosterV1 | None = None
    """The alliance it is told to, frozen as the author counted it."""


class EmergencyUpdateV1(Situation):
    """The author tells the situation anew, in full."""

    changes: Note
    """What is new, in a sentence."""


class EmergencyCancelV1(Frozen):
    """The author ends it."""

    status: Status
    reason: CancelReason
    explanation: Note


# What a recipient says ------------------------------------------------------------------------------------


class EmergencyAcknowledgedV1(Frozen):
    """A person at the recipient's took it on; their name stands in the private part."""

    status: Status
    message: Digest
    """The alert, update or cancellation they had before them."""
    decision: Decision
    role: Name
    acknowledged_at: Moment
    estimated_arrival: Moment | None = None
    note: Note | None = None


class EmergencyNoteV1(Frozen):
    """A line between the bureaus while the emergency is open."""

    status: Status
    text: Note


# Personal data: private parts only ------------------------------------------------------------------------


class OnDuty(Frozen):
    """A person on duty, or a unit that goes out."""

    name: Name
    phone: Phone | None = None


class SignedPrivateV1(Frozen):
    """Who said it, and who approved it where somebody did."""

    by: OnDuty
    approver: OnDuty | None = None


class AcknowledgedPrivateV1(SignedPrivateV1):
    """Who signed for it, and who deals with it there once somebody was assigned."""

    in_charge: OnDuty | None = None


def _kind(name: str, body: type[Frozen], private: type[Frozen] = SignedPrivateV1, *, many: bool = True) -> Kind:
    return Kind(type=f"emergency.{name}.v1", body=body, private=private, lane=Lane.EMERGENCY, many=many)


KINDS: tuple[Kind, ...] = (
    _kind("alert", EmergencyAlertV1),
    _kind("update", EmergencyUpdateV1),
    _kind("cancel", EmergencyCancelV1),
    _kind("acknowledged", EmergencyAcknowledgedV1, AcknowledgedPrivateV1, many=False),
    _kind("note", EmergencyNoteV1),
)
"""`lane` is that of the real thing; an exercise or test travels in the bulk lane, whatever it says."""
