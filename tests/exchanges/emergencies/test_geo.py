"""Distances on the ground, held against geodesics on the ellipsoid."""

from itertools import pairwise
from math import atan, atan2, cos, inf, pi, radians, sin, sqrt, tan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.exchanges.emergencies.geo import Plane, Position, distance_m

XIADANG = (119.24, 27.43)
LONGXI = (119.20, 27.46)


def geodesic_m(one: Position, other: Position) -> float:
    """Vincenty's inverse formula on WGS-84 (Survey Review XXIII, 1975): right to a millimetre."""
    major, flattening = 6_378_137.0, 1 / 298.257_223_563
    minor = major * (1 - flattening)
    across = radians(other[0] - one[0])
    u1, u2 = (atan((1 - flattening) * tan(radians(place[1]))) for place in (one, other))
    angle = across
    for _ in range(100):
        away = sqrt((cos(u2) * sin(angle)) ** 2 + (cos(u1) * sin(u2) - sin(u1) * cos(u2) * cos(angle)) ** 2)
        if away == 0:
            return 0.0
        cos_arc = sin(u1) * sin(u2) + cos(u1) * cos(u2) * cos(angle)
        arc = atan2(away, cos_arc)
        sin_azimuth = cos(u1) * cos(u2) * sin(angle) / away
        cos2_azimuth = 1 - sin_azimuth**2
        cos_2m = cos_arc - 2 * sin(u1) * sin(u2) / cos2_azimuth if cos2_azimuth else 0.0
        c = flattening / 16 * cos2_azimuth * (4 + flattening * (4 - 3 * cos2_azimuth))
        spread = cos_2m + c * cos_arc * (2 * cos_2m**2 - 1)
        before, angle = angle, across + (1 - c) * flattening * sin_azimuth * (arc + c * away * spread)
        if abs(angle - before) < 1e-13:
            break
    u_2 = cos2_azimuth * (major**2 - minor**2) / minor**2
    a = 1 + u_2 / 16384 * (4096 + u_2 * (-768 + u_2 * (320 - 175 * u_2)))
    b = u_2 / 1024 * (256 + u_2 * (-128 + u_2 * (74 - 47 * u_2)))
    inner = cos_arc * (2 * cos_2m**2 - 1) - b / 6 * cos_2m * (4 * away**2 - 3) * (4 * cos_2m**2 - 3)
    return minor * a * (arc - b * away * (cos_2m + b / 4 * inner))


def test_the_oracle_itself_gives_the_published_length_of_flinders_peak_to_buninyong() -> None:
    flinders = (144 + 25 / 60 + 29.52440 / 3600, -(37 + 57 / 60 + 3.72030 / 3600))
    buninyong = (143 + 55 / 60 + 35.38390 / 3600, -(37 + 39 / 60 + 10.15610 / 3600))
    assert geodesic_m(flinders, buninyong) == pytest.approx(54972.271, abs=0.02)


def square(middle: Position, side_m: float) -> list[list[Position]]:
    plane = Plane.at(middle)
    east, north = side_m / 2 / plane.east, side_m / 2 / plane.north
    lon, lat = middle
    corners = [
        (lon - east, lat - north),
        (lon + east, lat - north),
        (lon + east, lat + north),
        (lon - east, lat + north),
    ]
    return [[*corners, corners[0]]]


places = st.tuples(st.floats(73, 135), st.floats(18, 54))


@given(places, st.floats(0, 2 * pi), st.floats(1, 100_000))
def test_a_distance_within_china_is_right_within_the_stated_bound(place: Position, heading: float, away: float) -> None:
    plane = Plane.at(place)
    there = (place[0] + sin(heading) * away / plane.east, place[1] + cos(heading) * away / plane.north)
    if not 18 <= there[1] <= 54:
        return
    told, true = distance_m([[place]], [[there, there]]), geodesic_m(place, there)
    assert told == pytest.approx(true, rel=0.005 if true <= 50_000 else 0.01)
    if true <= 600:
        assert abs(told - true) <= 0.03


def test_the_two_townships_lie_a_little_over_five_kilometres_apart() -> None:
    assert distance_m([[XIADANG]], [[LONGXI, LONGXI]]) == pytest.approx(geodesic_m(XIADANG, LONGXI), rel=1e-4)
    assert 5_100 < geodesic_m(XIADANG, LONGXI) < 5_200


def test_the_foot_of_the_perpendicular_counts_and_not_the_nearest_corner() -> None:
    plane = Plane.at(XIADANG)
    lon, lat = XIADANG
    north_600 = lat + 600 / plane.north
    line = [(lon - 0.2, north_600), (lon + 0.2, north_600)]
    assert distance_m([[XIADANG]], [line]) == pytest.approx(600, abs=0.01)


def test_past_the_end_of_a_line_its_end_counts() -> None:
    assert distance_m([[(119.0, 27.0)]], [[(119.1, 27.0), (119.2, 27.0)]]) == pytest.approx(
        geodesic_m((119.0, 27.0), (119.1, 27.0)), rel=1e-4
    )


def test_the_nearest_of_several_lines_counts() -> None:
    far, near = [(119.5, 27.0), (119.5, 28.0)], [(119.3, 27.0), (119.3, 28.0)]
    assert distance_m([[XIADANG]], [far, near]) == distance_m([[XIADANG]], [near])


def test_an_area_is_as_near_as_its_nearest_edge() -> None:
    fire = square(XIADANG, 400)
    plane = Plane.at(XIADANG)
    line = [(XIADANG[0] + 1000 / plane.east, 27.3), (XIADANG[0] + 1000 / plane.east, 27.6)]
    assert distance_m(fire, [line]) == pytest.approx(800, abs=0.01)


def test_a_line_whose_end_points_at_an_area_is_as_near_as_that_end() -> None:
    plane = Plane.at(XIADANG)
    spike = [(XIADANG[0] + 500 / plane.east, 27.43), (XIADANG[0] + 5000 / plane.east, 27.43)]
    assert distance_m(square(XIADANG, 400), [spike]) == pytest.approx(300, abs=0.01)


@pytest.mark.parametrize(
    "line",
    [
        [(119.0, 27.43), (119.5, 27.43)],  # runs right through
        [(119.2399, 27.4299), (119.2401, 27.4301)],  # lies inside
        [(119.24, 27.43), (119.5, 27.43)],  # begins inside
    ],
)
def test_an_area_the_border_runs_through_is_at_distance_nought(line: list[Position]) -> None:
    assert distance_m(square(XIADANG, 400), [line]) == 0


def test_a_border_inside_a_hole_of_the_area_is_as_far_as_the_rim_of_the_hole() -> None:
    (outer,), (hole,) = square(XIADANG, 4000), square(XIADANG, 2000)
    assert distance_m([outer, hole], [[XIADANG, (XIADANG[0] + 1e-9, XIADANG[1])]]) == pytest.approx(1000, abs=0.01)


def test_without_any_line_the_distance_is_infinite() -> None:
    assert distance_m([[XIADANG]], []) == inf


@given(
    places,
    st.floats(10, 5000),
    st.lists(st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)), min_size=2, max_size=8),
)
def test_leaving_out_far_segments_changes_nothing(place: Position, side: float, offsets: list[Position]) -> None:
    line = [(place[0] + east, place[1] + north) for east, north in offsets]
    each = [distance_m(square(place, side), [list(segment)]) for segment in pairwise(line)]
    assert distance_m(square(place, side), [line]) == pytest.approx(min(each))


@given(places, st.floats(10, 5000), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_an_area_is_never_farther_than_its_middle(place: Position, side: float, east: float, north: float) -> None:
    line = [(place[0] + east, place[1] + north), (place[0] + east + 0.1, place[1] + north)]
    assert distance_m(square(place, side), [line]) <= distance_m([[place]], [line]) + 0.01
