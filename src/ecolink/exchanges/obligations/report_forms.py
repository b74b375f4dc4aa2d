"""The compliance report in its forms: JSON for programs, tables for a spreadsheet, a document to print and file.

Names come from other bureaus' terms. A spreadsheet takes a text that begins with one of a few characters for a formula,
and would run it: in CSV such a text is led by an apostrophe, in XLSX every text is written as a text.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO, StringIO
from typing import Any, Literal

from fastapi import Response

from ecolink.cadence.calendars import china_day
from ecolink.documents.document import Cell, Document, Figure, Heading, Paragraph, Series, Table
from ecolink.exchanges.obligations.report import Fault, Figures, Outcome, Report
from ecolink.exchanges.obligations.schemas import FiguresOut, PartyOut, ReportLineOut, ReportOut
from ecolink.kit.times import to_text
from ecolink.surface import printing

Form = Literal["json", "csv", "xlsx", "html", "pdf"]
NameOf = Callable[[str], PartyOut]

MEDIA_TYPES: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report: JSON, or a file.",
        "content": {
            **printing.ANSWERS[200]["content"],
            "text/csv": {"schema": {"type": "string"}, "example": "对方单位,协议,义务,到期…"},
            MEDIA_TYPES["xlsx"]: {"schema": {"type": "string", "format": "binary"}, "example": "PK…"},
        },
    }
}
"""What the operation says of it in OpenAPI."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for the beginning of a formula, in full width too."""

_COUNTED = (
    "到期",
    "按期完成",
    "逾期补办",
    "协商免除",
    "未完成",
    "我方按期、对方未确认",
    "对方按期、我方未确认",
    "各方按期、未共同签署",
    "无人记录",
    "未到期",
)
_HEADER = ("对方单位", "协议", "义务", *_COUNTED, "按期率（%）")
_NOTES = (
    "完成仅按各方共同签署的记录计算；逾期补办者计为逾期，不作按期。",
    "一项义务涉及多个对方单位的，在各单位行内分别列出，合计中只计一次。",
)


def show(report: Report, name_of: NameOf) -> ReportOut:
    """Return the report as the API shows it."""
    return ReportOut(
        year=report.year,
        as_of=report.as_of,
        lines=[
            ReportLineOut(
                partner=name_of(line.group.partner),
                agreement=line.group.agreement,
                agreement_zh=line.names[0],
                agreement_en=line.names[1],
                duty=line.group.duty,
                duty_zh=line.names[2],
                duty_en=line.names[3],
                figures=_figures(line.figures),
            )
            for line in report.lines
        ],
        total=_figures(report.total),
    )


def filed(report: Report, name_of: NameOf, home: PartyOut, form: Literal["csv", "xlsx", "html", "pdf"]) -> Response:
    """Return the report as a file. Call it with no transaction open."""
    name = f"compliance-{report.year}"
    if form in ("html", "pdf"):
        return printing.printed(write_document(report, name_of, home), form, name)
    content = (write_csv if form == "csv" else write_xlsx)(report, name_of)
    attached = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=attached)


def write_csv(report: Report, name_of: NameOf) -> bytes:
    """Return the report as CSV (RFC 4180), with the mark by which a spreadsheet knows UTF-8."""
    text = StringIO()
    writer = csv.writer(text)
    for row in _rows(report, name_of):
        writer.writerow([inert(cell) for cell in row])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def write_xlsx(report: Report, name_of: NameOf) -> bytes:
    """Return the report as a workbook of one sheet."""
    import xlsxwriter  # type: ignore[import-untyped] # noqa: PLC0415 - it has no types; only a report needs it

    file = BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(file, plain) as book:
        book.set_properties({"created": report.as_of.replace(tzinfo=None)})
        sheet = book.add_worksheet(f"{report.year}")
        bold = book.add_format({"bold": True, "text_wrap": True})
        for number, row in enumerate(_rows(report, name_of)):
            sheet.write_row(number, 0, row, bold if number == 0 else None)
        sheet.set_column(0, 2, 24)
        sheet.freeze_panes(1, 3)
    return file.getvalue()


def write_document(report: Report, name_of: NameOf, home: PartyOut) -> Document:
    """Return the report as a document in Chinese, with the duties compared in a figure."""
    rows = _rows(report, name_of)
    body = [
        Paragraph(
            f"截至{to_text(report.as_of)[:16].replace('T', ' ')}，{report.year}年度到期义务{report.total.due}项，"
            f"按期完成{report.total.outcomes[Outcome.ON_TIME]}项，逾期补办{report.total.outcomes[Outcome.MADE_UP]}项，"
            f"协商免除{report.total.outcomes[Outcome.WAIVED]}项，未完成{report.total.outcomes[Outcome.MISSING]}项。"
        ),
        Heading("一、履约情况"),
        Table(_HEADER, rows[1:]),
        *_figure(report, name_of),
    ]
    return Document(
        title=f"{report.year}年度警务协作履约情况",
        bureau=home.name_zh or home.unit_code,
        day=china_day(report.as_of),
        made_at=report.as_of,
        body=body,
        notes=_NOTES,
    )


def inert(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _figure(report: Report, name_of: NameOf) -> Sequence[Heading | Figure]:
    if not report.lines:
        return ()
    shown = (
        (Outcome.ON_TIME, "按期完成"),
        (Outcome.MADE_UP, "逾期补办"),
        (Outcome.WAIVED, "协商免除"),
        (Outcome.MISSING, "未完成"),
    )
    return (
        Heading("二、对比"),
        Figure(
            kind="bar",
            caption=f"{report.year}年度各项义务完成情况",
            categories=[f"{_name(name_of, line.group.partner)} {line.names[2]}" for line in report.lines],
            series=[Series(name, [line.figures.outcomes[which] for line in report.lines]) for which, name in shown],
            category_axis="义务",
            value_axis="件数（件）",
        ),
    )


def _rows(report: Report, name_of: NameOf) -> list[list[Cell]]:
    rows: list[list[Cell]] = [[*_HEADER]]
    rows += [
        [_name(name_of, line.group.partner), line.names[0], line.names[2], *_cells(line.figures)]
        for line in report.lines
    ]
    return [*rows, ["合计", "", "", *_cells(report.total)]]


def _cells(figures: Figures) -> list[Cell]:
    outcomes = [
        figures.outcomes[which] for which in (Outcome.ON_TIME, Outcome.MADE_UP, Outcome.WAIVED, Outcome.MISSING)
    ]
    faults = [figures.faults[which] for which in (Fault.PARTNER, Fault.OURS, Fault.UNSIGNED, Fault.NOBODY)]
    return [figures.due, *outcomes, *faults, figures.outcomes[Outcome.NOT_DUE], figures.in_time_percent]


def _figures(figures: Figures) -> FiguresOut:
    return FiguresOut(
        due=figures.due,
        on_time=figures.outcomes[Outcome.ON_TIME],
        made_up=figures.outcomes[Outcome.MADE_UP],
        waived=figures.outcomes[Outcome.WAIVED],
        missing=figures.outcomes[Outcome.MISSING],
        not_due=figures.outcomes[Outcome.NOT_DUE],
        late_by_partner=figures.faults[Fault.PARTNER],
        late_by_us=figures.faults[Fault.OURS],
        late_unsigned=figures.faults[Fault.UNSIGNED],
        late_unrecorded=figures.faults[Fault.NOBODY],
        in_time_percent=figures.in_time_percent,
    )


def _name(name_of: NameOf, code: str) -> str:
    return name_of(code).name_zh or code
