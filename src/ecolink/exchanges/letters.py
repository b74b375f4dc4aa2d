"""What the official letters of several rooms have in common: their build, and the terms as letters say them."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from ecolink.documents.document import Block, Heading, Paragraph
from ecolink.exchanges.governance import HandlingIn

Persons = Sequence[Mapping[str, Any]]
"""Persons by the names of their members, as they are to be shown."""
Names = Mapping[str, str]

CATEGORIES: Final[Names] = MappingProxyType(
    {"suspect": "嫌疑人", "witness": "证人", "victim": "被害人", "reporter": "报案人", "other": "其他"}
)
BASES: Final[Names] = MappingProxyType({"fact": "事实", "assessment": "研判"})
BULLETIN_KINDS: Final[Names] = MappingProxyType(
    {
        "trend": "动态",
        "modus_operandi": "作案手法",
        "person_or_item": "人员物品",
        "warning": "预警",
        "statistics": "统计",
    }
)
URGENCIES: Final[Names] = MappingProxyType({"U1": "特急", "U2": "紧急", "U3": "普通"})
CLASSIFICATIONS: Final[Names] = MappingProxyType({"public": "公开", "internal": "内部", "work-secret": "工作秘密"})
PERSON_HEADER: Final = ("代称", "类别", "姓名", "身份证号", "出生日期", "电话", "住址", "备注")
MASKED: Final = "本件所列个人信息已作遮盖处理。"
DRAFT: Final = "本件为草稿，尚未审批发出。"

_HANDLING: Final[Names] = MappingProxyType(
    {
        "H0": "仅用于预防和打击犯罪",
        "H1": "未经我局同意，不得用于诉讼",
        "H2": "未经我局同意，不得传播",
        "H3": "按下列限制使用",
    }
)
_ONWARD: Final[Names] = MappingProxyType(
    {"none": "不得转发", "ask": "征得我局同意后方可转发", "group": "可在联盟内转发"}
)
_NUMERALS: Final = "一二三四五六七八"


def numbered(opening: str, sections: Iterable[tuple[str, list[Block]]], closing: str) -> list[Block]:
    """Return a letter's body: sections under Chinese numerals, those with nothing in them left out."""
    blocks: list[Block] = [Paragraph(opening)]
    told = [(title, inner) for title, inner in sections if inner]
    for numeral, (title, inner) in zip(_NUMERALS, told, strict=False):
        blocks += [Heading(f"{numeral}、{title}"), *inner]
    return [*blocks, Paragraph(closing)]


def paragraphs(*texts: str) -> list[Block]:
    """Return a paragraph for each text that says anything."""
    return [Paragraph(text) for text in texts if text]


def person_row(person: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Return a person as a row under `PERSON_HEADER`."""
    category = CATEGORIES.get(person["category"], person["category"])
    minor = "，未成年" if person.get("minor") else ""
    members = ("name", "identity_number", "birth_date", "phone", "address", "note")
    shown = (str(person[name]) if person.get(name) else None for name in members)
    return (person["ref"], f"{category}（{BASES.get(person['basis'], person['basis'])}{minor}）", *shown)


def handling_text(handling: HandlingIn) -> str:
    """Return how it may be used and passed on."""
    text = f"：{handling.text}" if handling.text else ""
    return f"{_HANDLING[handling.code]}（{handling.code}）{text}，{_ONWARD[handling.onward]}"
