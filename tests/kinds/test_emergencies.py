"""The bodies of emergency statements: what they hold, what they refuse, what they keep unread."""

import json

import pytest
from pydantic import ValidationError

from ecolink.protocol.kinds.emergencies import (
    KINDS,
    MAX_POSITIONS,
    EmergencyAlertV1,
    EmergencyUpdateV1,
    Fire,
    Location,
)
from ecolink.protocol.kinds.rosters import RosterV1
from ecolink.protocol.statement import Lane

ALERT = {
    "status": "actual",
    "kind": "wildfire",
    "title": "下党乡森林火情",
    "description": "上党村后山起火。",
    "colour": "orange",
    "urgency": "Immediate",
    "severity": "Severe",
    "certainty": "Observed",
    "occurred_at": "2026-11-22T14:05:00+08:00",
    "location": {
        "text": "寿宁县下党乡",
        "region_code": "350924",
        "geometry": {"type": "Point", "coordinates": [119.24, 27.43]},
        "datum": "CGCS2000",
    },
    "border": {"distance_m": 600.0, "source": "省界", "schematic": True},
    "fire": {
        "area_ha": 0.8,
        "casualties": {"dead": 0, "injured": 1},
        "cause": "农事用火",
        "wind": {"direction": "SW", "force": 4},
        "open_flame": True,
    },
    "assistance": "请在龙溪乡一侧开设隔离带。",
    "hotline": "0593-0000001",
}


def test_an_alert_says_on_the_wire_what_it_was_told() -> None:
    told = EmergencyAlertV1.model_validate(ALERT)
    wire = json.loads(json.dumps(told.to_wire()))
    assert EmergencyAlertV1.model_validate(wire) == told
    assert wire["location"]["geometry"]["coordinates"] == [119.24, 27.43]
    assert wire["occurred_at"] == "2026-11-22T14:05:00.000+08:00"
    assert wire["fire"]["wind"] == {"direction": "SW", "force": 4}


def test_members_of_a_later_version_are_kept() -> None:
    told = EmergencyAlertV1.model_validate(ALERT | {"drone": "airborne"})
    assert told.to_wire()["drone"] == "airborne"


def test_an_alliance_is_named_with_the_digest_of_its_roster() -> None:
    roster = RosterV1.freeze(
        alliance_id="019ab000-0000-7000-8000-000000000001",
        name_zh="六县联盟",
        name_en="Six-county alliance",
        version=1,
        members=("350924000000", "331126000000"),
    )
    told = EmergencyAlertV1.model_validate(ALERT | {"alliance": roster.to_wire()})
    assert told.alliance == roster
    with pytest.raises(ValidationError, match="digest"):
        EmergencyAlertV1.model_validate(ALERT | {"alliance": roster.to_wire() | {"version": 2}})


@pytest.mark.parametrize(
    "change",
    [
        {"status": "real"},
        {"kind": "flood"},
        {"colour": "4"},
        {"urgency": "immediate"},
        {"severity": None},
        {"title": ""},
        {"title": "两\n行"},
        {"title": "字" * 101},
        {"occurred_at": "2026-11-22T14:05:00"},
        {"hotline": "call me"},
        {"kind": "natural_disaster"},  # with fire facts
        {"fire": {"area_ha": -1}},
        {"fire": {"area_ha": "0.8"}},
        {"fire": {"wind": {"direction": "SSW"}}},
        {"fire": {"wind": {"force": 18}}},
        {"fire": {"casualties": {"injured": 1, "seriously_injured": 2}}},
        {"fire": {"casualties": {"dead": -1}}},
        {"border": {"distance_m": -1}},
        {"location": {"geometry": {"type": "Point", "coordinates": [119.24, 27.43]}, "datum": "WGS-84"}},  # no words
    ],
)
def test_what_does_not_fit_the_dictionary_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EmergencyAlertV1.model_validate(ALERT | change)


@pytest.mark.parametrize(
    ("place", "because"),
    [
        ({"geometry": {"type": "Point", "coordinates": [119.24, 27.43]}}, "datum"),
        ({"geometry": {"type": "Point", "coordinates": [119.24, 27.43]}, "datum": "GCJ-02"}, "WGS-84"),
        ({"geometry": {"type": "Point", "coordinates": [27.43, 119.24]}, "datum": "WGS-84"}, "globe"),
        ({"geometry": {"type": "Point", "coordinates": [119.24]}, "datum": "WGS-84"}, "coordinates"),
        ({"geometry": {"type": "Point", "coordinates": [float("inf"), 1]}, "datum": "WGS-84"}, "finite"),
        ({"geometry": {"type": "Point", "coordinates": [float("nan"), 1]}, "datum": "WGS-84"}, "finite"),
        ({"geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}, "datum": "WGS-84"}, "LineString"),
        ({"geometry": {"type": "Polygon", "coordinates": []}, "datum": "WGS-84"}, "at least 1"),
        (
            {"geometry": {"type": "Polygon", "coordinates": [[[1, 2], [3, 4], [5, 6], [7, 8]]]}, "datum": "WGS-84"},
            "ends where it began",
        ),
    ],
)
def test_a_place_that_is_not_on_the_map_is_refused_with_the_reason(place: dict[str, object], because: str) -> None:
    with pytest.raises(ValidationError, match=because):
        Location.model_validate({"text": "下党乡"} | place)


@pytest.mark.parametrize("corner", [[180.0, 90.0], [-180.0, -90.0]])
def test_a_place_at_the_edge_of_the_globe_is_on_it(corner: list[float]) -> None:
    point = {"type": "Point", "coordinates": corner}
    assert Location.model_validate({"text": "下党乡", "geometry": point, "datum": "WGS-84"}).geometry is not None


def test_an_area_has_a_bounded_number_of_corners() -> None:
    corners = [[119 + at / 10_000, 27.0] for at in range(MAX_POSITIONS)]
    polygon = {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}
    with pytest.raises(ValidationError, match="at most 500"):
        Location.model_validate({"text": "下党乡", "geometry": polygon, "datum": "WGS-84"})
    polygon["coordinates"] = [[*corners[1:], corners[1]]]
    assert Location.model_validate({"text": "下党乡", "geometry": polygon, "datum": "WGS-84"}).geometry is not None


def test_the_rings_of_an_area_are_counted_together() -> None:
    ring = [[119 + at / 10_000, 27.0] for at in range(300)]
    polygon = {"type": "Polygon", "coordinates": [[*ring, ring[0]], [*ring, ring[0]]]}
    with pytest.raises(ValidationError, match="602"):
        Location.model_validate({"text": "下党乡", "geometry": polygon, "datum": "WGS-84"})


def test_what_is_not_known_of_a_fire_is_left_out() -> None:
    assert Fire().to_wire() == {}


def test_an_update_tells_the_whole_situation_and_what_changed() -> None:
    update = EmergencyUpdateV1.model_validate(ALERT | {"changes": "过火面积扩大到2公顷。"})
    assert update.title == "下党乡森林火情"
    with pytest.raises(ValidationError, match="changes"):
        EmergencyUpdateV1.model_validate(ALERT)


def test_only_the_author_may_speak_to_several_and_all_travels_in_the_emergency_lane() -> None:
    assert {kind.type for kind in KINDS} == {
        f"emergency.{name}.v1" for name in ("alert", "update", "cancel", "acknowledged", "note")
    }
    assert all(kind.lane is Lane.EMERGENCY for kind in KINDS)
    assert not next(kind for kind in KINDS if kind.type == "emergency.acknowledged.v1").many
