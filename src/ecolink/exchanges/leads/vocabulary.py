"""The lists a form is filled from: charges, reasons, and what people call states and moves."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from ecolink.exchanges.leads.table import MOVE_NAMES, STATE_NAMES, Side
from ecolink.protocol.kinds import lead_reasons
from ecolink.protocol.kinds.common import CHARGES


class CodeOut(BaseModel):
    """One entry of a list of codes."""

    code: str
    zh: str
    en: str


class VocabularyOut(BaseModel):
    """The lists a form is filled from."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "charges": [{"code": "345(1)", "zh": "盗伐林木", "en": "theft of standing timber"}],
                    "return_reasons": [
                        {"code": "letter-missing", "zh": "缺少协作函", "en": "the formal letter is missing"}
                    ],
                    "unable_reasons": [
                        {"code": "no-record", "zh": "本地无此记录", "en": "no such record is held here"}
                    ],
                    "transfer_reasons": [
                        {"code": "person-moved", "zh": "对象户籍或住所已迁出", "en": "the person has moved there"}
                    ],
                    "withdraw_reasons": [{"code": "no-longer-needed", "zh": "不再需要", "en": "no longer needed"}],
                    "states": {"draft": "草稿"},
                    "moves": {"accepted": "受理"},
                }
            ]
        }
    )

    charges: list[CodeOut]
    return_reasons: list[CodeOut]
    unable_reasons: list[CodeOut]
    transfer_reasons: list[CodeOut]
    withdraw_reasons: list[CodeOut]
    states: dict[str, str] = Field(description="Chinese name by state.")
    moves: dict[str, str] = Field(description="Chinese name by move.")


def vocabulary() -> VocabularyOut:
    """Return every list."""
    return VocabularyOut(
        charges=[CodeOut(code=each.article, zh=each.name_zh, en=each.name_en) for each in CHARGES.values()],
        return_reasons=_codes(lead_reasons.RETURN_REASONS),
        unable_reasons=_codes(lead_reasons.UNABLE_REASONS),
        transfer_reasons=_codes(lead_reasons.TRANSFER_REASONS),
        withdraw_reasons=_codes(lead_reasons.WITHDRAW_REASONS),
        states={str(state): name for state, name in STATE_NAMES.items()},
        moves={move: name for move, name in MOVE_NAMES.items() if move not in list(Side)},
    )


def _codes(reasons: Mapping[str, lead_reasons.Reason]) -> list[CodeOut]:
    return [CodeOut(code=each.code, zh=each.zh, en=each.en) for each in reasons.values()]
