"""What a printable document consists of. Pure data: what is shown where is decided by who renders it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import zip_longest
from typing import Literal

from ecolink.kit.times import CHINA

MAX_COLUMNS = 20
"""More do not fit on a page in any size one can read."""
MAX_SERIES = 4
"""More cannot be told apart when printed in black and white."""

Cell = str | float | None
"""What stands in a table: a text, a number, or nothing known."""


@dataclass(frozen=True, slots=True)
class Heading:
    """一、 the title of a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of running text, its first line indented by two characters. A line break begins a new one."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header. Numbers stand to the right, what is not known is a dash."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be laid out.

        Raises:
            ValueError: too many columns, none, or a row of another length than the header.

        """
        if not 0 < len(self.header) <= MAX_COLUMNS:
            raise ValueError(f"a table has 1 to {MAX_COLUMNS} columns, not {len(self.header)}")
        if any(len(row) != len(self.header) for row in self.rows):
            raise ValueError("every row of a table has as many cells as its header")


@dataclass(frozen=True, slots=True)
class Series:
    """Values of one kind, in the order of the figure's categories; None where there is none."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """Values to be compared by eye. The same values stand in a table below, for those who cannot see the drawing."""

    kind: Literal["bar", "line"]
    caption: str
    categories: Sequence[str]
    series: Sequence[Series]
    category_axis: str
    """What the categories are, such as 季度."""
    value_axis: str
    """What is counted, and in what unit, such as 件数（件）."""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            ValueError: no categories, no series, too many series, or a series of another length than the categories.

        """
        if not self.categories or not 0 < len(self.series) <= MAX_SERIES:
            raise ValueError(f"a figure has categories and 1 to {MAX_SERIES} series")
        if any(len(series.values) != len(self.categories) for series in self.series):
            raise ValueError("every series of a figure has as many values as there are categories")

    @property
    def table(self) -> Table:
        """The values in figures, one row for each category."""
        columns = zip_longest(*(series.values for series in self.series))
        return Table(
            header=(self.category_axis, *(series.name for series in self.series)),
            rows=[(category, *values) for category, values in zip(self.categories, columns, strict=True)],
        )


Block = Heading | Paragraph | Table | Figure


@dataclass(frozen=True, slots=True)
class Signature:
    """A party's signature under the document; `at` None: it has not signed."""

    party: str
    at: datetime | None
    remark: str = ""
    """Such as what exactly was signed: a digest."""

    @property
    def said(self) -> str:
        """When it signed, in words."""
        return f"{chinese_time(self.at)} 电子签署" if self.at else "（尚未签署）"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document somebody can print and file."""

    title: str
    bureau: str
    """Who issues it: the letterhead."""
    day: date
    """Its date."""
    made_at: datetime
    """When it was made from the records. Handed in, so that the same records make the same bytes."""
    body: Sequence[Block]
    number: str = ""
    """发文字号, such as 寿公协〔2026〕3号."""
    addressee: str = ""
    """主送: whom it is addressed to."""
    red_head: bool = False
    """A letter from bureau to bureau has its letterhead in red; a report or a list has not."""
    signatures: Sequence[Signature] = ()
    notes: Sequence[str] = ()
    """Small print at the end: copies to, how to verify, what the figures count."""


def chinese_date(day: date) -> str:
    """Return a date as letters write it: 2026年7月9日."""
    return f"{day.year}年{day.month}月{day.day}日"


def chinese_time(moment: datetime) -> str:
    """Return a moment as clocks in China show it: 2026年7月9日 08:30."""
    there = moment.astimezone(CHINA)
    return f"{chinese_date(there)} {there:%H:%M}"


def number_text(value: float) -> str:
    """Return a number as it is printed, with two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def cell_text(cell: Cell) -> str:
    """Return what stands in a cell of a table."""
    if cell is None:
        return "—"
    return cell if isinstance(cell, str) else number_text(cell)
