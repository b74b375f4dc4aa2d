"""What an officer's tool sends: a request, and each later move. Members that are unknown are refused."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator

from ecolink.errors import InvalidError
from ecolink.exchanges.governance import GovernanceIn, HandlingIn
from ecolink.exchanges.leads.examples import REQUEST
from ecolink.protocol.kinds import lead_reasons
from ecolink.protocol.kinds import leads as wire
from ecolink.protocol.kinds.common import ChargeCode, Code, Frozen, Line, Note, UnitCode


def _listed(reasons: Mapping[str, lead_reasons.Reason]) -> AfterValidator:
    def refuse_unlisted(code: str) -> str:
        if code not in reasons:
            msg = f"not one of {', '.join(reasons)}"
            raise ValueError(msg)
        return code

    return AfterValidator(refuse_unlisted)


def _enum(reasons: Mapping[str, lead_reasons.Reason]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(reasons)})


ReturnReason = Annotated[Code, _listed(lead_reasons.RETURN_REASONS), _enum(lead_reasons.RETURN_REASONS)]
UnableReason = Annotated[Code, _listed(lead_reasons.UNABLE_REASONS), _enum(lead_reasons.UNABLE_REASONS)]
TransferReason = Annotated[Code, _listed(lead_reasons.TRANSFER_REASONS), _enum(lead_reasons.TRANSFER_REASONS)]
WithdrawReason = Annotated[Code, _listed(lead_reasons.WITHDRAW_REASONS), _enum(lead_reasons.WITHDRAW_REASONS)]


class Written(Frozen):
    """Something an officer wrote."""

    model_config = ConfigDict(extra="forbid")

    def body(self) -> dict[str, Any]:
        """Return what goes on the wire, without the private part."""
        return self.model_dump(mode="json", exclude_none=True, exclude=set(_PRIVATE))

    def private(self) -> dict[str, Any]:
        """Return the personal data, for the private part."""
        return self.model_dump(mode="json", exclude_none=True, include=set(_PRIVATE))

    def refuse_unknown_members(self) -> None:
        """Refuse members the wire would carry, but nobody here knows: most likely somebody mistyped one.

        Raises:
            InvalidError: there is one.

        """
        for pointer in _unknown(self, ""):
            raise InvalidError("There is no such member.", "没有这个字段。", pointer=pointer)


_PRIVATE = ("persons", "vehicles", "contact", "officers")


def _example(example: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class Asked(Written, wire.RequestSubject):
    """What is asked, held to the same rules as on the wire; here each fault is told at its member, to people."""

    @model_validator(mode="after")
    def _give_reasons(self) -> Self:
        if self.urgency != "U3" and self.urgency_reason is None:
            raise InvalidError(
                "An urgent request gives its reason.", "紧急、特急须说明理由。", pointer="/urgency_reason"
            )
        if self.remote_area and self.remote_area_reason is None:
            raise InvalidError(
                "The remote-area flag needs a reason.", "边远地区须说明理由。", pointer="/remote_area_reason"
            )
        return self


class LeadIn(Asked):
    """A case-lead request as an officer drafts it."""

    model_config = _example({**REQUEST, "to": "331126000000", "governance": {"purpose": "侦办盗伐林木案"}})

    to: UnitCode = Field(description="The bureau that is asked; an active peer.")
    governance: GovernanceIn
    charges: Annotated[tuple[ChargeCode, ...], Field(max_length=20)] = ()
    contact: wire.Officer = Field(description="Whom the recipient calls.")
    persons: wire.Persons | None = Field(
        default=None, description="Left out of a later edit, the persons stay as they are; [] removes them."
    )
    vehicles: wire.Vehicles | None = None

    def body(self) -> dict[str, Any]:
        """Return the request as it goes on the wire."""
        return _counted(self, self.model_dump(mode="json", exclude_none=True, exclude={*_PRIVATE, "to", "governance"}))


class ResubmitIn(Asked):
    """The corrected request, in full."""

    model_config = _example({**REQUEST, "correction": "已补协作函。"})

    charges: Annotated[tuple[ChargeCode, ...], Field(max_length=20)] = ()
    contact: wire.Officer
    persons: wire.Persons | None = Field(
        default=None, description="Left out, the persons stay as they were; [] removes them."
    )
    vehicles: wire.Vehicles | None = None
    correction: Note = Field(description="What was corrected.")

    def body(self) -> dict[str, Any]:
        """Return the request as it goes on the wire."""
        return _counted(self, super().body())


class AcknowledgeIn(Written, wire.LeadAcknowledgedV1):
    """签收: the caller's name goes with it."""

    model_config = _example({"note": "归口部门已收悉。"})


class AcceptIn(Written, wire.LeadAcceptedV1):
    """受理."""

    model_config = _example({"handled_by": "龙溪派出所"})


class StartIn(Written, wire.LeadStartedV1):
    """开始办理."""

    model_config = _example({"note": "已派两名民警。"})


class ReturnIn(Written, wire.LeadReturnedV1):
    """退回补正: becomes a proposal that an approver sends."""

    model_config = _example(
        {"reason_code": "letter-missing", "explanation": "未附协作函。", "corrections": ["补协作函"]}
    )
    reason_code: ReturnReason


class TransferIn(Written, wire.LeadTransferredV1):
    """移送: becomes a proposal that an approver sends."""

    model_config = _example(
        {
            "to": "350724000000",
            "to_name": "松溪县公安局",
            "reason_code": "person-moved",
            "explanation": "对象户籍已迁往松溪县。",
        }
    )
    reason_code: TransferReason


class AskIn(Written, wire.LeadInformationRequestedV1):
    """要求补充."""

    model_config = _example({"questions": "请提供P1曾用名。"})


class ProvideIn(Written, wire.InformationSubject):
    """提供补充: becomes a proposal when it names persons, else it is sent at once."""

    model_config = _example({"answer": "P1曾用名为林小山。"})

    persons: wire.Persons = ()
    vehicles: wire.Vehicles = ()

    def body(self) -> dict[str, Any]:
        """Return the answer as it goes on the wire."""
        return _counted(self, super().body())


class ReplyIn(Written, wire.ReplySubject):
    """回复, interim or final: becomes a proposal that an approver sends."""

    model_config = _example(
        {
            "outcome": "full",
            "scope_executed": "已查询户籍及违法犯罪记录。",
            "within_scope": True,
            "executed_from": "2026-11-24",
            "executed_to": "2026-11-25",
            "findings": "P1户籍在龙溪乡，有一次行政处罚记录。",
            "grading": {"source": "A", "information": "1"},
            "usable_as_evidence": "yes",
            "officers": [{"name": "周小河", "post": "民警"}, {"name": "陈远山", "post": "民警"}],
        }
    )
    reason_code: UnableReason | None = None
    handling: HandlingIn | None = Field(default=None, description="What the requester may do with the reply.")
    officers: Annotated[tuple[wire.Officer, ...], Field(max_length=20)] = Field(
        default=(), description="Those who executed it, two at least unless nothing was executed."
    )
    persons: wire.Persons = ()
    vehicles: wire.Vehicles = ()

    @model_validator(mode="after")
    def _fit_outcome(self) -> Self:
        """Hold a reply to the same rules as on the wire; here each fault is told at its member, to people."""
        if self.outcome == "unable" and self.reason_code is None:
            raise InvalidError("Say why it could not be done.", "无法协查须说明原因。", pointer="/reason_code")
        if self.outcome == "unable" and self.explanation is None:
            raise InvalidError("Explain why it could not be done.", "无法协查须作出说明。", pointer="/explanation")
        if self.outcome == "interim" and self.new_due_at is None:
            raise InvalidError(
                "An interim reply gives a new due time.", "阶段性回复须注明下次答复时间。", pointer="/new_due_at"
            )
        if self.outcome in wire.EXECUTED:
            self._refuse_unexecuted()
        if self.executed_from and self.executed_to and self.executed_from > self.executed_to:
            raise InvalidError("The end is before the beginning.", "结束日期早于开始日期。", pointer="/executed_to")
        return self

    def _refuse_unexecuted(self) -> None:
        for member in ("executed_from", "executed_to"):
            if getattr(self, member) is None:
                raise InvalidError("A reply says when it was executed.", "回复须注明办理日期。", pointer=f"/{member}")
        if len(self.officers) < wire.MIN_EXECUTING_OFFICERS:
            raise InvalidError(
                "At least two officers execute a request.", "办案民警不得少于两人。", pointer="/officers"
            )

    def body(self) -> dict[str, Any]:
        """Return the reply as it goes on the wire."""
        body = self.model_dump(mode="json", exclude_none=True, exclude={*_PRIVATE, "handling"})
        return {**_counted(self, body), "executing_officer_count": len(self.officers)}


class FeedbackIn(Written, wire.LeadFeedbackV1):
    """反馈."""

    model_config = _example({"used_for": "锁定嫌疑人。", "usefulness": 5, "outcome": "arrests"})


class CloseIn(Written, wire.LeadClosedV1):
    """办结."""

    model_config = _example({"conclusion": "嫌疑人已到案。"})


class WithdrawIn(Written, wire.LeadWithdrawnV1):
    """撤回."""

    model_config = _example({"reason_code": "no-longer-needed", "explanation": "嫌疑人已投案。"})
    reason_code: WithdrawReason


class MessageIn(Written, wire.LeadMessageV1):
    """留言."""

    model_config = _example({"text": "材料已寄出，请查收。"})


class ReasonIn(BaseModel):
    """Why a draft or a proposal goes back to its author."""

    model_config = _example({"reason": "请补充查询范围。"})

    reason: Note


class RevealIn(BaseModel):
    """Which members of which person are to be shown in full, and why."""

    model_config = _example({"person": "P1", "fields": ["identity_number"], "reason": "核对户籍底册。"})

    statement: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, description="Digest of the statement that names the person; left out: the request as it stands."
    )
    proposal: Annotated[str, Field(max_length=36)] | None = Field(
        default=None, description="Id of a move that awaits approval, for what it names."
    )
    person: Annotated[str, Field(pattern=r"^P[1-9][0-9]{0,2}$")]
    fields: Annotated[
        tuple[Literal["name", "birth_date", "identity_number", "phone", "address", "note"], ...],
        Field(min_length=1, max_length=6),
    ]
    reason: Line


def _counted(written: LeadIn | ResubmitIn | ProvideIn | ReplyIn, body: dict[str, Any]) -> dict[str, Any]:
    """Add how many persons and vehicles the private part names."""
    return {**body, "person_count": len(written.persons or ()), "vehicle_count": len(written.vehicles or ())}


def _unknown(value: object, pointer: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (f"{pointer}/{name}" for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), f"{pointer}/{name}")
    elif isinstance(value, tuple):
        for place, inner in enumerate(value):
            yield from _unknown(inner, f"{pointer}/{place}")
