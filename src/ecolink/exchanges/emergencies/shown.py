"""What an officer's tool gets to see of emergencies and tasks."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ecolink.exchanges.emergencies import examples
from ecolink.exchanges.emergencies.examples import Example
from ecolink.exchanges.emergencies.fires import BorderReport, FireGrade
from ecolink.exchanges.emergencies.rules import EmergencyState
from ecolink.exchanges.emergencies.tasks import ClosedBecause, TaskKind, TaskState
from ecolink.exchanges.enclosures import EnclosureOut
from ecolink.exchanges.governance import GovernanceOut
from ecolink.protocol.kinds import emergencies as wire


def _shown_as(example: Example) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class DutyDeskOut(BaseModel):
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
        description="Whether it must be reported upward at once (forest-fire regulation, art. 31, 32)."
    )


class EmergencyOut(BaseModel):
    """An emergency as it stands here."""

    model_config = _shown_as(examples.SHOWN)

    id: str
    version: int
    status: wire.Status
    display_title: str = Field(description="The title; a drill's begins with 【演练】, a test's with 【测试】.")
    state: EmergencyState
    direction: Literal["in", "out"]
    author: DutyDeskOut
    recipients: list[DutyDeskOut]
    left_out: list[DutyDeskOut] = Field(description="Members of the alliance that were no active peer then.")
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
    beyond_agreement: str | None = Field(
        description="The agreement that does not let its author tell us emergencies; it is taken all the same."
    )
    raised_by: str | None
    approved_by: str | None
    governance: GovernanceOut
    retain_until: datetime
    attachments: list[EnclosureOut]
    moves: list[str] = Field(description="What our side may do now.")


class EmergencyLineOut(BaseModel):
    """An emergency in a list."""

    model_config = _shown_as(examples.LINE)

    id: str
    version: int
    status: wire.Status
    display_title: str
    state: EmergencyState
    direction: Literal["in", "out"]
    author: DutyDeskOut
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


class InChargeOut(BaseModel):
    """Who deals with it at a bureau."""

    name: str
    phone: str | None


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
    in_charge: InChargeOut | None = Field(description="Whom they assigned it to; masked and erased like the name.")
    crossed: bool = Field(description="The cancellation was already on its way: call them back.")


class ToldOut(BaseModel):
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

    model_config = _shown_as(examples.TASK)

    id: str
    emergency_id: str
    status: wire.Status
    kind: TaskKind
    step: str
    state: TaskState
    title_zh: str
    title_en: str
    bureau: DutyDeskOut
    due_at: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    closed_because: ClosedBecause | None
    closed_by: str | None
    note: str | None


class BureauLineOut(BaseModel):
    """One recipient on the board."""

    bureau: DutyDeskOut
    messages: list[ToldOut]
    signed: SignerOut | None
    tasks: list[TaskOut]


class EntryOut(BaseModel):
    """One statement of the thread, in canonical order."""

    digest: str
    move: str
    by: DutyDeskOut
    at: datetime
    verdict: str = Field(description="applied, crossed or illegal.")
    text: str | None
    attachments: list[str] = Field(description="Digests of the files that came with it.")


class BoardOut(BaseModel):
    """Who has it, who signed, who is coming, whom to call."""

    model_config = _shown_as(examples.BOARD)

    emergency_id: str
    display_title: str
    status: wire.Status
    state: EmergencyState
    as_of: datetime
    bureaus: list[BureauLineOut]
    tasks: list[TaskOut] = Field(description="Our own: the next news, or our signature.")
    history: list[EntryOut]
