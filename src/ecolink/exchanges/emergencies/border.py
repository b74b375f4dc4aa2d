"""The provincial border as a line on the map: shipped as a sketch, replaced by the bureau's own GeoJSON file."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Any, Self

from ecolink.exchanges.emergencies.geo import Path, Position, distance_m
from ecolink.protocol.kinds.emergencies import (
    MAX_LATITUDE,
    MAX_LONGITUDE,
    BorderDistance,
    Location,
    PointGeometry,
    PolygonGeometry,
)

SCHEMATIC = "border-schematic.geojson"
"""The shipped sketch, in the package's data folder."""

SKETCH_REACH_M = 50_000
"""Beyond so many metres a sketch says nothing: the border may well run nearer where nobody drew it."""

_DEPTH = {"LineString": 0, "MultiLineString": 1, "Polygon": 1, "MultiPolygon": 2}
"""How many lists lie around one path in the coordinates of each geometry."""


@dataclass(frozen=True)
class Border:
    """The lines a distance is measured to; with none, every distance is unknown."""

    lines: Sequence[Path] = ()
    name: str | None = None
    schematic: bool = False

    @classmethod
    def shipped(cls) -> Self:
        """Return the sketch that comes with ecolink: for demonstrations, not for navigation."""
        return cls.from_file(shipped_file())

    @classmethod
    def from_file(cls, path: FilePath) -> Self:
        """Read a bureau's own border.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no GeoJSON with lines or polygons.

        """
        return cls.read(path.read_text("utf-8-sig"), name=path.name)

    @classmethod
    def read(cls, text: str, *, name: str) -> Self:
        """Read GeoJSON (RFC 7946): lines as they are, polygons by their rings, anything that holds them.

        A member `name` names the line; `"schematic": true` among the properties marks a sketch.

        Raises:
            ValueError: it is no GeoJSON with lines or polygons; the message says what is wrong.

        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as fault:
            raise ValueError(f"{name}: not JSON") from fault
        lines = [line for geometry in _geometries(document, name) for line in _paths(geometry, name)]
        if not lines:
            raise ValueError(f"{name}: there is no LineString, Polygon or the like in it")
        label = document.get("name")
        return cls(lines, label if isinstance(label, str) and label.strip() else name, _is_schematic(document))

    def distance(self, location: Location) -> BorderDistance:
        """Return how far `location` is from the border.

        It is unknown without a line, without a place on the map, and far away from a mere sketch.
        """
        return self.measure(_outline(location.geometry) if location.geometry else ())

    def measure(self, outline: Sequence[Path]) -> BorderDistance:
        """Return how far whatever has this `outline` is from the border; see `distance`."""
        unknown = BorderDistance(source=self.name, schematic=self.schematic)
        if not self.lines or not outline:
            return unknown
        metres = round(distance_m(outline, self.lines), 1)
        return (
            unknown if self.schematic and metres > SKETCH_REACH_M else unknown.model_copy(update={"distance_m": metres})
        )


def shipped_file() -> FilePath:
    """Return where the sketch lies, for the settings of a demonstration."""
    return FilePath(str(files("ecolink") / "data" / SCHEMATIC))


def _outline(geometry: PointGeometry | PolygonGeometry) -> Sequence[Path]:
    return [[geometry.coordinates]] if isinstance(geometry, PointGeometry) else geometry.coordinates


def _geometries(document: object, name: str) -> Iterator[dict[str, Any]]:
    """Go through the geometries with lines, wherever they hang."""
    if not isinstance(document, dict):
        raise ValueError(f"{name}: GeoJSON is made of objects")  # noqa: TRY004 - one error for every bad file
    match document.get("type"):
        case "FeatureCollection":
            for feature in _list(document.get("features"), name):
                yield from _geometries(feature, name)
        case "Feature":
            if document.get("geometry") is not None:
                yield from _geometries(document["geometry"], name)
        case "GeometryCollection":
            for geometry in _list(document.get("geometries"), name):
                yield from _geometries(geometry, name)
        case kind if kind in _DEPTH:
            yield document


def _paths(geometry: dict[str, Any], name: str) -> list[Path]:
    paths = [geometry.get("coordinates")]
    for _ in range(_DEPTH[geometry["type"]]):
        paths = [inner for outer in paths for inner in _list(outer, name)]
    return [[_position(each, name) for each in _list(path, name, least=2)] for path in paths]


def _position(coordinates: object, name: str) -> Position:
    longitude, latitude, *_ = _list(coordinates, name, least=2)
    for value, limit in ((longitude, MAX_LONGITUDE), (latitude, MAX_LATITUDE)):
        # Not-a-number is not below any limit.
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= limit:
            raise ValueError(f"{name}: {coordinates!r} is no position [longitude, latitude] in degrees")
    return float(longitude), float(latitude)


def _list(value: object, name: str, *, least: int = 0) -> list[Any]:
    if not isinstance(value, list) or len(value) < least:
        raise ValueError(f"{name}: expected a list of at least {least}, found {str(value)[:60]}")
    return value


def _is_schematic(document: dict[str, Any]) -> bool:
    features = document["features"] if document.get("type") == "FeatureCollection" else [document]
    properties = (feature.get("properties") for feature in features)
    return any(isinstance(each, dict) and each.get("schematic") is True for each in properties)
