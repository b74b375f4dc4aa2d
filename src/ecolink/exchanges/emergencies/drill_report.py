"""What a drill showed: how long it took until each bureau had it and signed, and until each of our own officers did."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ecolink.alerts.timings import Timing
from ecolink.cadence.calendars import china_day
from ecolink.documents.document import Cell, Document, Heading, Paragraph, Table, chinese_time
from ecolink.errors import IllegalMoveError
from ecolink.exchanges.emergencies import examples
from ecolink.exchanges.emergencies.models import Emergency
from ecolink.exchanges.emergencies.shown import BoardOut, BureauLineOut, DutyDeskOut
from ecolink.protocol.kinds import emergencies as wire

_DECISIONS_ZH = {"noted": "已知悉", "dispatching": "已出动", "need_information": "需要更多信息"}


class BureauTimeOut(BaseModel):
    """How long one bureau took; seconds count from when the drill was signed by its author."""

    bureau: DutyDeskOut
    delivered_at: datetime | None = Field(description="When its node had it.")
    delivered_after_s: float | None = Field(examples=[0.8])
    acknowledged_at: datetime | None
    acknowledged_after_s: float | None = Field(examples=[240.0])
    decision: wire.Decision | None


class OfficerTimeOut(BaseModel):
    """How long one of our officers took; seconds count from when this node had the drill."""

    name: str = Field(examples=["林一鸣"])
    told_at: datetime
    sent_at: datetime | None = Field(
        description="When a channel's service took the message; null: in the console only."
    )
    read_at: datetime | None
    acknowledged_at: datetime | None
    told_after_s: float = Field(examples=[0.0])
    read_after_s: float | None = Field(examples=[35.0])
    acknowledged_after_s: float | None = Field(examples=[240.0])


class DrillReportOut(BaseModel):
    """A drill and the time everybody took."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.DRILL_REPORT]})

    emergency_id: str
    display_title: str
    status: wire.Status
    author: DutyDeskOut
    sent_at: datetime
    as_of: datetime
    bureaus: list[BureauTimeOut]
    acknowledged: int = Field(description="How many of the bureaus signed.")
    slowest_s: float | None = Field(description="The longest any bureau that signed took to sign.")
    officers: list[OfficerTimeOut] = Field(description="Our own, where we were told.")


def compile_report(
    row: Emergency, board: BoardOut, author: DutyDeskOut, officers: Sequence[Timing], now: datetime
) -> DrillReportOut:
    """Return the report of one drill.

    Raises:
        IllegalMoveError: it was no drill, or was never sent.

    """
    sent_at = row.sent_at
    if row.status == wire.Status.ACTUAL or sent_at is None:
        raise IllegalMoveError(
            "Only a drill or a test that was sent has such a report.", "仅演练或测试可生成演练报告。"
        )
    bureaus = [_bureau(row, line, sent_at) for line in board.bureaus]
    signed = [line.acknowledged_after_s for line in bureaus if line.acknowledged_after_s is not None]
    return DrillReportOut(
        emergency_id=row.id,
        display_title=board.display_title,
        status=board.status,
        author=author,
        sent_at=sent_at,
        as_of=now,
        bureaus=bureaus,
        acknowledged=len(signed),
        slowest_s=max(signed, default=None),
        officers=[_officer(timing, row.raised_at) for timing in officers],
    )


def write_document(report: DrillReportOut, home: DutyDeskOut) -> Document:
    """Return the report as a document in Chinese."""
    body: list[Any] = [
        Paragraph(
            f"{_name(report.author)}于{chinese_time(report.sent_at)}发出“{report.display_title}”。"
            f"共 {len(report.bureaus)} 个单位，已签收 {report.acknowledged} 个"
            + (f"，最长用时{_span(report.slowest_s)}。" if report.slowest_s is not None else "。")
        ),
        Heading("一、各单位用时"),
        Table(("单位", "送达用时", "签收用时", "处置决定"), [_bureau_row(line) for line in report.bureaus]),
    ]
    if report.officers:
        body += [
            Heading("二、本单位人员用时"),
            Table(("姓名", "提醒用时", "查看用时", "签收用时"), [_officer_row(line) for line in report.officers]),
        ]
    return Document(
        title="紧急通报演练报告",
        bureau=home.name_zh or home.unit_code,
        day=china_day(report.as_of),
        made_at=report.as_of,
        body=body,
        notes=["单位用时自发出方签发时起算，人员用时自本节点收到时起算；各单位时间以其自身签名为准。"],
    )


def _bureau(row: Emergency, line: BureauLineOut, sent_at: datetime) -> BureauTimeOut:
    alert = next((message for message in line.messages if message.message == "alert"), None)
    # Our own node had it when it came in; of the others we know what their receipts say.
    is_us = alert is None and row.author != line.bureau.unit_code
    delivered_at = alert.delivered_at if alert else row.raised_at if is_us else None
    signed = line.signed
    return BureauTimeOut(
        bureau=line.bureau,
        delivered_at=delivered_at,
        delivered_after_s=_after(sent_at, delivered_at),
        acknowledged_at=signed.acknowledged_at if signed else None,
        acknowledged_after_s=_after(sent_at, signed.acknowledged_at if signed else None),
        decision=signed.decision if signed else None,
    )


def _officer(timing: Timing, came_at: datetime) -> OfficerTimeOut:
    return OfficerTimeOut(
        name=timing.name,
        told_at=timing.told_at,
        sent_at=timing.sent_at,
        read_at=timing.read_at,
        acknowledged_at=timing.acknowledged_at,
        told_after_s=_after(came_at, timing.told_at) or 0.0,
        read_after_s=_after(came_at, timing.read_at),
        acknowledged_after_s=_after(came_at, timing.acknowledged_at),
    )


def _after(begins: datetime, moment: datetime | None) -> float | None:
    """Return how many seconds something took; clocks of two bureaus may differ, and nothing takes less than none."""
    return None if moment is None else max((moment - begins).total_seconds(), 0.0)


def _name(bureau: DutyDeskOut) -> str:
    return bureau.name_zh or bureau.unit_code


def _bureau_row(line: BureauTimeOut) -> list[Cell]:
    decision = _DECISIONS_ZH[line.decision] if line.decision else None
    return [_name(line.bureau), _span(line.delivered_after_s), _span(line.acknowledged_after_s), decision]


def _officer_row(line: OfficerTimeOut) -> list[Cell]:
    return [line.name, _span(line.told_after_s), _span(line.read_after_s), _span(line.acknowledged_after_s)]


def _span(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} 分 {rest} 秒" if minutes else f"{rest} 秒"
