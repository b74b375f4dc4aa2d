"""The shipped sketch of six counties holds together: with itself, with the seats, and with the border."""

import csv
import json
from importlib.resources import files
from itertools import pairwise

DATA = files("ecolink").joinpath("data")
Ring = list[list[float]]


def read(name: str):
    return json.loads(DATA.joinpath(name).read_text("utf-8"))


def outlines() -> dict[str, Ring]:
    features = read("counties-schematic.geojson")["features"]
    return {each["properties"]["region_code"]: each["geometry"]["coordinates"][0] for each in features}


def contains(ring: Ring, longitude: float, latitude: float) -> bool:
    """Tell whether a point lies within: a ray from it crosses the ring an odd number of times."""
    crossed = (
        longitude < (x2 - x1) * (latitude - y1) / (y2 - y1) + x1
        for (x1, y1), (x2, y2) in pairwise(ring)
        if (y1 > latitude) != (y2 > latitude)
    )
    return sum(crossed) % 2 == 1


def test_every_county_seat_lies_in_its_own_outline_and_in_no_other():
    bureaus = list(csv.DictReader(DATA.joinpath("bureaus.csv").read_text("utf-8").splitlines()))

    for bureau in bureaus:
        within = [
            code for code, ring in outlines().items() if contains(ring, float(bureau["lon"]), float(bureau["lat"]))
        ]
        assert within == [bureau["region_code"]]


def test_the_border_runs_between_the_counties_of_two_provinces():
    """Each stretch of the border is an edge of one outline in Fujian and, the other way round, of one in Zhejiang."""
    edges = {(tuple(a), tuple(b)): code for code, ring in outlines().items() for a, b in pairwise(ring)}

    for a, b in pairwise(read("border-schematic.geojson")["features"][0]["geometry"]["coordinates"]):
        sides = {edges[tuple(a), tuple(b)][:2], edges[tuple(b), tuple(a)][:2]}
        assert sides == {"35", "33"}


def test_outlines_are_closed_and_run_against_the_clock_as_the_rfc_wants():
    for ring in outlines().values():
        assert ring[0] == ring[-1]
        assert sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring)) > 0


def test_the_sketch_says_that_it_is_one_with_its_datum_source_and_licence():
    sketch = read("counties-schematic.geojson")

    assert sketch["schematic"] is True
    assert sketch["datum"] == "WGS-84"
    assert "not for navigation" in sketch["notice_en"]
    assert "不得用于导航" in sketch["notice_zh"]
    assert sketch["source"]
    assert sketch["licence"]
