"""What the local API takes about bulletins. Members that are unknown are refused."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ecolink.errors import InvalidError
from ecolink.exchanges.enclosures import AttachmentsIn
from ecolink.exchanges.governance import GovernanceIn
from ecolink.protocol.kinds.bulletins import (
    BulletinItem,
    BulletinPerson,
    BulletinPrivate,
    BulletinText,
    Outcomes,
    RecallReason,
    Time,
)
from ecolink.protocol.kinds.common import ChargeCode, Day, Id, Line, Note, UnitCode
from ecolink.protocol.limits import MAX_RECIPIENTS

TEXT: dict[str, JsonValue] = {
    "number": "寿公情通〔2026〕7号",
    "kind": "modus_operandi",
    "title": "野生兰花混作茶苗邮寄出省",
    "body": "近期发现有人将采挖的野生兰花夹带在茶苗包裹中，经乡镇快递网点寄往外省。",
    "period": {"start": "2026-10-01", "end": "2026-11-20"},
    "grading": {"source": "B", "information": "2"},
    "species": [{"name_zh": "春兰", "name_latin": "Cymbidium goeringii"}],
    "charges": ["344"],
    "area": {
        "datum": "CGCS2000",
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[119.19, 27.41], [119.28, 27.41], [119.28, 27.48], [119.19, 27.48], [119.19, 27.41]]],
        },
    },
    "valid_until": "2027-02-28T23:59:59+08:00",
    "sanitised": True,
    "suggested_actions": ["检查茶苗包裹", "提示快递网点落实收寄验视"],
}
_GOVERNANCE: dict[str, JsonValue] = {
    "purpose": "提示邻县查控野生兰花寄递",
    "handling": {"code": "H0", "onward": "group"},
}


def example(value: dict[str, JsonValue]) -> ConfigDict:
    """Return the configuration of what a client sends, with its example."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


class TextIn(BulletinText):
    """What an officer writes, with the persons and items that ride in the private part."""

    model_config = ConfigDict(extra="forbid")

    charges: Annotated[tuple[ChargeCode, ...], Field(max_length=20)] = ()
    persons: Annotated[tuple[BulletinPerson, ...], Field(max_length=50)] | None = Field(
        default=None, description="Left out of a later edit, the persons stay as they are; [] removes them."
    )
    items: Annotated[tuple[BulletinItem, ...], Field(max_length=50)] | None = None
    attachments: AttachmentsIn = Field(
        default=(), description="All its files; a correction that leaves one out takes it back."
    )

    def text(self) -> BulletinText:
        """Return what goes into the body of the statement."""
        members = set(BulletinText.model_fields)
        return BulletinText.model_validate(self.model_dump(mode="json", exclude_none=True, include=members))

    def private(self, before: BulletinPrivate) -> BulletinPrivate:
        """Return what goes into its private part; what is left out here stays as it was `before`."""
        return BulletinPrivate(
            persons=before.persons if self.persons is None else self.persons,
            items=before.items if self.items is None else self.items,
        )

    def refuse_unknown_members(self) -> None:
        """Refuse members the wire would carry but nobody here knows: most likely somebody mistyped one.

        Raises:
            InvalidError: there is one.

        """
        for pointer in _unknown(self, ""):
            raise InvalidError("There is no such member.", "没有这个字段。", pointer=pointer)


class BulletinIn(TextIn):
    """A bulletin as an officer drafts it."""

    model_config = example(
        {**TEXT, "governance": _GOVERNANCE, "alliance_id": "019ab000-0000-7000-8000-000000000001", "recipients": []}
    )

    governance: GovernanceIn
    alliance_id: Id | None = Field(
        default=None, description="The alliance it is told to, or whose members may pass it on (`onward`: `group`)."
    )
    recipients: Annotated[tuple[UnitCode, ...], Field(max_length=MAX_RECIPIENTS)] = Field(
        default=(), description="Whom it is told to; empty: every other member of the alliance."
    )


class BulletinCorrectionIn(TextIn):
    """The whole bulletin as it shall read from now on, told to all who were told before."""

    model_config = example({**TEXT, "title": "更正：春兰混作茶苗邮寄出省", "reason": "原通报物种名称有误。"})

    reason: Note


class BulletinSendBackIn(BaseModel):
    """What should be changed before it can be approved."""

    model_config = example({"reason": "请补充信息来源评级依据。"})

    reason: Note


class BulletinRecallIn(BaseModel):
    """Why a bulletin is taken back."""

    model_config = example({"reason_code": "wrong", "reason": "经核查，所通报情况不属实。"})

    reason_code: RecallReason
    reason: Note


class BulletinUseIn(BaseModel):
    """What the bulletin was used for here."""

    model_config = example({"used_on": "2026-11-25", "used_for": "清查辖区快递网点12家"})

    used_on: Day
    used_for: Note


class BulletinFeedbackIn(BaseModel):
    """What the bulletin was worth here."""

    model_config = example(
        {
            "used_for": "清查快递网点时查获夹带兰花的包裹",
            "usefulness": 5,
            "outcomes": ["case_filed", "seizure"],
            "correction_requested": "建议补充蕙兰",
        }
    )

    used_for: Note
    usefulness: Annotated[int, Field(strict=True, ge=1, le=5)]
    outcomes: Outcomes
    correction_requested: Note | None = None


class ShareRequestIn(BaseModel):
    """To whom we want to pass the bulletin on, and why."""

    model_config = example({"recipients": ["350724000000"], "reason": "松溪有同类收购窝点线索"})

    recipients: Annotated[tuple[UnitCode, ...], Field(min_length=1, max_length=MAX_RECIPIENTS)]
    reason: Note


class ShareGrantIn(BaseModel):
    """What we allow; left out, all that was asked for."""

    model_config = example({"until": "2026-12-31T23:59:59+08:00", "conditions": "不得再行转发"})

    recipients: Annotated[tuple[UnitCode, ...], Field(min_length=1, max_length=MAX_RECIPIENTS)] | None = None
    until: Time | None = None
    conditions: Note | None = None


class ShareRefusalIn(BaseModel):
    """Why we do not allow it."""

    model_config = example({"reason": "涉及在侦案件"})

    reason: Note


class BulletinShareIn(BaseModel):
    """To whom we pass the bulletin on."""

    model_config = example({"recipients": ["350724000000"], "note": "请关注辖区收购点"})

    recipients: Annotated[tuple[UnitCode, ...], Field(min_length=1, max_length=MAX_RECIPIENTS)]
    note: Note | None = None


class BulletinRevealIn(BaseModel):
    """Why the persons are shown in full."""

    model_config = example({"reason": "核对嫌疑人身份"})

    reason: Line


def _unknown(value: Any, pointer: str) -> Iterator[str]:  # noqa: ANN401 - any part of a body
    """Yield pointers to the members of nested parts that their models do not know."""
    if isinstance(value, tuple | list):
        for place, inner in enumerate(value):
            yield from _unknown(inner, f"{pointer}/{place}")
    elif isinstance(value, BaseModel):
        for name in value.model_extra or {}:
            yield f"{pointer}/{name}"
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), f"{pointer}/{name}")
