"""What the local API takes and gives about alliances."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ecolink.exchanges.alliances.models import Alliance, AllianceRoster
from ecolink.federation.peers import Peer
from ecolink.protocol.kinds.common import Line, Name, UnitCode
from ecolink.protocol.kinds.rosters import MAX_MEMBERS, RosterV1

EXAMPLE: dict[str, Any] = {
    "name_zh": "六县警务协作联盟",
    "name_en": "Six-county police alliance",
    "members": ["331126000000", "331127000000", "330329000000"],
}


_ROSTER: dict[str, Any] = {
    "version": 1,
    "name_zh": "六县警务协作联盟",
    "name_en": "Six-county police alliance",
    "members": ["330329000000", "331126000000", "331127000000", "350924000000"],
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "reason": None,
    "made_by": "chen.yuanshan",
    "made_at": "2026-11-23T01:00:00Z",
}
_ALLIANCE: dict[str, Any] = {
    "id": "019ab000-0000-7000-8000-000000000001",
    "name_zh": _ROSTER["name_zh"],
    "name_en": _ROSTER["name_en"],
    "state": "active",
    "members": [
        {
            "unit_code": "331126000000",
            "is_us": False,
            "name_zh": "庆元县公安局",
            "name_en": "Qingyuan County Public Security Bureau",
            "state": "active",
        },
        {"unit_code": "350924000000", "is_us": True, "name_zh": None, "name_en": None, "state": None},
    ],
    "roster_version": 1,
    "roster_digest": _ROSTER["digest"],
    "created_at": "2026-11-23T01:00:00Z",
    "updated_at": "2026-11-23T01:00:00Z",
    "version": 1,
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

    @classmethod
    def of(cls, unit_code: str, us: str, peer: Peer | None) -> "MemberOut":
        """Return a member by what is known of it here."""
        if peer is None:
            return cls(unit_code=unit_code, is_us=unit_code == us)
        return cls(unit_code=unit_code, is_us=False, name_zh=peer.name_zh, name_en=peer.name_en, state=peer.state.value)


class RosterOut(BaseModel):
    """The members at one time."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ROSTER]})

    version: int
    name_zh: str
    name_en: str
    members: list[UnitCode]
    digest: str = Field(description="SHA-256 over the roster; a statement to the alliance names it.")
    reason: str | None
    made_by: str
    made_at: datetime

    @classmethod
    def of(cls, row: AllianceRoster) -> "RosterOut":
        """Return a kept roster."""
        return cls(
            version=row.version,
            name_zh=row.name_zh,
            name_en=row.name_en,
            members=row.members,
            digest=row.digest,
            reason=row.reason,
            made_by=row.made_by,
            made_at=row.made_at,
        )


class AllianceOut(BaseModel):
    """An alliance as it stands."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ALLIANCE]})

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

    @classmethod
    def of(cls, alliance: Alliance, roster: RosterV1, *, us: str, names: Mapping[str, Peer]) -> "AllianceOut":
        """Return an alliance with its present members, ourselves among them."""
        return cls(
            id=alliance.id,
            name_zh=alliance.name_zh,
            name_en=alliance.name_en,
            state="active" if alliance.state == "active" else "dissolved",
            members=[MemberOut.of(unit_code, us, names.get(unit_code)) for unit_code in roster.members],
            roster_version=roster.version,
            roster_digest=roster.digest,
            created_at=alliance.created_at,
            updated_at=alliance.updated_at,
            version=alliance.version,
        )


class RostersOut(BaseModel):
    """Every roster an alliance had, newest first."""

    items: list[RosterOut]
