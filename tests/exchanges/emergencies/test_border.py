"""The border line: the shipped sketch, a bureau's own file, and what is said when there is none."""

import csv
import json
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from ecolink.exchanges.emergencies.border import Border
from ecolink.exchanges.emergencies.geo import Plane, distance_m
from ecolink.protocol.kinds.emergencies import Location

XIADANG = (119.24, 27.43)
LONGXI = (119.20, 27.46)


def point(longitude: float, latitude: float) -> Location:
    return Location.model_validate(
        {"text": "下党乡", "datum": "CGCS2000", "geometry": {"type": "Point", "coordinates": [longitude, latitude]}}
    )


def line(*positions: tuple[float, float], kind: str = "LineString") -> dict[str, object]:
    return {"type": kind, "coordinates": [list(position) for position in positions]}


def test_the_shipped_line_runs_through_both_townships_and_says_it_is_a_sketch() -> None:
    border = Border.shipped()
    assert border.schematic
    for township in (XIADANG, LONGXI):
        told = border.distance(point(*township))
        assert told.distance_m == 0
        assert told.schematic
        assert "示意" in (told.source or "")
    assert "not for navigation" in (files("ecolink") / "data" / "border-schematic.geojson").read_text("utf-8")


def test_the_shipped_line_keeps_each_county_seat_in_its_own_province() -> None:
    (path,) = Border.shipped().lines
    rows = csv.DictReader((files("ecolink") / "data" / "bureaus.csv").read_text("utf-8").splitlines())
    assert path[0][1] > 27.7
    fujian_corner = (118.0, 26.0)
    for row in rows:
        seat = (float(row["lon"]), float(row["lat"]))
        way = [seat, fujian_corner]
        meets = sum(distance_m([[a]], [[a, b]]) == 0 and _crosses(way, [a, b]) for a, b in pairwise(path))
        assert (meets % 2 == 0) == (row["province_en"] == "Fujian"), row["name_en"]


def _crosses(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> bool:
    def turn(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    return turn(*one, other[0]) * turn(*one, other[1]) < 0 and turn(*other, one[0]) * turn(*other, one[1]) < 0


def test_a_fire_six_hundred_metres_from_the_border_is_told_so() -> None:
    plane = Plane.at(XIADANG)
    own = Border.read(
        json.dumps(line((119.0, 27.43 + 600 / plane.north), (119.5, 27.43 + 600 / plane.north))), name="省界"
    )
    told = own.distance(point(*XIADANG))
    assert told.distance_m == pytest.approx(600, abs=0.1)
    assert told.source == "省界"
    assert not told.schematic


def test_without_a_border_or_a_place_on_the_map_the_distance_is_unknown() -> None:
    assert Border().distance(point(*XIADANG)).distance_m is None
    assert Border.shipped().distance(Location(text="下党乡某处山林")).distance_m is None


def test_far_from_a_sketch_the_distance_is_unknown_because_the_border_may_run_nearer_there() -> None:
    shigatse = point(88.88, 29.27)
    assert Border.shipped().distance(shigatse).distance_m is None
    surveyed = Border.read(json.dumps(line((119.0, 27.0), (119.5, 27.5))), name="own")
    assert (surveyed.distance(shigatse).distance_m or 0) > 2_000_000


@pytest.mark.parametrize(
    "document",
    [
        line((119.0, 27.0), (119.5, 27.5)),
        {"type": "MultiLineString", "coordinates": [[[119.0, 27.0], [119.5, 27.5]], [[120.0, 30.0], [121.0, 30.0]]]},
        {"type": "Feature", "properties": None, "geometry": line((119.0, 27.0), (119.5, 27.5))},
        {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [1, 2]}},
                {"type": "Feature", "properties": {}, "geometry": None},
                {"type": "Feature", "properties": {}, "geometry": line((119.0, 27.0), (119.5, 27.5))},
            ],
        },
        {"type": "GeometryCollection", "geometries": [line((119.0, 27.0), (119.5, 27.5))]},
        {"type": "Polygon", "coordinates": [[[119.0, 27.0], [119.5, 27.5], [119.0, 27.5], [119.0, 27.0]]]},
        {"type": "MultiPolygon", "coordinates": [[[[119.0, 27.0], [119.5, 27.5], [119.0, 27.5], [119.0, 27.0]]]]},
        {"type": "LineString", "coordinates": [[119.0, 27.0, 812.5], [119.5, 27.5, 640]]},
    ],
)
def test_lines_are_found_wherever_geojson_keeps_them(document: dict[str, object]) -> None:
    border = Border.read(json.dumps(document), name="own")
    assert border.distance(point(119.25, 27.25)).distance_m == pytest.approx(0, abs=0.1)
    assert not border.schematic


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[" * 100_000,
        "[]",
        '"LineString"',
        '{"type": "Point", "coordinates": [1, 2]}',
        '{"type": "FeatureCollection"}',
        '{"type": "FeatureCollection", "features": 7}',
        '{"type": "FeatureCollection", "features": ["x"]}',
        '{"type": "LineString", "coordinates": [[119, 27]]}',
        '{"type": "LineString", "coordinates": [[119, 27], [119]]}',
        '{"type": "LineString", "coordinates": [[119, 27], [27.5, 119.5]]}',
        '{"type": "LineString", "coordinates": [[119, 27], ["119.5", "27.5"]]}',
        '{"type": "LineString", "coordinates": [[119, 27], [true, false]]}',
        '{"type": "LineString", "coordinates": [[119, 27], [NaN, 27]]}',
        '{"type": "LineString", "coordinates": null}',
        '{"type": "MultiPolygon", "coordinates": [[[119, 27], [120, 27]]]}',
    ],
)
def test_a_file_that_is_no_border_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"^own: "):
        Border.read(text, name="own")


def test_a_border_is_read_from_a_bureaus_own_file(tmp_path: Path) -> None:
    path = tmp_path / "border.geojson"
    path.write_text("\ufeff" + json.dumps(line((119.0, 27.0), (119.5, 27.5))), "utf-8")
    assert Border.from_file(path).name == "border.geojson"
    with pytest.raises(OSError, match="absent"):
        Border.from_file(tmp_path / "absent.geojson")
