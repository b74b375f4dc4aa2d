"""What the bodies of all statements share: bounded text, times, places, gradings, the list of charges.

Bodies are open: a member this version does not know is kept (`extra="allow"`), so that versions N and
N-1 can talk. Known members are typed and bounded, and no text may hold what a database or a terminal
would choke on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ecolink.kit import times
from ecolink.protocol.statement import Lane


class Frozen(BaseModel):
    """A part of a body: never changed once read, unknown members kept."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    def to_wire(self) -> dict[str, Any]:
        """Return the members as JSON values; members that are None are left out."""
        return self.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One type of statement: what its body and its private part must look like, and how it may travel."""

    body: type[BaseModel]
    private: type[BaseModel] | None = None
    lane: Lane
    type: str
    """Its name and version on the wire, such as `lead.requested.v1`."""
    many: bool = False
    """Several recipients are allowed."""
    approval: bool = False
    """The statement must name an approver."""


# Text ---------------------------------------------------------------------------------------------------


_NONCHARACTERS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
"""The last two code points of every plane are no characters."""
_CONTROL = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_NONCHARACTERS}]")


def _refuse_control(text: str) -> str:
    """Refuse control characters (line feed and tab aside), lone surrogates and noncharacters."""
    if found := _CONTROL.search(text):
        msg = f"the text holds the character U+{ord(found[0]):04X}, which is not allowed"
        raise ValueError(msg)
    return text


def _refuse_blank(text: str) -> str:
    if not text.strip():
        msg = "the text is blank"
        raise ValueError(msg)
    return text


def _refuse_breaks(text: str) -> str:
    if "\n" in text or "\t" in text:
        msg = "the text must be one line"
        raise ValueError(msg)
    return text


_LINE = (AfterValidator(_refuse_control), AfterValidator(_refuse_breaks), AfterValidator(_refuse_blank))
_PROSE = (AfterValidator(_refuse_control), AfterValidator(_refuse_blank))

Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._()/-]*$")]
"""A code out of some list: latin letters, digits, `. _ - ( ) /`."""
Name = Annotated[str, Field(min_length=1, max_length=100), *_LINE]
"""A name or another short line, 100 characters at most."""
Line = Annotated[str, Field(min_length=1, max_length=300), *_LINE]
"""One line, 300 characters at most."""
Note = Annotated[str, Field(min_length=1, max_length=1000), *_PROSE]
"""A few sentences, 1,000 characters at most; may hold line breaks."""
Prose = Annotated[str, Field(min_length=1, max_length=5000), *_PROSE]
"""A page or two, 5,000 characters at most; a statement as a whole is limited to 64 KiB."""
Phone = Annotated[str, Field(min_length=3, max_length=32, pattern=r"^\+?[0-9][0-9 ()-]*$")]
"""A telephone number as it is dialled."""

UnitCode = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
"""A bureau's unit code (GA 380): 12 digits, of which the first six are the GB/T 2260 region."""
RegionCode = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
"""A GB/T 2260 region: six digits."""
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
"""A UUIDv7 in lower case."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 as 64 lower-case hex digits."""


# Times, numbers, places -------------------------------------------------------------------------------------


def _read_moment(value: object) -> datetime:
    """Take RFC 3339 text with an offset, or an aware datetime of our own; nothing else."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    return times.from_text(value if isinstance(value, str) else "")


def _read_day(value: object) -> date:
    """Take a day as text, or a date of our own."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return times.day_from_text(value if isinstance(value, str) else "")


Moment = Annotated[
    datetime,
    BeforeValidator(_read_moment),
    PlainSerializer(times.to_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment: RFC 3339 text with an offset on the wire, aware UTC in the program."""
Day = Annotated[date, BeforeValidator(_read_day), WithJsonSchema({"type": "string", "format": "date"})]
"""A calendar day in Asia/Shanghai, as `2026-11-22`."""
Count = Annotated[int, Field(strict=True, ge=0, le=10_000_000)]
"""How many."""
Amount = Annotated[float, Field(strict=True, ge=0, le=1e12)]
"""A quantity; its unit stands in the member's name."""


class GeoPoint(Frozen):
    """A point on the ground. GCJ-02 (Chinese web maps) is hundreds of metres off and is not accepted."""

    lat: Annotated[float, Field(strict=True, ge=-90, le=90)]
    lon: Annotated[float, Field(strict=True, ge=-180, le=180)]
    datum: Literal["WGS-84", "CGCS2000"]


class Place(Frozen):
    """Where something is: words always, a point if known."""

    text: Line
    region_code: RegionCode | None = None
    point: GeoPoint | None = None


# Governance ------------------------------------------------------------------------------------------------

Classification = Literal["public", "internal", "work-secret"]
"""公开 / 内部 / 工作秘密. State secrets may not be on such a system, so there is nothing higher."""
HandlingCode = Literal["H0", "H1", "H2", "H3"]
"""After Europol: H0 prevent and combat crime only; H1 not in judicial proceedings without permission; H2 no
dissemination without permission; H3 other, with text."""
Onward = Literal["none", "ask", "group"]
"""Onward sharing: not at all, after asking the author, within the group."""


class SourceGrade(StrEnum):
    """How reliable the source is (4x4). The source's identity is never sent."""

    RELIABLE = "A"
    USUALLY_RELIABLE = "B"
    MOSTLY_UNRELIABLE = "C"
    NOT_ASSESSABLE = "X"


class InformationGrade(StrEnum):
    """How far the information can be trusted (4x4)."""

    CERTAIN = "1"
    KNOWN_PERSONALLY = "2"
    CORROBORATED = "3"
    CANNOT_BE_JUDGED = "4"


class Grading(Frozen):
    """The 4x4 grading, shown together as `B2`."""

    source: SourceGrade
    information: InformationGrade

    def __str__(self) -> str:
        """Return the two grades side by side."""
        return f"{self.source}{self.information}"


# Charges ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Charge:
    """An article of the Criminal Law with its short name."""

    article: str
    name_zh: str
    name_en: str


CHARGES: Mapping[str, Charge] = {
    charge.article: charge
    for charge in (
        Charge("114", "放火", "arson"),
        Charge("115", "放火(致严重后果)", "arson with serious consequences"),
        Charge("115(2)", "失火", "causing a fire by negligence"),
        Charge("151", "走私珍贵动物、珍稀植物", "smuggling precious animals or rare plants"),
        Charge("312", "掩饰、隐瞒犯罪所得", "concealing proceeds of crime"),
        Charge("338", "污染环境", "polluting the environment"),
        Charge("339", "非法处置进口的固体废物", "illegal disposal of imported solid waste"),
        Charge("340", "非法捕捞水产品", "illegal fishing"),
        Charge("341(1)", "危害珍贵、濒危野生动物", "harming precious and endangered wild animals"),
        Charge("341(2)", "非法狩猎", "illegal hunting"),
        Charge(
            "341(3)",
            "非法猎捕、收购、运输、出售陆生野生动物",
            "illegal hunting, purchase, transport or sale of terrestrial wild animals",
        ),
        Charge("342", "非法占用农用地", "illegal occupation of farmland"),
        Charge("342-1", "破坏自然保护地", "damaging a nature reserve"),
        Charge("343", "非法采矿、破坏性采矿", "illegal or destructive mining"),
        Charge("344", "危害国家重点保护植物", "harming plants under state protection"),
        Charge(
            "344-1",
            "非法引进、释放、丢弃外来入侵物种",
            "illegal introduction, release or abandonment of invasive alien species",
        ),
        Charge("345(1)", "盗伐林木", "theft of standing timber"),
        Charge("345(2)", "滥伐林木", "illegal logging"),
        Charge(
            "345(3)",
            "非法收购、运输盗伐、滥伐的林木",
            "illegal purchase or transport of stolen or illegally logged timber",
        ),
    )
}
"""Articles of the PRC Criminal Law this trade meets. On the wire a code outside the list is kept, not refused."""


def _refuse_unknown_charge(code: str) -> str:
    if code not in CHARGES:
        msg = f"{code!r} is not in the list of charges"
        raise ValueError(msg)
    return code


ChargeCode = Annotated[Code, AfterValidator(_refuse_unknown_charge)]
"""A charge of the list: what our own officers may enter."""
