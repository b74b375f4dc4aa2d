"""What an officer's tool sends about contacts. Members that are unknown are refused, wherever they stand."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ecolink.errors import InvalidError
from ecolink.protocol.kinds import liaison as wire
from ecolink.protocol.kinds.common import Digest, Note, UnitCode
from ecolink.protocol.limits import MAX_RECIPIENTS

CONTACT: dict[str, Any] = {
    "agreement": "sn-qy-151",
    "held_at": "2026-11-22T09:30:00+08:00",
    "method": "video",
    "topics": ["下党乡杉木盗伐案线索反馈", "元旦前联合巡护安排"],
    "conclusions": "线索材料三日内反馈；元旦前组织一次联合巡护。",
    "participants": [
        {"unit_code": "350924000000", "name": "林一鸣", "post": "联络员"},
        {"unit_code": "331126000000", "name": "周青", "post": "联络员"},
    ],
}
RECORD = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class ParticipantIn(wire.ParticipantV1, extra="forbid"):
    """Somebody who took part. Names travel in the private part, which can be erased."""


class OpenMatterIn(wire.OpenMatterV1, extra="forbid"):
    """What was open between two bureaus, as the form showed it and as it was gone through."""


class _ContactIn(wire.ContactV1):
    participants: Annotated[list[ParticipantIn], Field(min_length=1, max_length=40)]
    open_matters: Annotated[list[OpenMatterIn], Field(max_length=wire.MAX_OPEN_MATTERS)] | None = Field(
        default=None, description="As gone through at the contact; left out: what is open now."
    )

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        """Hold it to the same rules as on the wire; here each fault is told at its member, to people."""
        if self.nothing_to_report and (self.topics or self.conclusions):
            raise InvalidError(
                "There are topics or conclusions, so there was something to report.",
                "已填写议题或结论，不能同时注明“无事项”。",
                pointer="/nothing_to_report",
            )
        for member, name_zh in (("topics", "议题"), ("conclusions", "结论")):
            if not self.nothing_to_report and not getattr(self, member):
                raise InvalidError(
                    f"Give the {member}, or say that there was nothing to report.",
                    f"请填写{name_zh}，或注明“无事项”。",
                    pointer=f"/{member}",
                )
        return self


class ContactIn(_ContactIn):
    """A contact that was held, for the record."""

    model_config = _example({"partners": ["331126000000"], **CONTACT})

    partners: Annotated[list[UnitCode], Field(min_length=1, max_length=MAX_RECIPIENTS)] = Field(
        description="The other bureaus that took part; each gets the record and is to confirm it."
    )


class CorrectionIn(_ContactIn):
    """The record as it should be; the parties stay the same."""

    model_config = _example({"record": RECORD, **CONTACT})

    record: Digest = Field(description="The record it takes the place of: the one you read.")


class ConfirmationIn(BaseModel):
    """Our signature under a record."""

    model_config = _example({"record": RECORD})

    record: Digest = Field(description="The record you read; another one is not signed.")


class ObjectionIn(BaseModel):
    """Why we do not sign a record, or why it is taken back."""

    model_config = _example({"record": RECORD, "reason": "参加人员有误：我局参加的是副大队长。"})

    record: Digest
    reason: Note
