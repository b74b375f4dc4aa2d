"""The terms under which a bureau says something: classification, handling, purpose, basis, retention, approval.

They stand outside a statement's body, so that every node can hold to them even when it does not know the
type of what is said. An officer chooses; what they leave open comes from the room's defaults, which an
agreement may replace.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ecolink.errors import ForbiddenError, InvalidError
from ecolink.identity.principal import Principal
from ecolink.kit.times import months_after
from ecolink.protocol.kinds.common import HandlingCode, Line, Onward
from ecolink.protocol.statement import CLASSIFICATIONS, Handling, Lane
from ecolink.protocol.statement import HandlingCode as Code
from ecolink.protocol.statement import Onward as OnwardRule

MIN_RETENTION_DAYS = 180
"""About the six months for which the law wants network logs kept (Cybersecurity Law, art. 23 no. 3 since 2026)."""
MAX_RETENTION_DAYS = 30 * 365
PERSON_REVIEW = timedelta(days=182)
"""Whether personal data are still needed is looked at after six months."""


class SecondPersonError(ForbiddenError):
    """The same person prepared it: somebody else must approve."""

    code = "second-person-required"


class HandlingIn(BaseModel):
    """What the recipient may do with it."""

    model_config = ConfigDict(extra="forbid")

    code: HandlingCode = Field(description="H0 prevent and combat crime only; H1 not in judicial proceedings without "
                               "permission; H2 no dissemination without permission; H3 other, with text.")  # fmt: skip
    onward: Onward = Field(default="none", description="Onward sharing: none, after asking, within the group.")
    text: Line | None = Field(default=None, description="The restriction in words; required for H3.")


class GovernanceIn(BaseModel):
    """The terms an officer chooses; what is left out comes from the node's defaults."""

    model_config = ConfigDict(extra="forbid")

    purpose: Line = Field(description="What the recipient is told it is for.")
    legal_basis: Line | None = Field(default=None, description="The provision it rests on.")
    classification: Annotated[str, Field(max_length=40)] | None = Field(
        default=None,
        description="public, internal or work-secret. Anything higher may not be on this system.",
        json_schema_extra={"examples": list(CLASSIFICATIONS)},
    )
    handling: HandlingIn | None = None
    retain_days: Annotated[int, Field(ge=MIN_RETENTION_DAYS, le=MAX_RETENTION_DAYS)] | None = Field(
        default=None, description="Days the recipient keeps it, counted from sending."
    )
    is_exercise: bool = Field(default=False, description="A drill: kept apart from the real thing everywhere.")


class GovernanceOut(BaseModel):
    """The terms in force."""

    purpose: str
    legal_basis: str
    classification: str
    handling: HandlingIn
    is_exercise: bool


@dataclass(frozen=True, kw_only=True)
class Terms:
    """A room's defaults. (P) all of them."""

    classification: str
    handling: Handling
    legal_basis: str
    retain_months: int = 36
    """Records of sharing personal data are kept three years at least (PIPL art. 55, 56)."""

    def settle(self, chosen: GovernanceIn) -> GovernanceOut:
        """Return the terms in force for what an officer chose.

        Raises:
            InvalidError: a classification this system may not carry, or H3 without words.

        """
        if chosen.classification is not None:
            refuse_classification(chosen.classification)
        handling = chosen.handling or HandlingIn(
            code=self.handling.code.value, onward=self.handling.onward.value, text=self.handling.text
        )
        if handling.code == "H3" and handling.text is None:
            raise InvalidError(
                "Handling code H3 needs its restriction in words.",
                "处理代码 H3 须用文字说明限制。",
                pointer="/governance/handling/text",
            )
        return GovernanceOut(
            purpose=chosen.purpose,
            legal_basis=chosen.legal_basis or self.legal_basis,
            classification=chosen.classification or self.classification,
            handling=handling,
            is_exercise=chosen.is_exercise,
        )

    def retain_until(self, chosen: GovernanceIn, now: datetime) -> datetime:
        """Return until when the recipient keeps it."""
        return self.keep_until(now, chosen.retain_days)

    def keep_until(self, now: datetime, days: int | None = None) -> datetime:
        """Return the end of `days`, or of the usual time, counted from `now`."""
        return now + timedelta(days=days) if days else months_after(now, self.retain_months)


def refuse_classification(classification: str) -> None:
    """Refuse what may not be on this system.

    Raises:
        InvalidError: the classification is higher than work secret, or unknown.

    """
    if classification not in CLASSIFICATIONS:
        raise InvalidError(
            "Only public, internal and work-secret matters may be entered. State secrets may not be on this system "
            "(Law on Guarding State Secrets); use the channels made for them.",
            "只能录入公开、内部、工作秘密事项。国家秘密不得进入本系统（《保守国家秘密法》），请使用规定渠道。",
            pointer="/governance/classification",
        )


def handling_of(told: HandlingIn) -> Handling:
    """Return handling as a statement carries it."""
    return Handling(code=Code(told.code), onward=OnwardRule(told.onward), text=told.text)


def handling_out(handling: Handling) -> HandlingIn:
    """Return a statement's handling as the API shows it."""
    return HandlingIn(code=handling.code.value, onward=handling.onward.value, text=handling.text)


def lane_of(usual: Lane, *, is_exercise: bool) -> Lane:
    """Return the lane: a drill never travels among the real ones."""
    return Lane.BULK if is_exercise else usual


def approver_claim(by: Principal) -> dict[str, Any]:
    """Return what a statement says of its approver: no name, which belongs in the private part."""
    return {"id": by.id, "role": by.lead_role}


def refuse_same_person(prepared_by: str, by: Principal) -> None:
    """Insist on two people. `prepared_by` is the id of whoever prepared it.

    Raises:
        SecondPersonError: they are the same, or a program approves.

    """
    if by.kind != "user":
        raise SecondPersonError("A person must approve this, not a program.", "须由人员审批，不能由程序审批。")
    if by.id == prepared_by:
        raise SecondPersonError(
            "You prepared this yourself; somebody else must approve it.", "您是拟稿人，须由另一人审批。"
        )
