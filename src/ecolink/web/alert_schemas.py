"""What the endpoints of alerts, the rota and preferences take and give."""

from datetime import datetime, time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ecolink.alerts.dispatches import Told
from ecolink.alerts.duty import Position
from ecolink.alerts.models import Alert, AlertKind, AlertState, AlertStep
from ecolink.alerts.personal_models import Handover
from ecolink.alerts.pins import LONGEST, SHORTEST
from ecolink.alerts.preferences import Language
from ecolink.alerts.rules import Urgency
from ecolink.identity.passwords import MAX_LENGTH
from ecolink.protocol.kinds import common
from ecolink.protocol.kinds.common import Day, Moment
from ecolink.protocol.kinds.emergencies import Decision
from ecolink.web.account_schemas import Strict

_ID = "019a0f5e-7c00-7abc-8def-0123456789ab"
MARKS = {"actual": ("", ""), "exercise": ("【演练】", "[EXERCISE] "), "test": ("【测试】", "[TEST] ")}
"""What a title begins with wherever it is shown, so that a drill never looks like the real thing."""

Id = Annotated[str, Field(max_length=36, examples=[_ID])]
Note = Annotated[str, Field(min_length=1, max_length=500, examples=["林区巡护车钥匙在值班室。"])]
Pin = Annotated[str, Field(min_length=SHORTEST, max_length=LONGEST, pattern=r"^[0-9]+$", examples=["804613"])]


class PersonOut(BaseModel):
    """One of our people."""

    id: Id
    name: str = Field(examples=["林一鸣"])


class AlertLineOut(BaseModel):
    """An alert in a list."""

    id: Id
    number: str = Field(description="To be said aloud; it tells nothing.", examples=["348201"])
    kind: AlertKind
    urgency: Urgency
    status: Literal["actual", "exercise", "test"]
    state: AlertState
    title_zh: str = Field(
        description="A drill's begins with 【演练】, a test's with 【测试】.",
        examples=["寿宁县公安局通报森林火情：下党乡森林火情"],
    )
    title_en: str = Field(examples=["Shouning County Public Security Bureau tells of a wildfire: 下党乡森林火情"])
    link: str = Field(description="The page it is about.", examples=[f"/emergencies/{_ID}"])
    occurred_at: datetime
    raised_at: datetime
    count: int = Field(description="How often there was something to tell of it.", examples=[1])
    next_at: datetime | None = Field(description="When somebody is told next.")
    acknowledged_at: datetime | None
    acknowledged_by: str | None = Field(examples=["林一鸣"])
    decision: Decision | None
    ended_at: datetime | None

    @classmethod
    def of(cls, alert: Alert) -> "AlertLineOut":
        """Show an alert."""
        return cls.model_validate(cls.members(alert))

    @staticmethod
    def members(alert: Alert) -> dict[str, object]:
        """Return what every view of an alert shows."""
        mark_zh, mark_en = MARKS[alert.status]
        return {
            "id": alert.id,
            "number": alert.number,
            "kind": alert.kind,
            "urgency": alert.urgency,
            "status": alert.status,
            "state": alert.state,
            "title_zh": mark_zh + alert.title_zh,
            "title_en": mark_en + alert.title_en,
            "link": alert.link,
            "occurred_at": alert.occurred_at,
            "raised_at": alert.raised_at,
            "count": alert.count,
            "next_at": alert.next_at,
            "acknowledged_at": alert.acknowledged_at,
            "acknowledged_by": alert.acknowledged_name,
            "decision": alert.decision,
            "ended_at": alert.ended_at,
        }


class StepOut(BaseModel):
    """One time that somebody was told."""

    number: int = Field(examples=[1])
    kind: Literal["new", "repeat", "escalation", "ended", "retraction"]
    due_at: datetime
    at: datetime = Field(description="Later than it was due when no worker ran.")
    told: list[PersonOut]

    @classmethod
    def of(cls, step: AlertStep, names: dict[str, str]) -> "StepOut":
        """Show a step."""
        told = [PersonOut(id=each, name=names.get(each, each)) for each in step.told]
        return cls.model_validate(
            {"number": step.number, "kind": step.kind, "due_at": step.due_at, "at": step.at, "told": told}
        )


class TellingOut(BaseModel):
    """Somebody who was told."""

    person: PersonOut
    first_at: datetime
    last_at: datetime
    times: int = Field(examples=[2])
    read_at: datetime | None = Field(description="When they first opened it.")


class SentOut(BaseModel):
    """One message to one person, and how far it came."""

    person: str = Field(examples=["林一鸣"])
    channel: str | None = Field(description="By which it was sent, or tried last.", examples=["值班短信"])
    state: Literal["waiting", "sent", "given_up", "cancelled"]
    posted_at: datetime
    ended_at: datetime | None
    tries: int = Field(description="Failed ones.", examples=[0])
    result: str | None = Field(description="What the service said last.", examples=["250 2.0.0 Ok: queued"])

    @classmethod
    def of(cls, told: Told) -> "SentOut":
        """Show a dispatch."""
        row, channel = told.dispatch, told.channel
        return cls.model_validate(
            {
                "person": row.name,
                "channel": channel.name if channel else None,
                "state": row.state,
                "posted_at": row.posted_at,
                "ended_at": row.ended_at,
                "tries": row.tries,
                "result": row.result,
            }
        )


class AlertOut(AlertLineOut):
    """An alert, with everybody who was told of it, when, and how."""

    end_zh: str | None = Field(description="Why it ended.", examples=["该紧急通报已解除。"])
    end_en: str | None = Field(examples=["The emergency is over."])
    is_retraction: bool
    steps: list[StepOut]
    tellings: list[TellingOut]
    dispatches: list[SentOut]


class CountsOut(BaseModel):
    """How many alerts are open; drills and tests are counted apart."""

    urgent: int = Field(examples=[1])
    normal: int = Field(examples=[3])
    exercises: int = Field(examples=[0])
    tests: int = Field(examples=[0])


class AlertSignIn(Strict):
    """Taking on what an alert is about."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"decision": "dispatching"}]})

    decision: Decision | None = Field(default=None, description="What will be done: asked for of an emergency.")
    estimated_arrival: Moment | None = None
    note: common.Note | None = None


class LinkSignIn(AlertSignIn):
    """The same on the phone, with the PIN in place of a login."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"pin": "804613", "decision": "dispatching"}]}
    )

    pin: Pin


class LinkOut(BaseModel):
    """What a one-time link shows before anybody has said who they are."""

    number: str = Field(examples=["348201"])
    kind: AlertKind
    urgency: Urgency
    status: Literal["actual", "exercise", "test"]
    state: AlertState
    expires_at: datetime


class PinIn(Strict):
    """A PIN for the phone, and the password as proof that it is not a stolen token that asks."""

    current_password: str = Field(min_length=1, max_length=MAX_LENGTH, examples=["the old hemlock grove"])
    pin: Pin


class RuleModel(Strict):
    """By which contact points one is told of some matters. The first rule that fits counts."""

    kinds: list[AlertKind] | None = Field(default=None, description="Left out: of any kind.", examples=[["notice"]])
    urgency: Urgency | None = Field(default=None, description="Left out: however urgent.", examples=["normal"])
    by: list[Id] = Field(
        max_length=20, description="Contact points, first choice first; none: shown in the console only."
    )


class PreferenceIn(Strict):
    """How one wants to be told."""

    language: Language
    quiet_from: time | None = Field(
        default=None,
        description="Quiet hours, Asia/Shanghai. They hold back what is normal, and never what is urgent.",
        examples=["22:00:00"],
    )
    quiet_until: time | None = Field(default=None, examples=["07:00:00"])
    rules: list[RuleModel] = Field(default_factory=list, max_length=20)


class PreferenceOut(BaseModel):
    """How one is told, and by what."""

    language: Language
    quiet_from: time | None = Field(examples=["22:00:00"])
    quiet_until: time | None = Field(examples=["07:00:00"])
    rules: list[RuleModel]
    contact_points: list[Id] = Field(description="One's own, in one's own order.")
    has_pin: bool


class ShiftOut(BaseModel):
    """One person's duty."""

    id: Id
    person: PersonOut
    position: Position
    starts_at: datetime
    ends_at: datetime
    note: str | None = Field(examples=[None])
    version: int = Field(description="The same as the ETag.", examples=[1])


class ShiftIn(Strict):
    """Somebody's duty, as it is entered."""

    account_id: Id
    position: Position = "first"
    starts_at: Moment = Field(examples=["2026-11-23T08:00:00+08:00"])
    ends_at: Moment = Field(examples=["2026-11-24T08:00:00+08:00"])
    note: Note | None = None


class WeeklyLine(Strict):
    """One line of a weekly pattern, in the times of Asia/Shanghai."""

    account_id: Id
    position: Position = "first"
    weekday: int = Field(ge=1, le=7, description="1 is Monday.", examples=[1])
    begins: time = Field(examples=["08:00:00"])
    ends: time = Field(description="The next time that clocks show this.", examples=["08:00:00"])


class WeeklyIn(Strict):
    """A weekly pattern, to be written down as shifts."""

    first_day: Day = Field(description="Asia/Shanghai.", examples=["2026-11-23"])
    last_day: Day = Field(description="The last on which a shift begins.", examples=["2027-01-31"])
    lines: list[WeeklyLine] = Field(min_length=1, max_length=50)


class HandoverIn(Strict):
    """Somebody takes over, now."""

    account_id: Id
    position: Position = "first"
    until: Moment | None = Field(default=None, description="Left out: for the rest of the shift that is running.")
    note: Note | None = None


class HandoverOut(BaseModel):
    """One person handed the duty over to another."""

    id: Id
    position: Position
    at: datetime
    from_name: str | None = Field(description="Null: nobody had been on duty.", examples=["林一鸣"])
    to_name: str = Field(examples=["吴晓峰"])
    note: str | None = Field(examples=["一起火情未签收，已电话通知庆元县公安局。"])
    open_alerts: int = Field(description="How many were open then.", examples=[1])

    @classmethod
    def of(cls, handover: Handover) -> "HandoverOut":
        """Show a handover."""
        return cls.model_validate(handover, from_attributes=True)


class GapOut(BaseModel):
    """A time in which nobody stands in the first place: then all liaison officers are told."""

    starts_at: datetime
    ends_at: datetime


class DutyOut(BaseModel):
    """Who is on duty now, who comes next, and where nobody is."""

    as_of: datetime
    on_duty: list[ShiftOut]
    next: list[ShiftOut]
    gaps: list[GapOut] = Field(description="In the next 14 days.")
    last_handover: HandoverOut | None
