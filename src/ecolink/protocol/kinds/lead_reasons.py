"""Why a lead is returned, transferred, withdrawn, or cannot be answered: the codes our own officers may enter."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One entry of a reason list, in both languages."""

    code: str
    zh: str
    en: str


def _listed(*reasons: Reason) -> Mapping[str, Reason]:
    return {reason.code: reason for reason in reasons}


RETURN_REASONS = _listed(
    Reason("letter-missing", "缺少协作函", "the formal letter is missing"),
    Reason("approval-missing", "缺少审批手续", "the approval papers are missing"),
    Reason("case-papers-missing", "缺少立案等法律文书", "case-filing or other legal papers are missing"),
    Reason("identity-unclear", "被查对象身份信息不清", "it is not clear who is meant"),
    Reason("scope-unclear", "协查事项或范围不明确", "what is asked, or its scope, is not clear"),
    Reason("wrong-form", "文书格式或内容有误", "a paper is wrong in form or content"),
    Reason("other-formality", "其他手续不全", "another formality is missing"),
)
"""Formalities only: once they are complete, co-operation is unconditional (procedure rules, art. 348)."""

UNABLE_REASONS = _listed(
    Reason("not-found", "经查找未能找到对象", "looked for and not found"),
    Reason("no-record", "本地无此记录", "no such record is held here"),
    Reason("destroyed", "材料已灭失", "the material no longer exists"),
    Reason("gone-abroad", "对象已离境", "the person or thing has left the country"),
    Reason("barred-by-law", "法律规定不得提供", "the law bars providing it"),
    Reason("force-majeure", "不可抗力", "force majeure"),
    Reason("information-not-provided", "补充材料未提供", "the information asked for was not provided"),
)

TRANSFER_REASONS = _listed(
    Reason("other-jurisdiction", "属其他公安机关管辖", "another bureau has jurisdiction"),
    Reason("person-moved", "对象户籍或住所已迁出", "the person has moved there"),
    Reason("thing-moved", "物品或车辆已转移", "the thing or vehicle is there now"),
    Reason("records-elsewhere", "材料由其他公安机关保管", "the records are kept there"),
    Reason("designated", "上级指定管辖", "a higher authority designated it"),
)

WITHDRAW_REASONS = _listed(
    Reason("no-longer-needed", "不再需要", "no longer needed"),
    Reason("case-closed", "案件已终结", "the case has ended"),
    Reason("solved-otherwise", "已通过其他途径查清", "cleared up another way"),
    Reason("sent-in-error", "误发", "sent in error"),
    Reason("replaced", "已另行发函", "another letter replaces it"),
)
