"""What an officer's tool sends about consultations. Members that are unknown are refused, wherever they stand."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ecolink.errors import InvalidError
from ecolink.protocol.kinds import consultations as wire
from ecolink.protocol.kinds.common import Digest, Note, UnitCode
from ecolink.protocol.kinds.leads import Officer
from ecolink.protocol.limits import MAX_RECIPIENTS

QINGYUAN = "331126000000"
MINUTES = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
INVITATION: dict[str, Any] = {
    "title": "下党—龙溪林区盗伐形势会商",
    "planned": True,
    "agreement": "sn-qy-151",
    "chair": QINGYUAN,
    "times": ["2026-12-03T09:30:00+08:00", "2026-12-04T09:30:00+08:00"],
    "duration_minutes": 120,
    "where": "龙溪联合警务站",
    "agenda": ["盗伐案件研判", "元旦前联合巡护"],
}
MEETING: dict[str, Any] = {
    "at": "2026-12-03T09:30:00+08:00",
    "duration_minutes": 120,
    "where": "龙溪联合警务站",
    "agenda": ["盗伐案件研判", "元旦前联合巡护"],
}


def _example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class TriggerIn(wire.TriggerV1, extra="forbid"):
    """The matter it is called for."""


class InvitationIn(wire.ConsultationInvitedV1):
    """An invitation to confer."""

    model_config = _example({"partners": [QINGYUAN], **INVITATION})

    trigger: TriggerIn | None = None
    partners: Annotated[list[UnitCode], Field(min_length=1, max_length=MAX_RECIPIENTS)] = Field(
        description="The other bureaus that are invited."
    )


class AnswerIn(wire.ConsultationAnsweredV1):
    """Our answer to an invitation."""

    model_config = _example({"answer": "accepts", "times": ["2026-12-03T09:30:00+08:00"]})

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        """Hold it to the same rules as on the wire; here each fault is told at its member, to people."""
        if self.answer == "declines" and self.times:
            raise InvalidError("Who declines names no times.", "不能参加时不列时间。", pointer="/times")
        if self.answer == "declines" and self.note is None:
            raise InvalidError("Say why you stay away.", "不能参加须说明原因。", pointer="/note")
        if self.answer != "declines" and not self.times:
            raise InvalidError("Name a time that suits you.", "请至少选择或填写一个时间。", pointer="/times")
        return self


class MeetingIn(wire.ConsultationSetV1):
    """The date that is set, or the one it is moved to."""

    model_config = _example(MEETING)


class CancellationIn(wire.ConsultationCancelledV1):
    """Why it is called off."""

    model_config = _example({"reason": "因森林火灾扑救，会商取消。"})


class TaskIn(wire.TaskV1, extra="forbid"):
    """What a bureau took upon itself."""


class OfficerIn(Officer, extra="forbid"):
    """Somebody who took part. Names travel in the private part, which can be erased."""


class MinutesIn(wire.ConsultationMinutedV1):
    """What was said and decided."""

    model_config = _example(
        {
            "held_at": "2026-12-03T09:30:00+08:00",
            "method": "shared_station",
            "minutes": "双方通报近三个月盗伐案件情况，研判团伙活动规律。",
            "conclusions": "元旦前开展联合巡护；共享木材加工点清单。",
            "tasks": [{"code": "T1", "text": "提供木材加工点清单", "owner": QINGYUAN, "due_on": "2026-12-15"}],
            "participants": [{"name": "林一鸣", "post": "联络员"}, {"name": "周青", "post": "副大队长"}],
        }
    )

    tasks: Annotated[tuple[TaskIn, ...], Field(max_length=wire.MAX_TASKS)] = ()
    participants: Annotated[tuple[OfficerIn, ...], Field(min_length=1, max_length=60)]


class ConfirmationIn(BaseModel):
    """Our signature under the minutes."""

    model_config = _example({"minutes": MINUTES})

    minutes: Digest = Field(description="The minutes you read; others are not signed.")


class ObjectionIn(BaseModel):
    """Why we do not sign the minutes."""

    model_config = _example({"minutes": MINUTES, "reason": "任务一的完成时间有误，应为12月20日。"})

    minutes: Digest
    reason: Note


class TaskUpdateIn(BaseModel):
    """How one of our tasks goes."""

    model_config = _example({"status": "done", "note": "清单已于12月10日提供。"})

    status: Annotated[str, Field(pattern="^(under_way|done|not_possible)$")]
    note: Note | None = None

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        """Hold it to the same rules as on the wire; here each fault is told at its member, to people."""
        if self.status == "not_possible" and self.note is None:
            raise InvalidError("Say why it is not possible.", "无法完成须说明原因。", pointer="/note")
        return self
