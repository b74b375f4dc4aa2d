"""What an officer's tool sends. Members that are unknown are refused, wherever they stand."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ecolink.exchanges.emergencies.examples import FIRE, Example
from ecolink.exchanges.enclosures import AttachmentsIn
from ecolink.exchanges.governance import GovernanceIn
from ecolink.protocol.kinds import emergencies as wire
from ecolink.protocol.kinds.common import Moment, Name, Note, Phone, Prose, UnitCode
from ecolink.protocol.kinds.rosters import MAX_MEMBERS


def _example(example: Example) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class WindIn(wire.Wind, extra="forbid"):
    """Where the wind comes from, and its force (Beaufort)."""


class CasualtiesIn(wire.Casualties, extra="forbid"):
    """How many people came to harm."""


class FireIn(wire.Fire, extra="forbid"):
    """What is known of a forest fire; leave out what is not."""

    casualties: CasualtiesIn | None = None
    wind: WindIn | None = None


class PointIn(wire.PointGeometry, extra="forbid"):
    """A GeoJSON point: [longitude, latitude] in degrees."""


class PolygonIn(wire.PolygonGeometry, extra="forbid"):
    """A GeoJSON polygon: rings of [longitude, latitude], each ending where it began."""


class LocationIn(wire.Location, extra="forbid"):
    """Where it is. Coordinates are WGS-84 or CGCS2000, longitude first; those of Chinese web maps are GCJ-02."""

    geometry: Annotated[PointIn | PolygonIn, Field(discriminator="type")] | None = None


class EmergencyIn(wire.Facts):
    """An emergency as an officer raises it."""

    model_config = _example({**FIRE, "status": "actual", "recipients": ["331126000000"], "confirm": FIRE["title"]})

    status: wire.Status
    location: LocationIn
    fire: FireIn | None = None
    recipients: Annotated[tuple[UnitCode, ...], Field(max_length=MAX_MEMBERS)] = Field(
        default=(), description="The bureaus to tell; or name an alliance."
    )
    alliance_id: Annotated[str, Field(max_length=36)] | None = Field(
        default=None, description="Tell every active member of this alliance instead."
    )
    confirm: str | None = Field(
        default=None,
        max_length=100,
        description="For a real emergency sent at once: the title, typed again. Whoever may not send it, or where the "
        "bureau's rules want a second person, leaves it waiting for approval.",
    )
    governance: GovernanceIn | None = None
    attachments: AttachmentsIn = ()

    def facts(self) -> dict[str, Any]:
        """Return what goes into the body."""
        return self.model_dump(mode="json", exclude_none=True, include={*wire.Facts.model_fields, "status"})


class ApproveIn(BaseModel):
    """A second person sends it."""

    model_config = _example({"confirm": "下党乡上党村森林火情"})

    confirm: str = Field(max_length=100, description="The title, typed again.")


class UpdateIn(BaseModel):
    """How it stands now: what is left out stays as it was, null takes a member away (RFC 7396).

    A new location replaces the old one as a whole.
    """

    model_config = _example(
        {
            "changes": "过火面积扩大，风力加大到6级。",
            "colour": "red",
            "fire": {"area_ha": 2.4, "wind": {"direction": "SW", "force": 6}},
        }
    )

    changes: Note = Field(description="What is new, in a sentence.")
    event: Name | None = None
    title: Name | None = None
    description: Prose | None = None
    colour: wire.Colour | None = None
    urgency: wire.CapUrgency | None = None
    severity: wire.Severity | None = None
    certainty: wire.Certainty | None = None
    occurred_at: Moment | None = None
    location: LocationIn | None = None
    fire: FireIn | None = None
    assistance: Note | None = None
    hotline: Phone | None = None
    attachments: AttachmentsIn = Field(
        default=(), description="Files that come with this update; those told before stay."
    )

    def patch(self) -> dict[str, Any]:
        """Return the members that were given, as a JSON merge patch."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"changes", "attachments"})


RETRACTION_ZH = "此前的紧急通报系误发，现予撤回，请立即停止出动。对造成的打扰深表歉意。"
RETRACTION_EN = "The emergency was told by mistake and is taken back: stand down. We apologise for the disturbance."
RETRACTION = f"{RETRACTION_ZH}\n{RETRACTION_EN}"
"""What is said with a retraction unless somebody finds the time for other words."""


class CancelIn(BaseModel):
    """It is over, or was told by mistake; a retraction needs no words, for there is an apology ready."""

    model_config = _example({"reason": "over", "explanation": "明火已扑灭，留守人员清理火场。"})

    reason: wire.CancelReason
    explanation: Note = Field(
        default="",
        validate_default=True,
        description="Left out of a retraction: the apology that stands ready, in both languages.",
    )

    @model_validator(mode="before")
    @classmethod
    def _apologise(cls, said: Any) -> Any:  # noqa: ANN401 - whatever was sent
        if isinstance(said, dict) and said.get("reason") == wire.CancelReason.RETRACTION:
            return {"explanation": RETRACTION, **said}
        return said


class InChargeIn(wire.OnDuty, extra="forbid"):
    """Who deals with it: an officer or a unit of ours, and where they are reached."""


class AcknowledgementIn(BaseModel):
    """签收: the caller's name and role go with it. Said again, it replaces what was said before."""

    model_config = _example(
        {
            "decision": "dispatching",
            "estimated_arrival": "2026-11-22T15:10:00+08:00",
            "phone": "0578-0000022",
            "note": "龙溪派出所12人携风力灭火机出发。",
            "in_charge": {"name": "龙溪派出所 张承林", "phone": "0578-0000023"},
        }
    )

    decision: wire.Decision
    estimated_arrival: Moment | None = None
    phone: Phone | None = Field(default=None, description="Where the caller can be reached on the way.")
    note: Note | None = Field(default=None, description="Such as what is sent.")
    in_charge: InChargeIn | None = Field(default=None, description="Whom it was assigned to, once somebody was.")


class NoteIn(BaseModel):
    """A line to the other side."""

    model_config = _example({"text": "X902县道塌方，请从龙溪方向进入。"})

    text: Note


class TaskDoneIn(BaseModel):
    """A person did what the task asked."""

    model_config = _example({"note": "已电话通知对方值班室，对方已知悉。"})

    note: Note | None = None
