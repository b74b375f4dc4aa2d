"""A lead as official letters in Chinese: the request (协查函) and its reply (回执). Persons stand as they are given."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from ecolink.cadence.calendars import china_day
from ecolink.documents.document import (
    Block,
    Document,
    Paragraph,
    Signature,
    Table,
    chinese_date,
    chinese_time,
    number_text,
)
from ecolink.exchanges.leads.views import LeadOut, OfficerOut, ReplyOut, RequestOut
from ecolink.exchanges.letters import (
    CLASSIFICATIONS,
    DRAFT,
    MASKED,
    PERSON_HEADER,
    URGENCIES,
    Names,
    Persons,
    handling_text,
    numbered,
    paragraphs,
    person_row,
)
from ecolink.protocol.kinds import lead_reasons
from ecolink.protocol.kinds.common import CHARGES
from ecolink.protocol.kinds.leads import Document as Enclosed

KINDS_ZH: Final[Names] = MappingProxyType(
    {
        "lead_check": "核查线索",
        "evidence_collection": "调取证据",
        "household_registration": "出具户籍证明",
        "records": "查询记录",
        "other": "协查有关事项",
    }
)
_OUTCOMES: Final[Names] = MappingProxyType(
    {
        "full": "已全部查清",
        "partial": "已部分查清",
        "no_result": "经查未发现有关情况",
        "unable": "无法协查",
        "interim": "正在办理，现先作阶段性回复",
    }
)
_EVIDENCE: Final[Names] = MappingProxyType(
    {"yes": "可作为证据使用", "no": "不作为证据使用", "ask": "作为证据使用前，请先征得我局同意"}
)
_DOCUMENTS: Final[Names] = MappingProxyType(
    {
        "letter": "协作函",
        "case_filing": "立案决定书",
        "evidence_notice": "调取证据通知书",
        "certificate": "证明材料",
        "record": "笔录或登记",
        "photograph": "照片",
        "other": "其他材料",
    }
)


@dataclass(frozen=True, kw_only=True)
class LeadLetter:
    """A lead and what its letters need to know of the two bureaus."""

    lead: LeadOut
    requester: str
    """Chinese name of the bureau that asks."""
    recipient: str
    """Chinese name of the bureau that is asked."""
    made_at: datetime
    is_masked: bool = True

    def request(self, persons: Persons) -> Document:
        """Return the request as a letter, with `persons` as they are to be shown."""
        asked, sent_at = self.lead.request, self.lead.sent_at
        return Document(
            title=f"{self.requester}关于商请{KINDS_ZH.get(asked.kind, KINDS_ZH['other'])}的函",
            bureau=self.requester,
            number=asked.letter_number,
            addressee=self.recipient,
            day=china_day(sent_at or self.made_at),
            made_at=self.made_at,
            red_head=True,
            body=numbered(
                "因办案需要，现商请贵局协查。有关情况函告如下：", self._asked(asked, persons), "特此函商，请予协助。"
            ),
            signatures=self._signed(asked.private.by, asked.private.approver, sent_at, asked.digest, self.requester),
            notes=self._notes(is_draft=sent_at is None),
        )

    def reply(self, reply: ReplyOut, persons: Persons) -> Document:
        """Return one of the replies as a letter."""
        about = f"贵局{self.lead.request.letter_number}收悉。{_OUTCOMES.get(reply.outcome, reply.outcome)}。"
        return Document(
            title=f"{self.recipient}协查回执" if reply.outcome != "interim" else f"{self.recipient}协查阶段性回执",
            bureau=self.recipient,
            addressee=self.requester,
            day=china_day(reply.replied_at),
            made_at=self.made_at,
            red_head=True,
            body=numbered(f"{about}现将办理情况函复如下：", self._told(reply, persons), "特此函复。"),
            signatures=self._signed(
                reply.private.by, reply.private.approver, reply.replied_at, reply.digest, self.recipient
            ),
            notes=self._notes(is_draft=False),
        )

    def _asked(self, asked: RequestOut, persons: Persons) -> Iterable[tuple[str, list[Block]]]:
        charges = "、".join(CHARGES[code].name_zh if code in CHARGES else code for code in asked.charges)
        case = (
            f"案件编号：{asked.case_number}。{'刑事' if asked.case_type == 'criminal' else '行政'}案件，{asked.stage}。"
        )
        yield "案件情况", paragraphs(case, f"涉嫌：{charges}。" if charges else "", asked.facts)
        yield "请求协查事项", paragraphs(asked.information_requested, f"请贵局协查的理由：{asked.why_recipient}")
        yield "授权范围", paragraphs(asked.scope)
        yield "涉及人员、车辆、单位和物品", [*self._named(persons, asked), *_things(asked)]
        urgency = f"紧急程度：{URGENCIES.get(asked.urgency, asked.urgency)}。{asked.urgency_reason or ''}"
        due = f"望于{chinese_time(asked.due_at)}前答复。" if asked.due_at else ""
        governance = self.lead.governance
        yield (
            "办理要求",
            paragraphs(
                urgency,
                due,
                asked.use_restrictions or "",
                f"用途：{governance.purpose}。密级：{CLASSIFICATIONS[governance.classification]}。"
                f"使用要求：{handling_text(governance.handling)}。法律依据：{governance.legal_basis}。",
            ),
        )
        yield "附件", _documents(asked.documents)
        contact = asked.private.contact
        if contact is not None:
            told = "，".join(filter(None, (contact.name, contact.post, contact.phone)))
            yield "联系人", paragraphs(f"{told}。")

    def _told(self, reply: ReplyOut, persons: Persons) -> Iterable[tuple[str, list[Block]]]:
        if reply.reason_code:
            reason = lead_reasons.UNABLE_REASONS.get(reply.reason_code)
            yield (
                "无法协查的原因",
                paragraphs(f"{reason.zh if reason else reply.reason_code}。{reply.explanation or ''}"),
            )
        span = ""
        if reply.executed_from and reply.executed_to:
            span = f"办理日期：{chinese_date(reply.executed_from)}至{chinese_date(reply.executed_to)}。"
        officers = "、".join(
            f"{each.name}（{each.post}）" if each.post else each.name for each in reply.private.officers
        )
        scope = "全部工作在授权范围内进行。" if reply.within_scope else "部分工作超出授权范围。"
        yield (
            "办理情况",
            paragraphs(reply.scope_executed, f"{span}{scope}", f"办案民警：{officers}。" if officers else ""),
        )
        grading = f"情报评级：{reply.grading}。" if reply.grading else ""
        yield "查证结果", paragraphs(reply.findings, grading)
        yield "涉及人员和车辆", self._named(persons, reply)
        yield "使用要求", paragraphs(f"{_EVIDENCE[reply.usable_as_evidence]}。{handling_text(reply.handling)}。")
        if reply.new_due_at:
            yield "下次答复时间", paragraphs(f"拟于{chinese_time(reply.new_due_at)}前再次答复。")
        yield "附件", _documents(reply.documents)

    def _named(self, persons: Persons, said: RequestOut | ReplyOut) -> list[Block]:
        blocks: list[Block] = []
        if persons:
            blocks.append(Table(PERSON_HEADER, [person_row(person) for person in persons]))
        if said.private.vehicles:
            rows = [(each.plate, each.description) for each in said.private.vehicles]
            blocks.append(Table(("车辆号牌", "特征"), rows))
        if said.person_count and not persons:
            blocks.append(Paragraph("所涉个人信息已依法删除。"))
        return blocks

    def _signed(
        self, by: OfficerOut | None, approver: OfficerOut | None, at: datetime | None, digest: str | None, bureau: str
    ) -> list[Signature]:
        if at is None:
            return []
        people = "，".join(f"{role}{each.name}" for role, each in (("拟稿", by), ("审批", approver)) if each)
        return [Signature(f"{bureau}（{people}）" if people else bureau, at, f"本件摘要 {digest}")]

    def _notes(self, *, is_draft: bool) -> list[str]:
        notes = [DRAFT] if is_draft else []
        if self.lead.is_exercise:
            notes.append("【演练】本件用于演练，不涉及真实案件。")
        notes.append("本件不替代正式协作函件。")
        return [*notes, MASKED] if self.is_masked and self.lead.person_count else notes


def _things(asked: RequestOut) -> list[Block]:
    blocks: list[Block] = []
    if asked.organisations:
        rows = [(each.name, each.registration_code, each.note) for each in asked.organisations]
        blocks.append(Table(("单位", "统一社会信用代码", "备注"), rows))
    if asked.items:
        things = [
            (
                each.name,
                each.species,
                each.count,
                number_text(each.mass_g) if each.mass_g is not None else None,
                number_text(each.volume_m3) if each.volume_m3 is not None else None,
                "约数" if each.approximate else None,
            )
            for each in asked.items
        ]
        blocks.append(Table(("物品", "学名", "数量", "重量（克）", "体积（立方米）", "备注"), things))
    return [*blocks, *paragraphs(f"地点：{asked.location.text}。" if asked.location else "")]


def _documents(documents: Iterable[Enclosed]) -> list[Block]:
    listed = [
        f"{number}．{each.title}（{_DOCUMENTS.get(each.kind, each.kind)}）" for number, each in enumerate(documents, 1)
    ]
    return [Paragraph("\n".join(listed))] if listed else []
