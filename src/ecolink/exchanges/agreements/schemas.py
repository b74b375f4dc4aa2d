"""What the local API takes and gives about agreements."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ecolink.cadence.terms_file import MAX_LENGTH
from ecolink.protocol.kinds.agreements import TermsV1
from ecolink.protocol.kinds.common import Line, Note

_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_TEXT = 'code = "sn-qy-151"\nversion = 1\nname_zh = "寿宁—庆元警务协作协议书"\n'

FileText = Annotated[
    str,
    Field(min_length=1, max_length=MAX_LENGTH, description="The agreement's file: TOML.", examples=[_TEXT]),
]


class TermsTextIn(BaseModel):
    """An agreement's file, to be checked or proposed."""

    model_config = ConfigDict(extra="forbid")

    text: FileText


class EndingIn(BaseModel):
    """The wish to end an agreement before its time."""

    model_config = ConfigDict(extra="forbid")

    last_day: date = Field(description="The last day it is in force.", examples=["2026-12-31"])
    reason: Note = Field(examples=["机构调整，另订新协议"])


class CalendarIn(BaseModel):
    """The working days of one more year: those this node's software has as officially published, or a table."""

    model_config = ConfigDict(extra="forbid")

    year: int = Field(ge=2007, le=2200, examples=[2027])
    source: Line = Field(description="The notice, by its number and date.", examples=["国办发明电〔2026〕00号（虚构）"])
    table: Annotated[str, Field(max_length=20_000)] | None = Field(
        default=None,
        description="CSV with the columns `date` and `day` (`off` or `work`): all days that differ from the ordinary "
        "week. Left out: the days as this node's software knows them.",
        examples=["date,day\n2027-01-01,off\n"],
    )


class AgreementReasonIn(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: Note = Field(examples=["答复期限须先报市局"])


class FindingOut(BaseModel):
    """Something that is wrong with a file, or good to know."""

    severity: Literal["error", "notice"]
    line: int | None = Field(description="In the file, counted from 1.", examples=[12])
    column: int | None = None
    path: str = Field(description="The member of the terms.", examples=["/duties/0/rule"])
    detail_zh: str = Field(examples=["规则在 2026-02 没有指定任何一天"])
    detail_en: str = Field(examples=["the rule names no day in 2026-02"])


class CheckOut(BaseModel):
    """What came of checking a file."""

    ok: bool = Field(description="It could be proposed.")
    digest: str | None = Field(description="What the parties would sign.", examples=[_DIGEST])
    terms: TermsV1 | None
    findings: list[FindingOut]


class SignatoryOut(BaseModel):
    """A party, and its word."""

    unit_code: str = Field(examples=["331126000000"])
    name_zh: str | None = Field(examples=["庆元县公安局"])
    name_en: str | None = Field(examples=["Qingyuan County Public Security Bureau"])
    is_us: bool
    signed_at: datetime | None = Field(description="By its own signed word.")
    objected_at: datetime | None
    reason: str | None = Field(
        description="Why it will not sign, or why its node refused the proposal.", examples=[None]
    )


class AgreementProposalOut(BaseModel):
    """Something that was proposed, and how far it is signed."""

    digest: str = Field(examples=[_DIGEST])
    kind: Literal["terms", "ending", "calendar"]
    agreement: str = Field(examples=["sn-qy-151"])
    state: Literal["waiting", "declined", "withdrawn", "agreed", "in_force", "over", "void"] = Field(
        description="waiting: not all have signed; declined: and one objects; agreed: signed by all, and counts from a "
        "day to come; void: signed by all, but another version was signed first."
    )
    author: str = Field(examples=["350924000000"])
    proposed_at: datetime
    parties: list[SignatoryOut]
    awaits_us: bool = Field(description="This bureau has neither signed nor declined.")
    may: list[Literal["sign", "decline", "withdraw"]] = Field(
        description="What this bureau may say to it now.", examples=[["sign", "decline"]]
    )
    completed_at: datetime | None = Field(description="When the last party signed.")
    first_day: date | None = Field(description="From when it counts.")
    last_day: date | None
    withdrawn_at: datetime | None
    withdrawn_because: str | None = Field(examples=[None])
    version: int | None = Field(description="Of terms.", examples=[1])


class AgreementProposalFullOut(AgreementProposalOut):
    """The same with every word."""

    document: dict[str, Any] = Field(
        description="What the parties sign.", examples=[{"code": "sn-qy-151", "version": 1}]
    )
    text: str | None = Field(description="The file the terms were read from, comments included.", examples=[_TEXT])
    text_agrees: bool | None = Field(description="The file says what the terms say; null where there is no file.")


class AgreementLineOut(BaseModel):
    """An agreement in a list."""

    code: str = Field(examples=["sn-qy-151"])
    name_zh: str = Field(examples=["寿宁—庆元警务协作协议书"])
    name_en: str = Field(examples=["Shouning and Qingyuan co-operation agreement"])
    state: Literal["proposed", "agreed", "in_force", "over"]
    parties: list[str] = Field(examples=[["350924000000", "331126000000"]])
    version: int | None = Field(description="The version in force, or the last one that was.", examples=[1])
    first_day: date | None
    last_day: date | None
    awaits_us: bool = Field(description="Something in it waits for this bureau's word.")
    changed_at: datetime


class AgreementOut(AgreementLineOut):
    """One agreement, with all that was proposed of it."""

    terms: TermsV1 | None = Field(description="Those in force; else those that will be, were last, or are proposed.")
    settled_years: list[int] = Field(
        description="The years whose working days all parties have signed; any other counts ordinary weeks until then.",
        examples=[[2026]],
    )
    may: list[Literal["amend", "end", "calendar"]] = Field(
        description="What this bureau may propose now.", examples=[["amend", "end", "calendar"]]
    )
    proposals: list[AgreementProposalOut] = Field(description="Oldest first.")
