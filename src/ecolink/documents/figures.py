"""Drawing a figure: from values to rectangles, strokes and texts, which a browser and a page of paper show alike.

All lengths in millimetres; y grows downwards.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, log10
from typing import Literal

from ecolink.documents.document import Figure, Series, number_text

WIDTH, HEIGHT = 156.0, 78.0

_LEFT, _RIGHT, _TOP, _BOTTOM = 17.0, 3.0, 15.0, 15.0
_TEXT = 3.4
_INK = "#333333"
_GRID = "#cccccc"
_COLOURS = ("#17365d", "#c0504d", "#7f9f3f", "#a6a6a6")
_DASHES: tuple[tuple[float, float] | None, ...] = (None, (3.0, 1.2), (1.0, 1.0), (6.0, 1.5))
"""Lines are told apart by their dashes too: most printers are black and white."""
_TICKS = 5
_LABELLED_BARS = 24

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points; `dash`: how much is drawn and left out in turn."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float = 0.2
    dash: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text on its base line."""

    x: float
    y: float
    text: str
    anchor: Anchor = "middle"
    size: float = _TEXT
    colour: str = _INK


Shape = Rectangle | Stroke | Text


def shapes(figure: Figure) -> list[Shape]:
    """Return what to draw, in the order to draw it."""
    values = [value for series in figure.series for value in series.values if value is not None]
    scale = _Scale.over(min([0, *values]), max([0, *values]))
    drawn = _bars(figure, scale) if figure.kind == "bar" else _lines(figure, scale)
    return [*_axes(figure, scale), *drawn, *_legend(figure)]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a value stands between the bottom and the top of the figure."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, low: float, high: float) -> "_Scale":
        """Return the scale with round steps that holds both values. Steps are whole numbers where values are."""
        rough = max(high - low, 1) / _TICKS
        power = 10.0 ** floor(log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
        if float(low).is_integer() and float(high).is_integer():
            step = max(1.0, step)
        # One step of room above the highest value: its number stands there.
        return cls(floor(low / step) * step, (floor(high / step) + 1) * step, step)

    def y(self, value: float) -> float:
        room = HEIGHT - _TOP - _BOTTOM
        return HEIGHT - _BOTTOM - (value - self.low) / (self.high - self.low) * room

    def ticks(self) -> Iterator[float]:
        for count in range(round((self.high - self.low) / self.step) + 1):
            yield round(self.low + count * self.step, 10)


def _axes(figure: Figure, scale: _Scale) -> Iterator[Shape]:
    for tick in scale.ticks():
        y = scale.y(tick)
        yield Stroke(((_LEFT, y), (WIDTH - _RIGHT, y)), _GRID)
        yield Text(_LEFT - 1.5, y + _TEXT / 3, number_text(tick), "end")
    yield Stroke(((_LEFT, _TOP), (_LEFT, HEIGHT - _BOTTOM)), _INK, 0.3)
    yield Stroke(((_LEFT, scale.y(0)), (WIDTH - _RIGHT, scale.y(0))), _INK, 0.3)
    slot = _slot(figure)
    every = ceil(8 / slot) if slot < 8 else 1  # noqa: PLR2004 - millimetres: two characters and a gap
    for place, category in enumerate(figure.categories):
        if place % every == 0:
            label = _shortened(category, slot * every - 1)
            yield Text(_LEFT + (place + 0.5) * slot, HEIGHT - _BOTTOM + 4.5, label)
    yield Text(_LEFT - 1.5, _TOP - 9, _shortened(figure.value_axis, WIDTH / 3), "start")
    yield Text(_LEFT + (WIDTH - _LEFT - _RIGHT) / 2, HEIGHT - 3, figure.category_axis)


def _bars(figure: Figure, scale: _Scale) -> Iterator[Shape]:
    slot = _slot(figure)
    wide = min(slot * 0.8 / len(figure.series), 14.0)
    labelled = len(figure.categories) * len(figure.series) <= _LABELLED_BARS
    for number, series in enumerate(figure.series):
        shift = (number - len(figure.series) / 2) * wide
        for place, value in enumerate(series.values):
            if value is None:
                continue
            x = _LEFT + (place + 0.5) * slot + shift
            top, foot = sorted((scale.y(value), scale.y(0)))
            yield Rectangle(x, top, wide * 0.94, foot - top, _COLOURS[number])
            if labelled:
                yield Text(x + wide * 0.47, (top if value >= 0 else foot + _TEXT) - 0.8, number_text(value), size=3.0)


def _lines(figure: Figure, scale: _Scale) -> Iterator[Shape]:
    for number, series in enumerate(figure.series):
        colour = _COLOURS[number]
        for points in _runs(series, _slot(figure), scale):
            yield Stroke(points, colour, 0.6, _DASHES[number])
            for x, y in points:
                yield Rectangle(x - 0.8, y - 0.8, 1.6, 1.6, colour)


def _runs(series: Series, slot: float, scale: _Scale) -> Iterator[tuple[tuple[float, float], ...]]:
    """Yield the points of a line; it is broken where a value is missing."""
    for known, run in groupby(enumerate(series.values), key=lambda pair: pair[1] is not None):
        if known:
            yield tuple((_LEFT + (place + 0.5) * slot, scale.y(value)) for place, value in run if value is not None)


def _legend(figure: Figure) -> Iterator[Shape]:
    room = (WIDTH - _LEFT - _RIGHT) / len(figure.series)
    for number, series in enumerate(figure.series):
        x = _LEFT + number * room
        if figure.kind == "bar":
            yield Rectangle(x, _TOP - 5.4, 4, 2.6, _COLOURS[number])
        else:
            yield Stroke(((x, _TOP - 4.1), (x + 8, _TOP - 4.1)), _COLOURS[number], 0.6, _DASHES[number])
        beside = x + (5.5 if figure.kind == "bar" else 9.5)
        yield Text(beside, _TOP - 3, _shortened(series.name, room - 11), "start")


def _slot(figure: Figure) -> float:
    return (WIDTH - _LEFT - _RIGHT) / len(figure.categories)


def _shortened(text: str, room: float) -> str:
    """Return `text`, cut with an ellipsis where it is wider than `room`; the table beside has it whole."""
    one_line = " ".join(text.split())
    wide = 0.0
    for place, character in enumerate(one_line):
        wide += _TEXT * (1 if unicodedata.east_asian_width(character) in "WFA" else 0.6)
        if wide > room:
            return one_line[: max(place - 1, 0)] + "…"
    return one_line
