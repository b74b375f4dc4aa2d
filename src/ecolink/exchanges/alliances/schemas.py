"""What the local API takes and gives about alliances."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ecolink.protocol.kinds.common import Line, Name, UnitCode
from ecolink.protocol.kinds.rosters import MAX_MEMBERS

EXAMPLE: dict[str, Any] = {
    "name_zh": "六县警务协作联盟",
    "name_en": "Six-county police alliance",
    "members": ["331126000000", "331127000000", "330329000000"],
}


class AllianceIn(BaseModel):
    """A new alliance. We are a member without being named."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    name_zh: Name
    name_en: Name
    members: Annotated[list[UnitCode], Field(min_length=1, max_length=MAX_MEMBERS)]


class AllianceChangeIn(AllianceIn):
    """The alliance as it shall be from now on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{**EXAMPLE, "reason": "泰顺县公安局加入"}]}
    )

    reason: Line | None = None


class MemberOut(BaseModel):
    """One member."""

    unit_code: UnitCode
    is_us: bool
    name_zh: str | None = Field(default=None, description="As the peer's card gives it; null for ourselves.")
    name_en: str | None = None
    state: Literal["pending", "active", "suspended"] | None = Field(
        default=None,
        description="How we stand with this peer; what is told to the alliance is not told to it "
        "while it is suspended.",
    )


class RosterOut(BaseModel):
    """The members at one time."""

    version: int
    name_zh: str
    name_en: str
    members: list[UnitCode]
    digest: str = Field(description="SHA-256 over the roster; a statement to the alliance names it.")
    reason: str | None
    made_by: str
    made_at: datetime


class AllianceOut(BaseModel):
    """An alliance as it stands."""

    id: str
    name_zh: str
    name_en: str
    state: Literal["active", "dissolved"]
    members: list[MemberOut]
    roster_version: int
    roster_digest: str
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="Also in the `ETag`.")


class RostersOut(BaseModel):
    """Every roster an alliance had, newest first."""

    items: list[RosterOut]
