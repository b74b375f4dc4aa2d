"""A package as an official letter, in Chinese: what it says, its figures drawn, and who has signed it off."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ecolink.cadence.calendars import china_day
from ecolink.cadence.cosigning import Cosigning
from ecolink.cadence.periods import Period
from ecolink.documents.document import (
    Block,
    Document,
    Figure,
    Heading,
    Paragraph,
    Series,
    Signature,
    Table,
    chinese_date,
    chinese_time,
)
from ecolink.exchanges.letters import BULLETIN_KINDS, URGENCIES
from ecolink.exchanges.quarterly import rules
from ecolink.protocol.kinds.exchange import PackageV1, StatisticV1

STATISTICS_ZH: Mapping[str, Mapping[str, str]] = {
    "情报通报": {
        "bulletins_told": "发出通报",
        "bulletins_received": "收到通报",
        "bulletin_feedback_given": "作出反馈",
        "bulletin_feedback_received": "收到反馈",
    },
    "线索协查": {
        "leads_asked": "发出协查",
        "leads_received": "收到协查",
        "lead_replies_given": "作出回复",
        "lead_replies_received": "收到回复",
        "leads_closed": "办结",
    },
    "紧急通报": {
        "emergencies_raised": "发出通报",
        "emergencies_received": "收到通报",
        "wildfires": "其中森林火情",
    },
}
"""The statistics by group, as the figures name them. A code that is not here is shown as it is, under 其他."""

LEAD_KINDS_ZH: Mapping[str, str] = {
    "lead_check": "线索核查",
    "evidence_collection": "调取证据",
    "household_registration": "户籍证明",
    "records": "查询记录",
    "other": "其他",
}
_KINDS_OF_PERIOD = {"month": "月", "quarter": "季度", "year": "年度"}


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A package and what stands beside it when it is printed."""

    package: PackageV1
    obligation: str
    author: str
    names: Mapping[str, str]
    """Of the parties, by unit code, in Chinese."""
    parties: Collection[str]
    digest: str | None = None
    """None: it is not sent yet."""
    submitted_at: datetime | None = None
    correction: str | None = None
    signing: Cosigning | None = None
    """How far the packages that stand are signed off, where this is one of them."""

    def document(self) -> Document:
        """Return what is printed."""
        written_at = self.submitted_at or self.package.as_of
        period = rules.period_of(self.obligation)
        others = [self._name(code) for code in sorted(self.parties) if code != self.author]
        return Document(
            title=f"{self._name(self.author)}关于{period_zh(period)}警务协作情报交流情况的函",
            bureau=self._name(self.author),
            number=self.package.number or "",
            addressee="、".join(others),
            day=china_day(written_at),
            made_at=written_at,
            red_head=True,
            body=list(self._body(period)),
            signatures=self._signatures(),
            notes=self._notes(),
        )

    def _body(self, period: Period) -> Iterable[Block]:
        package = self.package
        if self.correction:
            yield Paragraph(f"本件为更正件。{self.correction}")
        opening = "根据警务协作协议，现将有关情况函告如下。"
        if package.nothing_to_report:
            opening = f"根据警务协作协议，现函告：{period_zh(period)}我局无需要通报的情况。"
        yield Paragraph(opening)
        sections: list[tuple[str, list[Block]]] = [
            ("重点情况", [Paragraph(package.highlights)] if package.highlights else []),
            ("情报通报", self._bulletins()),
            ("数据与趋势", [] if package.nothing_to_report else list(self._figures(period))),
            ("未结协查请求", self._requests()),
            ("下步打算与建议", [Paragraph(package.outlook)] if package.outlook else []),
        ]
        told = [(title, blocks) for title, blocks in sections if blocks]
        for number, (title, blocks) in zip("一二三四五", told, strict=False):
            yield Heading(f"{number}、{title}")
            yield from blocks
        yield Paragraph("特此函告，请予反馈。")

    def _bulletins(self) -> list[Block]:
        if not self.package.bulletins:
            return []
        rows = [
            (place, each.number, each.title, BULLETIN_KINDS.get(each.kind, each.kind), chinese_date(each.told_on))
            for place, each in enumerate(self.package.bulletins, 1)
        ]
        return [Table(("序号", "编号", "标题", "类别", "通报日期"), rows)]

    def _requests(self) -> list[Block]:
        if not self.package.open_requests:
            return []
        rows = [
            (
                place,
                each.letter_number,
                self._name(each.asked_by),
                LEAD_KINDS_ZH.get(each.kind, each.kind),
                URGENCIES.get(each.urgency, each.urgency),
                chinese_date(each.asked_on),
                chinese_time(each.answer_due) if each.answer_due else None,
            )
            for place, each in enumerate(self.package.open_requests, 1)
        ]
        return [Table(("序号", "函号", "请求单位", "类别", "紧急程度", "发函日期", "回复期限"), rows)]

    def _figures(self, period: Period) -> Iterable[Block]:
        before = rules.period_before(period)
        until = min(rules.span(period)[1], self.package.as_of)
        yield Paragraph(f"数据为各方之间往来，统计截至{chinese_time(until)}，演练不计入。")
        drawn = 0
        for group, named in _grouped(self.package.statistics):
            yield Paragraph(f"{group}：{_trend(named, period)}。")
            if any(each.now or each.before for _, each in named):
                drawn += 1
                yield Figure(
                    kind="bar",
                    caption=f"图{drawn} {group}（{period_zh(before)}与{period_zh(period)}）",
                    categories=[name for name, _ in named],
                    series=(
                        Series(period_zh(before), [each.before for _, each in named]),
                        Series(period_zh(period), [each.now for _, each in named]),
                    ),
                    category_axis="项目",
                    value_axis="数量（件）",
                )

    def _signatures(self) -> list[Signature]:
        if self.digest is None:
            return []
        signatures = [Signature(f"{self._name(self.author)}（提交）", self.submitted_at, f"本件摘要 {self.digest}")]
        if self.signing is not None:
            signed = self.signing.signatures
            signatures += [
                Signature(f"{self._name(code)}（确认）", signed.get(code)) for code in sorted(self.signing.parties)
            ]
        return signatures

    def _notes(self) -> list[str]:
        notes = [f"义务编号：{self.obligation}。"]
        if self.digest is None:
            notes.append("本件为草稿，尚未审批发出。")
        if self.signing is not None:
            notes.append(f"各方确认的整体摘要：{self.signing.digest}。")
        return notes

    def _name(self, code: str) -> str:
        return self.names.get(code, code)


def period_zh(period: Period) -> str:
    """Return a period as letters name it: 2026年第三季度."""
    year = f"{period.first.year}年"
    match period.kind:
        case "month":
            return f"{year}{period.first.month}月"
        case "quarter":
            return f"{year}第{'一二三四'[period.first.month // 3]}季度"
        case "year":
            return f"{year}度"


def _grouped(statistics: Iterable[StatisticV1]) -> Iterable[tuple[str, list[tuple[str, StatisticV1]]]]:
    """Go through the statistics group by group, each with its name; those not known here last."""
    left = {statistic.code: statistic for statistic in statistics}
    for group, codes in STATISTICS_ZH.items():
        named = [(name, left.pop(code)) for code, name in codes.items() if code in left]
        if named:
            yield group, named
    if left:
        yield "其他", list(left.items())


def _trend(named: Iterable[tuple[str, StatisticV1]], period: Period) -> str:
    """Say in words what the figure shows, for those who cannot see it."""
    return "，".join(f"{name}{each.now}件（{_change(each, period)}）" for name, each in named)


def _change(statistic: StatisticV1, period: Period) -> str:
    more = statistic.now - statistic.before
    before = f"上{_KINDS_OF_PERIOD[period.kind]}"
    if more == 0:
        return f"与{before}持平"
    return f"较{before}{'增加' if more > 0 else '减少'}{abs(more)}件"
