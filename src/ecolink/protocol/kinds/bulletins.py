"""The bodies of the statements about bulletins: intelligence told to others, and what became of it.

A bulletin is a thread. Its author opens it with `published` and alone may say `corrected` or `recalled`; every
holder answers the author with `read`, `used`, `feedback` and `complied`. Whoever passes it on wraps the author's
own signed words in `shared`, told to the new holders and to the author at once.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from geojson_pydantic import LineString, MultiPolygon, Point, Polygon
from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from ecolink.protocol.kinds.common import (
    Code,
    Day,
    Digest,
    Frozen,
    Grading,
    Id,
    Kind,
    Line,
    Moment,
    Name,
    Note,
    Phone,
    Prose,
    UnitCode,
)
from ecolink.protocol.kinds.rosters import RosterV1
from ecolink.protocol.limits import MAX_RECIPIENTS
from ecolink.protocol.statement import Lane

MAX_POSITIONS = 300
"""Corner points an area may have in all: enough for a township's outline, small enough for a statement."""
MAX_TOKEN = 65_536
"""Characters of a wrapped statement, its own limit on the wire."""

MAX_LATITUDE = 90
MAX_LONGITUDE = 180


FIRST_YEAR, LAST_YEAR = 1900, 2999
"""Other years are slips of the pen; near the calendar's ends a time cannot be written in every offset."""


def _refuse_other_ages(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year is from {FIRST_YEAR} to {LAST_YEAR}")
    return moment


Time = Annotated[Moment, AfterValidator(_refuse_other_ages)]
"""A moment that this trade can mean."""


class BulletinKind(StrEnum):
    """What sort of intelligence a bulletin tells."""

    TREND = "trend"
    MODUS_OPERANDI = "modus_operandi"
    PERSON_OR_ITEM = "person_or_item"
    WARNING = "warning"
    STATISTICS = "statistics"


class Outcome(StrEnum):
    """What using a bulletin led to."""

    CASE_FILED = "case_filed"
    ARRESTS = "arrests"
    SEIZURE = "seizure"
    NONE = "none"


def _stand_alone(outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    if len(set(outcomes)) != len(outcomes) or (Outcome.NONE in outcomes and len(outcomes) > 1):
        raise ValueError("each outcome is named once, and 'none' stands alone")
    return outcomes


Outcomes = Annotated[tuple[Outcome, ...], Field(min_length=1, max_length=len(Outcome)), AfterValidator(_stand_alone)]
"""What using a bulletin led to, each once; `none` stands alone."""


class RecallReason(StrEnum):
    """Why an author takes a bulletin back."""

    WRONG = "wrong"
    OUTDATED = "outdated"
    UNAUTHORISED = "unauthorised"
    PERSONAL_DATA = "personal_data"
    EXERCISE_OVER = "exercise_over"
    OTHER = "other"


# What a bulletin says -----------------------------------------------------------------------------------


class Period(Frozen):
    """The days a bulletin speaks of, first and last included."""

    start: Day
    end: Day

    @model_validator(mode="after")
    def _run_forward(self) -> Self:
        if self.end < self.start:
            raise ValueError("the period ends before it starts")
        return self


class Species(Frozen):
    """A kind of animal or plant; the Latin name settles what local names leave open."""

    name_zh: Name
    name_latin: Name | None = None


Shape = Point | LineString | Polygon | MultiPolygon


def _positions(coordinates: Any) -> Iterator[tuple[float, ...]]:  # noqa: ANN401 - nested to any depth the type has
    """Go through the positions of GeoJSON coordinates, however deeply they are nested."""
    if coordinates and isinstance(coordinates[0], float | int):
        yield tuple(coordinates)
        return
    for part in coordinates:
        yield from _positions(part)


def _read_geometry(value: object, read: ValidatorFunctionWrapHandler) -> Shape:
    """Read a geometry and hold it against the globe; a `bbox`, which says nothing the positions do not, is dropped."""
    plain = {name: part for name, part in value.items() if name != "bbox"} if isinstance(value, Mapping) else value
    try:
        geometry: Shape = read(plain)
    except ValidationError as wrong:
        # The library's pointers name its own classes; one sentence at the geometry says as much.
        raise ValueError(f"no GeoJSON geometry: {wrong.errors(include_url=False)[0]['msg']}") from None
    count = 0
    for longitude, latitude, *_ in _positions(geometry.coordinates):
        count += 1
        if not (abs(longitude) <= MAX_LONGITUDE and abs(latitude) <= MAX_LATITUDE):
            raise ValueError(f"[{longitude}, {latitude}] is not on the globe; a position is [longitude, latitude]")
    if not 0 < count <= MAX_POSITIONS:
        raise ValueError(f"an area has 1 to {MAX_POSITIONS} positions; this one has {count}")
    return geometry


Geometry = Annotated[Shape, Field(discriminator="type"), WrapValidator(_read_geometry)]
"""A GeoJSON geometry (RFC 7946), in degrees, longitude first."""


class BulletinArea(Frozen):
    """Where a bulletin applies. GCJ-02 (Chinese web maps) is hundreds of metres off and is not accepted."""

    datum: Literal["WGS-84", "CGCS2000"]
    geometry: Geometry


class BulletinText(Frozen):
    """What an officer writes in a bulletin, personal data apart."""

    number: Line | None = None
    """The letter number (文号) of the formal paper, if there is one."""
    kind: BulletinKind
    title: Line
    body: Prose
    period: Period | None = None
    grading: Grading
    species: Annotated[tuple[Species, ...], Field(max_length=50)] = ()
    charges: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    area: BulletinArea | None = None
    valid_until: Time | None = None
    sanitised: Annotated[bool, Field(strict=True)]
    """Nothing in it points to a source, a person or an operation."""
    suggested_actions: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    case_number: Name | None = None
    related_to: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
    """Threads with other content on the same matter, told to other recipients."""


class BulletinContent(BulletinText):
    """All that one version of a bulletin says, personal data apart."""

    alliance: RosterV1 | None = None
    """The alliance it is told to, or whose members may pass it on among themselves."""


class BulletinPerson(Frozen):
    """A person a bulletin speaks of. Victims, witnesses, minors and reporters never stand in one."""

    ref: Annotated[str, Field(pattern=r"^P[1-9][0-9]?$")]
    """How the text refers to this person: `P1`."""
    category: Literal["suspect", "other"]
    basis: Literal["fact", "assessment"]
    """Whether what is said of this person is known or inferred."""
    name: Name | None = None
    sex: Literal["male", "female", "unknown"] | None = None
    birth_date: Day | None = None
    identity_number: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{5,32}$")] | None = None
    phone: Phone | None = None
    address: Line | None = None
    note: Note | None = None


class BulletinItem(Frozen):
    """A vehicle, a telephone, a parcel: something that can be recognised and so points to a person."""

    ref: Annotated[str, Field(pattern=r"^I[1-9][0-9]?$")]
    """How the text refers to this item: `I1`."""
    kind: Name
    identifier: Line | None = None
    note: Note | None = None


class BulletinPrivate(Frozen):
    """The private part of a bulletin of the kind `person_or_item`; erasable, never indexed."""

    persons: Annotated[tuple[BulletinPerson, ...], Field(max_length=50)] = ()
    items: Annotated[tuple[BulletinItem, ...], Field(max_length=50)] = ()


# What the author says -------------------------------------------------------------------------------------


class BulletinPublishedV1(BulletinContent):
    """The author tells a bulletin."""


class BulletinCorrectedV1(BulletinContent):
    """The author tells the whole bulletin anew; the statement supersedes the version it replaces."""

    version: Digest
    """The version that is replaced."""
    reason: Note


class BulletinRecalledV1(Frozen):
    """The author takes the bulletin back, all versions of it; the statement recalls the one that published it."""

    bulletin: Digest
    """The statement that published it."""
    version: Digest
    """The version that stood when it was recalled."""
    reason_code: RecallReason
    reason: Note


class PermissionGrantedV1(Frozen):
    """The author allows a holder to pass the bulletin on."""

    request: Digest
    recipients: Annotated[tuple[UnitCode, ...], Field(min_length=1, max_length=MAX_RECIPIENTS)]
    until: Time | None = None
    conditions: Note | None = None


class PermissionRefusedV1(Frozen):
    """The author does not allow it."""

    request: Digest
    reason: Note


# What a holder says ---------------------------------------------------------------------------------------


class BulletinReadV1(Frozen):
    """A person at the holder's bureau opened the bulletin for the first time there."""

    version: Digest
    opened_at: Time


class BulletinUsedV1(Frozen):
    """The holder's bureau acted on the bulletin."""

    version: Digest
    used_on: Day
    used_for: Note


class BulletinFeedbackV1(Frozen):
    """What the bulletin was worth to the holder's bureau."""

    version: Digest
    used_for: Note
    usefulness: Annotated[int, Field(strict=True, ge=1, le=5)]
    outcomes: Outcomes
    correction_requested: Note | None = None


class OnwardCompliance(Frozen):
    """What became of a correction or recall at a bureau the bulletin was passed on to."""

    unit_code: UnitCode
    applied_at: Time | None = None
    """None while that bureau has not answered."""
    evidence: Annotated[str, Field(max_length=MAX_TOKEN)] | None = None
    """That bureau's own signed statement."""


class BulletinCompliedV1(Frozen):
    """A holder applied a correction or a recall; who passed the bulletin on reports those bureaus too."""

    author: UnitCode
    target: Digest
    """The correction or recall that was applied."""
    action: Literal["correction", "recall"]
    applied_at: Time
    onward: Annotated[tuple[OnwardCompliance, ...], Field(max_length=MAX_RECIPIENTS)] = ()


class PermissionRequestedV1(Frozen):
    """A holder asks the author whether it may pass the bulletin on."""

    version: Digest
    recipients: Annotated[tuple[UnitCode, ...], Field(min_length=1, max_length=MAX_RECIPIENTS)]
    reason: Note


class BulletinSharedV1(Frozen):
    """A holder passes on what the author said: the bulletin, or a correction or recall that must follow it."""

    author: UnitCode
    original: Annotated[str, Field(max_length=MAX_TOKEN)]
    """The author's statement in the bytes it was signed in."""
    permission: Annotated[str, Field(max_length=MAX_TOKEN)] | None = None
    """The author's signed permission, where the handling says `ask`."""
    note: Note | None = None


class SharedPrivate(Frozen):
    """The private part of the wrapped statement, so that it stays erasable."""

    original: Annotated[str, Field(max_length=MAX_TOKEN)]


KINDS: tuple[Kind, ...] = (
    Kind(
        type="bulletin.published.v1",
        body=BulletinPublishedV1,
        private=BulletinPrivate,
        lane=Lane.BULK,
        many=True,
        approval=True,
    ),
    Kind(
        type="bulletin.corrected.v1",
        body=BulletinCorrectedV1,
        private=BulletinPrivate,
        lane=Lane.BULK,
        many=True,
        approval=True,
    ),
    Kind(type="bulletin.recalled.v1", body=BulletinRecalledV1, lane=Lane.CONTROL, many=True, approval=True),
    Kind(type="bulletin.read.v1", body=BulletinReadV1, lane=Lane.BULK),
    Kind(type="bulletin.used.v1", body=BulletinUsedV1, lane=Lane.BULK),
    Kind(type="bulletin.feedback.v1", body=BulletinFeedbackV1, lane=Lane.BULK),
    Kind(type="bulletin.complied.v1", body=BulletinCompliedV1, lane=Lane.CONTROL),
    Kind(type="bulletin.share_permission_requested.v1", body=PermissionRequestedV1, lane=Lane.BULK),
    Kind(type="bulletin.share_permission_granted.v1", body=PermissionGrantedV1, lane=Lane.BULK, approval=True),
    Kind(type="bulletin.share_permission_refused.v1", body=PermissionRefusedV1, lane=Lane.BULK, approval=True),
    Kind(
        type="bulletin.shared.v1",
        body=BulletinSharedV1,
        private=SharedPrivate,
        lane=Lane.BULK,
        many=True,
        approval=True,
    ),
)
