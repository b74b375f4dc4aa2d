"""A document as PDF on A4, laid out as GB/T 9704-2012 wants official letters, set in a font that prints every name.

Only the characters used are put into the file. A character the font lacks is printed as its code, and a note on the
last page tells of it. The same document makes the same bytes.
"""

from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Final

from fpdf import FPDF
from fpdf.enums import TextMode
from fpdf.fonts import TTFFont

from ecolink.documents import figures
from ecolink.documents.document import (
    Block,
    Document,
    Figure,
    Heading,
    Paragraph,
    Table,
    cell_text,
    chinese_date,
    chinese_time,
)
from ecolink.documents.figures import Rectangle, Shape, Stroke, Text
from ecolink.documents.lettering import FONT, code, printable
from ecolink.documents.lines import broken

_LEFT, _TOP, _WIDTH, _BOTTOM = 28.0, 37.0, 156.0, 262.0
"""The type area (版心) is 156 by 225 mm, 37 mm below the top edge and 28 mm from the left. All lengths in mm."""
_POINT: Final = 25.4 / 72
_BODY, _TITLE, _NUMBER, _PAGE, _SMALL, _FINE = 16.0, 22.0, 16.0, 14.0, 12.0, 10.5
"""Sizes in points: 三号, 二号, 三号, 四号, 小四, 五号."""
_LINE = 225 / 22
"""22 lines to a page."""
_PADDING = 1.2
_SPLIT = 3
"""A row is not begun at the foot of a page for fewer lines."""
_RED = (204, 0, 0)
_FAMILY = "noto"


def pdf(document: Document) -> bytes:
    """Return the document as PDF."""
    sheet = _Sheet(document)
    _set_head(sheet, document)
    for block, following in zip_longest(document.body, document.body[1:]):
        if isinstance(block, Heading):
            sheet.need(_LINE * 3 + (figures.HEIGHT if isinstance(following, Figure) else 0))
        if following is None and isinstance(block, Paragraph):
            sheet.need(_LINE * 4)  # who issued it does not stand on a page of its own
        _set_block(sheet, block)
    _set_close(sheet, document)
    _set_notes(sheet, document)
    return bytes(sheet.output())


class _Sheet(FPDF):
    """Pages that lines are set on from above; `at` is how far down the present page is filled."""

    def __init__(self, document: Document) -> None:
        super().__init__(format="A4")
        self.set_auto_page_break(auto=False)
        self.c_margin = 0
        self.alias_nb_pages("")
        self.set_creation_date(document.made_at)
        self.set_lang("zh-CN")
        self.add_font(_FAMILY, fname=FONT)
        self.set_font(_FAMILY, size=_BODY)
        font = self.fonts[_FAMILY]
        assert isinstance(font, TTFFont)  # noqa: S101 - the line above added it
        self._known, self._widths = font.cmap, font.cw
        self.lacking: set[str] = set()
        self.set_title(self.shown(document.title))
        self.set_author(self.shown(document.bureau))
        self.at = _TOP
        self.add_page()

    def footer(self) -> None:
        """Set the page number: 一字线 on both sides, below the type area, right on odd pages, left on even ones."""
        text = f"— {self.page_no()} —"
        wide = self.wide(text, _PAGE)
        inset = 14 * _POINT
        x = _LEFT + _WIDTH - wide - inset if self.page_no() % 2 else _LEFT + inset
        self.put(text, x, _BOTTOM + 7, _PAGE)

    def shown(self, text: str) -> str:
        """Return a text as it can be printed, and remember what cannot."""
        text, lacking = printable(text, self._known)
        self.lacking |= lacking
        return text

    def wide(self, text: str, size: float) -> float:
        """Return how wide a text is."""
        return sum(self._widths[ord(one)] for one in text) * size * _POINT / 1000

    def need(self, height: float) -> None:
        """Begin a new page unless so much room is left on this one."""
        if self.at + height > _BOTTOM + 0.01 and self.at > _TOP:
            self.add_page()
            self.at = _TOP

    def put(self, text: str, x: float, y: float, size: float, *, spacing: float = 0, heavy: bool = False) -> None:
        """Print a text with its upper left corner at x, y. The font has one weight; `heavy` draws its outline too."""
        if not text:
            return
        self.set_font(_FAMILY, size=size)
        self.set_char_spacing(spacing / _POINT)
        self.set_xy(x, y)
        if not heavy:
            self.cell(h=size * _POINT, text=text)
            return
        with self.local_context(text_mode=TextMode.FILL_STROKE, line_width=size / 40 * _POINT):
            self.cell(h=size * _POINT, text=text)

    def lines(self, text: str, size: float, width: float, *, indent: float = 0) -> list[str]:
        """Return the lines of a text, its own line breaks kept."""
        return list(
            chain.from_iterable(
                broken(paragraph, width, lambda part: self.wide(part, size), indent=indent)
                for paragraph in self.shown(text).split("\n")
            )
        )


def _set_head(sheet: _Sheet, document: Document) -> None:
    bureau = sheet.shown(document.bureau)
    if document.red_head:
        size = min(42.0, 42.0 * _WIDTH / max(sheet.wide(bureau, 42.0), 1))
        sheet.set_text_color(*_RED)
        sheet.set_draw_color(*_RED)
        _centre(sheet, bureau, size, sheet.at, heavy=True)
        sheet.set_text_color(0)
        sheet.at += 42 * _POINT + _LINE
        _centre(sheet, sheet.shown(document.number), _NUMBER, sheet.at)
        sheet.at += _NUMBER * _POINT + 4
        sheet.set_line_width(0.7)
        sheet.line(_LEFT, sheet.at, _LEFT + _WIDTH, sheet.at)
        sheet.set_draw_color(0)
        sheet.at += _LINE * 1.5
    else:
        for line in (document.bureau, document.number):
            _centre(sheet, sheet.shown(line), _SMALL, sheet.at)
            sheet.at += 8 if line else 0
        sheet.at += 6
    for line in sheet.lines(document.title, _TITLE, _WIDTH):
        sheet.need(_LINE * 1.2)
        _centre(sheet, line, _TITLE, sheet.at, heavy=True)
        sheet.at += _LINE * 1.2
    sheet.at += _LINE * 0.6
    if document.addressee:
        _set_lines(sheet, sheet.lines(f"{document.addressee}：", _BODY, _WIDTH), _BODY, _LINE)


def _set_block(sheet: _Sheet, block: Block) -> None:
    match block:
        case Heading(text):
            lines = sheet.lines(text, _BODY, _WIDTH, indent=2 * _BODY * _POINT)
            _set_lines(sheet, lines, _BODY, _LINE, indent=2 * _BODY * _POINT, heavy=True)
        case Paragraph(text):
            for paragraph in sheet.shown(text).split("\n"):
                lines = sheet.lines(paragraph, _BODY, _WIDTH, indent=2 * _BODY * _POINT)
                _set_lines(sheet, lines, _BODY, _LINE, indent=2 * _BODY * _POINT)
        case Table():
            _set_table(sheet, block)
        case Figure():
            sheet.need(figures.HEIGHT + 8)
            for shape in figures.shapes(block):
                _draw(sheet, shape, sheet.at)
            sheet.at += figures.HEIGHT
            _caption(sheet, block.caption)
            _set_table(sheet, block.table)


def _set_lines(
    sheet: _Sheet, lines: list[str], size: float, pitch: float, *, indent: float = 0, heavy: bool = False
) -> None:
    """Set a paragraph justified: all lines but the last end where the type area does."""
    for number, line in enumerate(lines):
        sheet.need(pitch)
        shift = indent if number == 0 else 0
        room = _WIDTH - shift - sheet.wide(line, size)
        full = number < len(lines) - 1 and 0 < room < 2 * size * _POINT
        spacing = room / (len(line) - 1) if full and len(line) > 1 else 0
        sheet.put(line, _LEFT + shift, sheet.at, size, spacing=spacing, heavy=heavy)
        sheet.at += pitch


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table, broken into lines."""

    lines: list[list[str]]
    sides: list[float]
    """By cell 0: to the left, 0.5: in the middle, 1: to the right."""
    heading: bool = False


def _set_table(sheet: _Sheet, table: Table) -> None:
    sheet.at += 1.5
    if table.caption:
        sheet.need(4 * _LINE)
        _caption(sheet, table.caption)
    texts = [[sheet.shown(cell_text(cell)) for cell in row] for row in (table.header, *table.rows)]
    widths = _columns(sheet, texts)
    rows = [
        [sheet.lines(text, _FINE, wide - 2 * _PADDING) for text, wide in zip(row, widths, strict=True)] for row in texts
    ]
    head = _Row(rows[0], [0.5] * len(widths), heading=True)
    _set_row(sheet, head, widths)
    for cells, lines in zip(table.rows, rows[1:], strict=True):
        _set_row(sheet, _Row(lines, [0.0 if isinstance(cell, str) else 1.0 for cell in cells]), widths, head)
    sheet.at += 3


def _columns(sheet: _Sheet, texts: list[list[str]]) -> list[float]:
    """Return the columns' widths: as wide as what is in them, the widest giving way where that is too much."""
    least = 2 * _FINE * _POINT
    wishes = [
        max(least, *(sheet.wide(line, _FINE) for row in texts for line in row[place].split("\n"))) + 2 * _PADDING + 0.1
        for place in range(len(texts[0]))
    ]
    least += 2 * _PADDING
    room, open_wishes = _WIDTH, sorted(wishes)
    cap = _WIDTH
    for left, wish in zip(range(len(open_wishes), 0, -1), open_wishes, strict=True):
        cap = room / left
        if wish > cap:
            break
        room -= wish
    widths = [min(wish, cap) for wish in wishes]
    return [width * _WIDTH / sum(widths) for width in widths]


def _set_row(sheet: _Sheet, row: _Row, widths: list[float], head: _Row | None = None) -> None:
    """Set one row, on as many pages as it is long; the table's `head` is set anew on each page that is begun."""
    pitch = _FINE * _POINT * 1.5
    height = max(len(lines) for lines in row.lines)
    begin = 0
    while begin < height:
        room = int((_BOTTOM - sheet.at - 2 * _PADDING) / pitch)
        whole = height - begin <= room
        if not whole and (room < _SPLIT or sheet.at > _TOP + 225 / 2):
            sheet.need(225)
            if head is not None:
                _set_row(sheet, head, widths)
            room = int((_BOTTOM - sheet.at - 2 * _PADDING) / pitch)
        end = min(height, begin + max(room, 1))
        _set_cells(sheet, row, widths, begin, end, pitch)
        begin = end


def _set_cells(sheet: _Sheet, row: _Row, widths: list[float], begin: int, end: int, pitch: float) -> None:
    deep = (end - begin) * pitch + 2 * _PADDING
    sheet.set_line_width(0.2)
    x = _LEFT
    for lines, side, wide in zip(row.lines, row.sides, widths, strict=True):
        if row.heading:
            sheet.set_fill_color(238)
        sheet.rect(x, sheet.at, wide, deep, style="DF" if row.heading else "D")
        for place, line in enumerate(lines[begin:end]):
            slack = wide - 2 * _PADDING - sheet.wide(line, _FINE)
            y = sheet.at + _PADDING + place * pitch + 0.25 * _FINE * _POINT
            sheet.put(line, x + _PADDING + slack * side, y, _FINE)
        x += wide
    sheet.at += deep


def _draw(sheet: _Sheet, shape: Shape, top: float) -> None:
    match shape:
        case Rectangle():
            sheet.set_fill_color(shape.colour)
            sheet.rect(_LEFT + shape.x, top + shape.y, shape.width, shape.height, style="F")
        case Stroke():
            sheet.set_draw_color(shape.colour)
            sheet.set_line_width(shape.width)
            if shape.dash:
                sheet.set_dash_pattern(*shape.dash)
            sheet.polyline([(_LEFT + x, top + y) for x, y in shape.points])
            sheet.set_dash_pattern()
            sheet.set_draw_color(0)
        case Text():
            text = sheet.shown(shape.text)
            size = shape.size / _POINT
            shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[shape.anchor] * sheet.wide(text, size)
            sheet.put(text, _LEFT + shape.x - shift, top + shape.y - 0.86 * shape.size, size)


def _set_close(sheet: _Sheet, document: Document) -> None:
    """Set who issued it and when, to the right, then who signed it."""
    sheet.need(3 * _LINE)
    sheet.at += _LINE
    for line in (document.bureau, chinese_date(document.day)):
        text = sheet.shown(line)
        x = _LEFT + _WIDTH - 4 * _BODY * _POINT - sheet.wide(text, _BODY)
        sheet.put(text, max(x, _LEFT), sheet.at, _BODY)
        sheet.at += _LINE
    if document.signatures:
        _set_block(sheet, Heading("签署情况"))
        for one in document.signatures:
            _set_small(sheet, f"{one.party}：{one.said}", _SMALL)
            if one.remark:
                _set_small(sheet, one.remark, _FINE)


def _set_notes(sheet: _Sheet, document: Document) -> None:
    """Set the small print (版记) under a rule, and last which characters stand in the document as codes."""
    sheet.need(2 * _LINE)
    sheet.at += _LINE / 2
    sheet.set_line_width(0.35)
    sheet.line(_LEFT, sheet.at, _LEFT + _WIDTH, sheet.at)
    sheet.at += 2
    for note in (*document.notes, f"本文件由 ecolink 于 {chinese_time(document.made_at)} 根据已签名的记录生成。"):
        _set_small(sheet, note, _FINE)
    if sheet.lacking:
        codes = "、".join(code(one) for one in sorted(sheet.lacking))
        _set_small(sheet, f"字库缺少下列字符，文中以其编码代替：{codes}。", _FINE)


def _set_small(sheet: _Sheet, text: str, size: float) -> None:
    _set_lines(sheet, sheet.lines(text, size, _WIDTH), size, size * _POINT * 1.5)


def _caption(sheet: _Sheet, text: str) -> None:
    for line in sheet.lines(text, _SMALL, _WIDTH):
        sheet.need(_SMALL * _POINT * 1.5)
        _centre(sheet, line, _SMALL, sheet.at)
        sheet.at += _SMALL * _POINT * 1.5


def _centre(sheet: _Sheet, text: str, size: float, y: float, *, heavy: bool = False) -> None:
    sheet.put(text, _LEFT + (_WIDTH - sheet.wide(text, size)) / 2, y, size, heavy=heavy)
