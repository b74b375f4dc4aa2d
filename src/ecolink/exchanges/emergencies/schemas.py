"""What an officer's tool sends and gets. Members that are unknown are refused, wherever they stand."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ecolink.exchanges.emergencies.fires import BorderReport, FireGrade
from ecolink.exchanges.emergencies.rules import State
from ecolink.exchanges.emergencies.tasks import ClosedBecause, TaskKind, TaskState
from ecolink.exchanges.governance import GovernanceIn, GovernanceOut
from ecolink.protocol.kinds import emergencies as wire
from ecolink.protocol.kinds.common import Digest, Line, Moment, Name, Note, Phone, Prose, UnitCode
from ecolink.protocol.kinds.rosters import MAX_MEMBERS

MAX_ATTACHMENTS = 20

_FIRE: dict[str, JsonValue] = {
    "kind": "wildfire",
    "title": "下党乡上党村森林火情",
    "description": "上党村后山松林起火，明火向东北蔓延，距浙闽省界约600米。",
    "colour": "orange",
    "urgency": "Immediate",
    "severity": "Severe",
    "certainty": "Observed",
    "occurred_at": "2026-11-22T14:05:00+08:00",
    "location": {
        "text": "寿宁县下党乡上党村后山",
        "region_code": "350924",
        "geometry": {"type": "Point", "coordinates": [119.2355, 27.4275]},
        "datum": "CGCS2000",
    },
    "fire": {
        "area_ha": 0.8,
        "casualties": {"dead": 0, "injured": 0},
        "cause": "农事用火",
        "wind": {"direction": "SW", "force": 4},
        "open_flame": True,
    },
    "assistance": "请在龙溪乡一侧开设隔离带，并疏散护林站人员。",
    "hotline": "0593-0000001",
}


def _example(example: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


# What comes in ----------------------------------------------------------------------------------------------


class WindIn(wire.Wind, extra="forbid"):
    """Where the wind comes from, and its force (Beaufort)."""


class CasualtiesIn(wire.Casualties, extra="forbid"):
    """How many people came to harm."""


class FireIn(wire.Fire, extra="forbid"):
    """What is known of a forest fire; leave out what is not."""

    casualties: CasualtiesIn | None = None
    wind: WindIn | None = None


class LocationIn(wire.Location, extra="forbid"):
    """Where it is. Coordinates are WGS-84 or CGCS2000, longitude first; those of Chinese web maps are GCJ-02."""


class AttachmentIn(BaseModel):
    """A file that was uploaded before."""

    model_config = _example({"digest": "0" * 64, "name": "火场照片.jpg"})

    digest: Digest
    name: Line | None = Field(default=None, description="Left out: the name it was uploaded under.")


class EmergencyIn(wire.Facts):
    """An emergency as an officer raises it."""

    model_config = _example({**_FIRE, "status": "actual", "recipients": ["331126000000"], "confirm": _FIRE["title"]})

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
    attachments: Annotated[tuple[AttachmentIn, ...], Field(max_length=MAX_ATTACHMENTS)] = ()

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

    def patch(self) -> dict[str, Any]:
        """Return the members that were given, as a JSON merge patch."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"changes"})


class CancelIn(BaseModel):
    """It is over, or was told by mistake."""

    model_config = _example({"reason": "over", "explanation": "明火已扑灭，留守人员清理火场。"})

    reason: wire.CancelReason
    explanation: Note


class AcknowledgeIn(BaseModel):
    """签收: the caller's name and role go with it."""

    model_config = _example(
        {
            "decision": "dispatching",
            "estimated_arrival": "2026-11-22T15:10:00+08:00",
            "phone": "0578-0000022",
            "note": "龙溪派出所12人携风力灭火机出发。",
        }
    )

    decision: wire.Decision
    estimated_arrival: Moment | None = None
    phone: Phone | None = Field(default=None, description="Where the caller can be reached on the way.")
    note: Note | None = None


class NoteIn(BaseModel):
    """A line to the other side."""

    model_config = _example({"text": "X902县道塌方，请从龙溪方向进入。"})

    text: Note


class TaskDoneIn(BaseModel):
    """A person did what the task asked."""

    model_config = _example({"note": "已电话通知对方值班室，对方已知悉。"})

    note: Note | None = None


# What goes out ----------------------------------------------------------------------------------------------


class BureauOut(BaseModel):
    """A bureau by its code and names."""

    unit_code: str
    name_zh: str | None = None
    name_en: str | None = None
    duty_phone: str | None = None


class ReminderOut(BaseModel):
    """What the person in charge must not forget."""

    zh: str
    en: str


class BorderOut(BaseModel):
    """How far the provincial border is, and what follows."""

    distance_m: float | None = Field(description="By this node's own border line; null is unknown, never 'far'.")
    source: str | None
    schematic: bool = Field(description="The line is a sketch, not for navigation.")
    told: wire.BorderDistance = Field(description="What the author's node says.")
    report: BorderReport = Field(
        description="Whether it must be reported upward at once (forest-fire regulation, art. 32)."
    )


class EmergencyOut(BaseModel):
    """An emergency as it stands here."""

    id: str
    version: int
    status: wire.Status
    display_title: str = Field(description="The title; a drill's begins with 【演练】, a test's with 【测试】.")
    state: State
    direction: Literal["in", "out"]
    author: BureauOut
    recipients: list[BureauOut]
    left_out: list[BureauOut] = Field(description="Members of the alliance that were no active peer when it was sent.")
    alliance: dict[str, Any] | None
    situation: wire.Situation
    fire_grade: FireGrade | None
    fire_grade_zh: str | None
    border: BorderOut
    reminders: list[ReminderOut]
    raised_at: datetime
    sent_at: datetime | None
    told_at: datetime | None
    update_due_at: datetime | None = Field(description="When its author owes the next news; null once it is over.")
    update_overdue: bool
    cancelled_at: datetime | None
    cancel_reason: wire.CancelReason | None
    cancel_explanation: str | None
    acknowledged: int = Field(description="How many recipients' answers are here.")
    open_tasks: int
    clock_suspect: bool
    raised_by: str | None
    approved_by: str | None
    governance: GovernanceOut
    retain_until: datetime
    attachments: list["AttachmentOut"]
    moves: list[str] = Field(description="What our side may do now.")


class AttachmentOut(BaseModel):
    """A file that came with it."""

    digest: str
    name: str
    size: int
    media_type: str
    held: bool


class EmergencyLineOut(BaseModel):
    """An emergency in a list."""

    id: str
    version: int
    status: wire.Status
    display_title: str
    state: State
    direction: Literal["in", "out"]
    author: BureauOut
    kind: wire.EmergencyKind
    colour: wire.Colour
    place: str
    fire_grade: FireGrade | None
    border_report: BorderReport
    occurred_at: datetime
    raised_at: datetime
    told_at: datetime | None
    cancelled_at: datetime | None
    recipients: int
    acknowledged: int
    open_tasks: int


class SignerOut(BaseModel):
    """Who signed for it at a bureau."""

    name: str | None = Field(description="Masked for those who only read; null once erased.")
    phone: str | None
    role: str
    message: str = Field(description="What they had before them: alert, update or cancel.")
    decision: wire.Decision
    acknowledged_at: datetime
    estimated_arrival: datetime | None
    note: str | None
    crossed: bool = Field(description="The cancellation was already on its way: call them back.")


class MessageOut(BaseModel):
    """How far one of our messages came at one bureau."""

    message: str
    digest: str
    told_at: datetime
    state: str = Field(description="queued, delivered, refused or expired.")
    delivered_at: datetime | None
    reason: str | None
    unconfirmed_since: datetime | None
    rejected: str | None = Field(description="Why the other node could not apply it.")


class TaskOut(BaseModel):
    """Something a person must do."""

    id: str
    emergency_id: str
    status: wire.Status
    kind: TaskKind
    step: str
    state: TaskState
    title_zh: str
    title_en: str
    bureau: BureauOut
    due_at: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    closed_because: ClosedBecause | None
    closed_by: str | None
    note: str | None


class BureauLineOut(BaseModel):
    """One recipient on the board."""

    bureau: BureauOut
    messages: list[MessageOut]
    signed: SignerOut | None
    tasks: list[TaskOut]


class EntryOut(BaseModel):
    """One statement of the thread, in canonical order."""

    digest: str
    move: str
    by: BureauOut
    at: datetime
    verdict: str = Field(description="applied, crossed or illegal.")
    text: str | None


class BoardOut(BaseModel):
    """Who has it, who signed, who is coming, whom to call."""

    emergency_id: str
    display_title: str
    status: wire.Status
    state: State
    as_of: datetime
    bureaus: list[BureauLineOut]
    tasks: list[TaskOut] = Field(description="Our own: the next news, or our signature.")
    history: list[EntryOut]
