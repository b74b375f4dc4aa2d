"""What an officer's tool gets to see of obligations, and what it may send."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ecolink.cadence.standing import State
from ecolink.exchanges.obligations import examples
from ecolink.exchanges.obligations.examples import Example
from ecolink.protocol.kinds.agreements import DutyKind, Level, PeriodKind
from ecolink.protocol.kinds.common import Note


def _shown_as(example: Example) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class ReasonIn(BaseModel):
    """Why; it is signed and told to the other parties, and names no person."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.REASON]})

    reason: Note


class PartyOut(BaseModel):
    """A bureau by its code and names."""

    unit_code: str
    name_zh: str | None = None
    name_en: str | None = None


class ObligationLineOut(BaseModel):
    """One thing due in one period, as it stands here."""

    model_config = _shown_as(examples.LINE)

    key: str = Field(examples=["sn-qy-151/liaison/2026-07"])
    agreement: str
    agreement_zh: str
    agreement_en: str
    duty: str
    duty_zh: str
    duty_en: str
    kind: DutyKind
    period: str
    partners: list[PartyOut] = Field(description="Whom it binds besides us.")
    convener: PartyOut | None = Field(description="Whose turn it is to see to it, where the parties take turns.")
    due_on: date
    opens_at: datetime
    due_at: datetime
    settled: bool = Field(description="False: the working days it hangs on are not signed yet, and it may still move.")
    binds: bool = Field(description="False: by what was signed since it is not due any more; kept as a record.")
    state: State
    late: bool = Field(description="Met after it was due, or due and not met. It stays so.")
    fulfilled_at: datetime | None
    owing: list[str] = Field(description="Whose part is missing.")


class SignatureOut(BaseModel):
    """A party's word on a record."""

    party: PartyOut
    signed_at: datetime | None = None
    objected_at: datetime | None = None
    reason: str | None = None


class RecordOut(BaseModel):
    """A record that meets the duty once all its parties have signed it."""

    digest: str
    author: PartyOut
    written_at: datetime
    completed_at: datetime | None
    parties: list[SignatureOut]


class ContributionOut(BaseModel):
    """A party did its own part, where that is more than signing."""

    party: PartyOut
    at: datetime


class WaiverWordOut(BaseModel):
    """What a party said of a waiver."""

    party: PartyOut
    word: Literal["proposed", "accepted", "declined", "withdrawn"]
    at: datetime
    reason: str
    by: str | None = Field(description="Who said it, as long as the name is kept; masked.")


class WaiverOut(BaseModel):
    """A proposal to let it go."""

    digest: str
    state: Literal["proposed", "declined", "agreed", "withdrawn"]
    agreed_at: datetime | None
    may: list[Literal["accept", "decline", "withdraw"]] = Field(description="What our side may say to it now.")
    words: list[WaiverWordOut]


class LatenessOut(BaseModel):
    """A node's signed word that it is overdue, beside what this node holds."""

    author: PartyOut
    said_at: datetime
    digest: str = Field(description="Of the statement that says it.")
    due_on: date
    owing: list[str]
    done: bool = Field(description="Whether its author says it did its own part.")
    differs: list[Literal["due_on", "terms"]] = Field(description="In what it disagrees with this node's own books.")
    rejected: dict[str, str] = Field(description="By bureau, why its node would not take our word.")


class NoticeOut(BaseModel):
    """One of our levels was told of something that is due or overdue."""

    model_config = _shown_as(examples.NOTICE)

    id: str
    subject: str = Field(description="What it is about: an obligation's key, or `consultation/ID/TASK`.")
    step: str = Field(examples=["remind-7"])
    kind: Literal["reminder", "overdue", "escalation"]
    role: Level = Field(description="The level it addresses.")
    state: Literal["open", "seen", "closed", "skipped"] = Field(
        description="skipped: its time passed while the node was down, and a later step took its place."
    )
    title_zh: str
    title_en: str
    at: datetime
    due_at: datetime
    seen_at: datetime | None
    seen_by: str | None
    closed_at: datetime | None


class ObligationOut(ObligationLineOut):
    """All of one obligation: how it stands, and by what."""

    model_config = _shown_as(examples.SHOWN)

    period_kind: PeriodKind
    grace_until: datetime = Field(description="Until when nobody is bothered; late it is all the same.")
    terms: str = Field(description="Digest of the terms that govern it.")
    least: int = Field(description="How often it is due in its period.")
    done_in_time: list[str] = Field(description="Parties that had done their part when it was due.")
    records: list[RecordOut]
    contributions: list[ContributionOut]
    waivers: list[WaiverOut]
    notices: list[NoticeOut]
    lateness: list[LatenessOut]
    may: list[Literal["waive"]] = Field(description="waive: propose that it need not be met.")
    next_at: datetime | None = Field(description="When the node will look at it next.")


class FiguresOut(BaseModel):
    """How many obligations ended how. Only what all parties signed counts as met."""

    due: int = Field(description="Fallen due; all below but `not_due` are part of it.")
    on_time: int
    made_up: int = Field(description="Met after they were due.")
    waived: int
    missing: int
    not_due: int
    late_by_partner: int = Field(description="Made up or missing, and we recorded in time, they did not confirm.")
    late_by_us: int = Field(description="Made up or missing, and they recorded in time, we did not confirm.")
    late_unsigned: int = Field(description="Made up or missing, and all did their part in time, not the signature.")
    late_unrecorded: int = Field(description="Made up or missing, and nobody recorded anything in time.")
    in_time_percent: float | None = Field(description="Of those due and not waived.")


class ReportLineOut(BaseModel):
    """The figures of one duty with one partner."""

    partner: PartyOut
    agreement: str
    agreement_zh: str
    agreement_en: str
    duty: str
    duty_zh: str
    duty_en: str
    figures: FiguresOut


class ReportOut(BaseModel):
    """The compliance report of one year."""

    model_config = _shown_as(examples.REPORT)

    year: int = Field(description="That in which the periods begin.")
    as_of: datetime
    lines: list[ReportLineOut] = Field(description="What several partners share stands with each of them.")
    total: FiguresOut = Field(description="Each obligation once.")
