"""A bulletin as an official letter in Chinese (情报通报). Persons and items stand as they are given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from ecolink.cadence.calendars import china_day
from ecolink.documents.document import Block, Document, Signature, Table, chinese_time
from ecolink.exchanges.bulletins.views import BulletinOut
from ecolink.exchanges.enclosures import EnclosureOut
from ecolink.exchanges.governance import GovernanceIn, GovernanceOut
from ecolink.exchanges.letters import (
    BULLETIN_KINDS,
    CLASSIFICATIONS,
    DRAFT,
    MASKED,
    PERSON_HEADER,
    Names,
    Persons,
    handling_text,
    numbered,
    paragraphs,
    person_row,
)
from ecolink.protocol.kinds.bulletins import BulletinContent
from ecolink.protocol.kinds.common import CHARGES

_SOURCES: Final[Names] = MappingProxyType({"A": "可靠", "B": "通常可靠", "C": "多不可靠", "X": "无法评估"})
_INFORMATION: Final[Names] = MappingProxyType({"1": "确证", "2": "来源亲知", "3": "非亲知但有佐证", "4": "无法判断"})
_SANITISED: Final = "本件已作脱敏处理，不涉及情报来源、具体人员和行动。"


@dataclass(frozen=True, kw_only=True)
class BulletinLetter:
    """A bulletin, told or still a draft, and what its letter needs to know of the bureaus."""

    bulletin: BulletinOut
    content: BulletinContent
    files: Sequence[EnclosureOut]
    terms: GovernanceOut | GovernanceIn | None
    author: str
    """Chinese name of the bureau that tells it."""
    addressee: str
    made_at: datetime
    is_masked: bool = True

    def document(self, persons: Persons, items: Sequence[Mapping[str, Any]]) -> Document:
        """Return it as a letter, with `persons` and `items` as they are to be shown."""
        told = self.bulletin.current is not None
        signed = Signature(self.author, self.bulletin.told_at, f"本件摘要 {self.bulletin.current}")
        return Document(
            title=f"{self.author}关于{self.content.title}的情报通报",
            bureau=self.author,
            number=self.content.number or "",
            addressee=self.addressee,
            day=china_day(self.bulletin.told_at if told else self.made_at),
            made_at=self.made_at,
            red_head=True,
            body=numbered("现将有关情况通报如下：", self._said(persons, items), "特此通报。"),
            signatures=[signed] if told else [],
            notes=self._notes(is_draft=not told, names_anybody=bool(persons or items)),
        )

    def _said(self, persons: Persons, items: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, list[Block]]]:
        content = self.content
        period = f"所涉时段：{content.period.start}至{content.period.end}。" if content.period else ""
        yield f"{BULLETIN_KINDS[content.kind.value]}情况", paragraphs(*content.body.splitlines(), period)
        yield "所涉物种、罪名和区域", paragraphs(*self._about())
        yield "所涉人员和物品", _named(persons, items)
        actions = [f"{number}．{action}" for number, action in enumerate(content.suggested_actions, 1)]
        yield "工作建议", paragraphs("\n".join(actions))
        grading = content.grading
        graded = f"来源{grading.source}（{_SOURCES[grading.source]}），信息{grading.information}"
        until = f"有效期至{chinese_time(content.valid_until)}。" if content.valid_until else ""
        yield (
            "情报评级和有效期",
            paragraphs(
                f"{graded}（{_INFORMATION[grading.information]}）。{until}{_SANITISED if content.sanitised else ''}"
            ),
        )
        if self.terms is not None:
            yield "使用要求", paragraphs(_terms_text(self.terms))
        listed = [f"{number}．{file.name}" for number, file in enumerate(self.files, 1)]
        yield "附件", paragraphs("\n".join(listed))

    def _about(self) -> Iterable[str]:
        content = self.content
        species = "、".join(
            f"{each.name_zh}（{each.name_latin}）" if each.name_latin else each.name_zh for each in content.species
        )
        charges = "、".join(CHARGES[code].name_zh if code in CHARGES else code for code in content.charges)
        yield f"物种：{species}。" if species else ""
        yield f"涉嫌：{charges}。" if charges else ""
        yield f"案件编号：{content.case_number}。" if content.case_number else ""
        if content.area:
            yield f"适用区域见随附电子件（坐标系 {content.area.datum}）。"

    def _notes(self, *, is_draft: bool, names_anybody: bool) -> list[str]:
        notes = [DRAFT] if is_draft else []
        if self.bulletin.is_exercise:
            notes.append("【演练】本件用于演练，不涉及真实案件。")
        notes.append("本件不替代正式协作函件。")
        return [*notes, MASKED] if self.is_masked and names_anybody else notes


def _terms_text(terms: GovernanceOut | GovernanceIn) -> str:
    parts = [f"用途：{terms.purpose}"]
    if terms.classification:
        parts.append(f"密级：{CLASSIFICATIONS[terms.classification]}")
    if terms.handling:
        parts.append(f"使用要求：{handling_text(terms.handling)}")
    if terms.legal_basis:
        parts.append(f"法律依据：{terms.legal_basis}")
    return "。".join(parts) + "。"


def _named(persons: Persons, items: Sequence[Mapping[str, Any]]) -> list[Block]:
    blocks: list[Block] = []
    if persons:
        blocks.append(Table(PERSON_HEADER, [person_row(person) for person in persons]))
    if items:
        rows = [(each["ref"], each["kind"], each.get("identifier"), each.get("note")) for each in items]
        blocks.append(Table(("代称", "物品", "编号或标识", "备注"), rows))
    return blocks
