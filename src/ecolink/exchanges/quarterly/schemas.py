"""What an officer's tool sends about exchanges. Members that are unknown are refused."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ecolink.protocol.kinds.agreements import ObligationKey
from ecolink.protocol.kinds.common import Digest, Line, Note, Prose

OBLIGATION = "sn-qy-151/exchange/2026-Q3"
PACKAGE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class ExchangeIn(BaseModel):
    """An exchange whose package shall be drawn up now: one long overdue, or one nobody has to wait for."""

    model_config = _example({"obligation": OBLIGATION})

    obligation: ObligationKey = Field(description="Its key; also of a missed one, which it then makes up for.")


class PackageDraftIn(BaseModel):
    """What officers write into our package; its figures and lists come from the node."""

    model_config = _example(
        {
            "number": "寿公协〔2026〕3号",
            "highlights": "本季度我局共侦办涉林案件3起，其中1起系贵局提供线索。",
            "outlook": "建议元旦前组织一次联合巡护。",
            "leave_out": [],
            "nothing_to_report": False,
        }
    )

    number: Line | None = Field(default=None, description="发文字号, where your bureau numbers its letters.")
    highlights: Prose | None = None
    outlook: Prose | None = None
    leave_out: Annotated[list[Annotated[str, Field(max_length=36)]], Field(max_length=80)] = Field(
        default=[], description="Ids of bulletins and requests that shall not be listed; they still count."
    )
    nothing_to_report: bool = Field(
        default=False, description="Send a nil package: refused where anything was counted in the period."
    )


class PackageCorrectionIn(BaseModel):
    """Why our package is corrected."""

    model_config = _example({"correction": "更正：发出情报通报数应为4件。"})

    correction: Note


class PackageReadIn(BaseModel):
    """The package the caller has read."""

    model_config = _example({"package": PACKAGE})

    package: Digest


class PackageFeedbackIn(BaseModel):
    """What the package was good for."""

    model_config = _example({"package": PACKAGE, "usefulness": 4, "remarks": "兰花通报已用于清查快递网点。"})

    package: Digest
    usefulness: Annotated[int, Field(strict=True, ge=1, le=5)]
    remarks: Note | None = None
    correction_wanted: Note | None = None


class SignOffIn(BaseModel):
    """Our signature under the exchange as it stands."""

    model_config = _example({"digest": PACKAGE})

    digest: Digest = Field(description="`sign_off.digest` as you read it; another one is not signed.")
