"""What lies under everything on the map: outlines, the provincial border, the seats of the bureaus."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from ecolink.exchanges.emergencies.border import Border

OUTLINES = "counties-schematic.geojson"
"""The shipped sketch, in the package's data folder (docs/decisions/0040-outlines-drawn-by-hand.md)."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """A tile server that the bureau runs or trusts; without one the map is made of our own lines alone."""

    url: str
    """With `{z}`, `{x}` and `{y}`."""
    attribution: str = ""

    @property
    def origin(self) -> str:
        """Where pictures come from: the one place that pages with a map may ask besides this node."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Ground:
    """Read once, when the node starts."""

    outlines: Mapping[str, Any]
    border: Border
    seats: Sequence[Mapping[str, str]] = field(default_factory=list)
    tiles: Tiles | None = None

    @classmethod
    def read(cls, outlines: Path | None, border: Border, tiles: Tiles | None = None) -> Self:
        """Read the bureau's own outlines, or the sketch that comes with ecolink.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no GeoJSON.

        """
        data = files("ecolink").joinpath("data")
        text = data.joinpath(OUTLINES).read_text("utf-8") if outlines is None else outlines.read_text("utf-8-sig")
        document = json.loads(text)
        if not isinstance(document, dict) or not isinstance(document.get("features"), list):
            raise ValueError(f"{outlines}: expected a GeoJSON FeatureCollection")  # noqa: TRY004 - one error for a bad file
        seats = list(csv.DictReader(data.joinpath("bureaus.csv").read_text("utf-8").splitlines()))
        return cls(document, border, seats, tiles)

    @property
    def is_sketch(self) -> bool:
        """Whether outlines or border are drawn by hand, which the map then says."""
        return self.outlines.get("schematic") is True or self.border.schematic

    def drawn(self, us: str) -> dict[str, Any]:
        """Return all of it as the page's script draws it; names in both languages."""
        return {
            "outlines": self.outlines,
            "border": {"type": "MultiLineString", "coordinates": self.border.lines},
            "seats": [
                {
                    "at": [float(seat["lat"]), float(seat["lon"])],
                    "name_zh": seat["name_zh"],
                    "name_en": seat["name_en"],
                    "ours": seat["unit_code"] == us,
                }
                for seat in self.seats
            ],
            "sketch": self.is_sketch,
            "tiles": {"url": self.tiles.url, "attribution": self.tiles.attribution} if self.tiles else None,
        }
