"""The page on which the figures stand, and how every benchmark puts its own there.

A benchmark measures in rounds. Each round is a list of figures; the table shows each figure's median, least and most,
and under it stands by which command, when and on what it was measured.
"""

import json
import statistics
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import facts
from ecolink.kit.clock import SystemClock

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
ROUNDS = 3
HEAD = ("| | median | least | most | asked |", "|---|---|---|---|---|")


class Figure(NamedTuple):
    """What one round measured, and what it was to be at most or at least; the unit of a ratio is nothing."""

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None


Round = Sequence[Figure]


class Row(NamedTuple):
    """One figure over all rounds. The median is judged."""

    figure: Figure
    values: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_missed(self) -> bool:
        most, least = self.figure.most, self.figure.least
        return (most is not None and self.median > most) or (least is not None and self.median < least)

    @property
    def asked(self) -> str:
        bounds = (("at most", self.figure.most), ("at least", self.figure.least))
        told = " and ".join(
            f"{word} {bound:g} {self.figure.unit}".rstrip() for word, bound in bounds if bound is not None
        )
        return f"{told}, missed" if self.is_missed else told

    def __str__(self) -> str:
        median = f"{_told(self.median)} {self.figure.unit}".rstrip()
        least, most = (_told(min(self.values)), _told(max(self.values))) if len(self.values) > 1 else ("", "")
        return f"| {self.figure.name} | {median} | {least} | {most} | {self.asked} |"


def options(parser: ArgumentParser) -> None:
    """Give a benchmark what all of them can be told."""
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often all is measured")
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")


def measure(count: int, one_round: Callable[[], Iterable[Figure]]) -> list[Round]:
    """Measure so often, and tell each figure as it comes."""
    rounds: list[Round] = []
    for number in range(count):
        print(f"round {number + 1} of {count} …", file=sys.stderr, flush=True)
        figures = []
        for each in one_round():
            print(f"  {each.name}: {_told(each.value)} {each.unit}", file=sys.stderr, flush=True)
            figures.append(each)
        rounds.append(figures)
    return rounds


def report(name: str, rounds: Sequence[Round], *, write: bool, note: str = "") -> int:
    """Print the table, write it between its marks when told to, and return 1 if something asked is missed."""
    rows = rows_of(rounds)
    table = table_of(rounds)
    print(table)
    print(json.dumps({row.figure.name: [round(value, 3) for value in row.values] for row in rows}, ensure_ascii=False))
    if write:
        times = max(len(row.values) for row in rows)
        origin = origin_of(sys.argv, times, SystemClock().now().date())
        page = put(PAGE.read_text("utf-8"), "machine", machine_table())
        block = "\n\n".join(filter(None, (table, note, origin)))
        PAGE.write_text(put(page, name, block), "utf-8")
    return int(any(row.is_missed for row in rows))


def percentile(took: Sequence[float], place: int) -> float:
    """Return what `place` of a hundred took at most."""
    return statistics.quantiles(took, n=100)[place - 1]


def rows_of(rounds: Sequence[Round]) -> list[Row]:
    """Set each figure's rounds beside each other, in the order in which figures first came."""
    kept: dict[str, tuple[Figure, list[float]]] = {}
    for figures in rounds:
        if len({each.name for each in figures}) < len(figures):
            msg = f"two figures of one name: {sorted(each.name for each in figures)}"
            raise ValueError(msg)
        for each in figures:
            kept.setdefault(each.name, (each, []))[1].append(each.value)
    return [Row(figure, values) for figure, values in kept.values()]


def table_of(rounds: Sequence[Round]) -> str:
    """Return the figures of all rounds as a table of Markdown."""
    return "\n".join([*HEAD, *map(str, rows_of(rounds))])


def machine_table() -> str:
    """Return what this machine is as a table of Markdown."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts().items())])


def origin_of(arguments: Sequence[str], rounds: int, today: date) -> str:
    """Say by which command a table was measured, how often, when and on which processors."""
    program = Path(arguments[0]).stem
    module = "benchmarks" if program == "__main__" else f"benchmarks.{program}"
    command = " ".join(["python -m", module, *arguments[1:]])
    times = "One round" if rounds == 1 else f"{rounds} rounds"
    return f"{times} of `{command}` on {today.day} {today:%B %Y}, {facts()['processors']}."


def put(page: str, name: str, block: str) -> str:
    """Return the page with `block` between the marks of `name`."""
    begin, end = _marks(name)
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"docs/performance.md has no place for {name}: {begin} … {end}")
    return f"{before}{begin}\n\n{block}\n\n{end}{after}"


def standing(page: str, name: str) -> dict[str, str]:
    """Return the figures that stand between the marks of `name`, each as it is written, with its unit."""
    begin, end = _marks(name)
    block = page.partition(begin)[2].partition(end)[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if line.startswith("|")
    ]
    return {row[0]: row[1] for row in rows if row[0] and not row[0].startswith("---")}


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- end of {name} -->"


def _told(value: float) -> str:
    """Write three figures or more, and no more digits behind the point than mean something."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
