"""The bodies of statements about bulletins, as they stand on the wire."""

import json
from hashlib import sha256
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from ecolink.protocol.kinds.bulletins import (
    KINDS,
    MAX_POSITIONS,
    BulletinArea,
    BulletinCompliedV1,
    BulletinFeedbackV1,
    BulletinPrivate,
    BulletinPublishedV1,
    BulletinRecalledV1,
)
from ecolink.protocol.kinds.rosters import RosterV1
from ecolink.protocol.statement import Lane

DIGEST = "0" * 64
SAID: dict[str, Any] = {
    "kind": "trend",
    "title": "盗伐林木趋势",
    "body": "近三个月盗伐案件集中于省界两侧。",
    "grading": {"source": "A", "information": "1"},
    "sanitised": True,
}
RING = [[119.1, 27.4], [119.3, 27.4], [119.3, 27.5], [119.1, 27.4]]


def area(datum: str = "WGS-84", kind: str = "Polygon", coordinates: Any = None) -> dict[str, Any]:
    return {"datum": datum, "geometry": {"type": kind, "coordinates": coordinates or [RING]}}


def test_what_was_said_is_read_back_the_same():
    said = {
        **SAID,
        "period": {"start": "2026-08-01", "end": "2026-10-31"},
        "species": [{"name_zh": "杉木"}],
        "charges": ["345(1)"],
        "area": area(),
        "valid_until": "2027-02-28T23:59:59.000+08:00",
        "suggested_actions": ["联合巡护"],
        "related_to": [],
    }
    assert BulletinPublishedV1.model_validate(said).to_wire() == said


def test_members_a_later_version_added_are_kept():
    later = {**SAID, "confidence": "high", "grading": {**SAID["grading"], "note": "x"}}
    wire = BulletinPublishedV1.model_validate(later).to_wire()
    assert wire["confidence"] == "high"
    assert wire["grading"]["note"] == "x"


def test_a_charge_that_is_not_in_our_list_is_kept_on_the_wire():
    assert BulletinPublishedV1.model_validate({**SAID, "charges": ["349"]}).charges == ("349",)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "rumour"},
        {"title": ""},
        {"title": "两\n行"},
        {"title": "长" * 301},
        {"title": "a\u0000b"},
        {"body": "   "},
        {"body": "长" * 5001},
        {"grading": {"source": "D", "information": "1"}},
        {"grading": {"source": "A", "information": "5"}},
        {"sanitised": "yes"},
        {"charges": ["341 (1)"]},
        {"valid_until": "2027-02-28T23:59:59"},
        {"valid_until": "9999-12-31T23:59:59Z"},
        {"valid_until": "0001-01-01T00:00:00Z"},
        {"period": {"start": "2026-10-31", "end": "2026-08-01"}},
        {"suggested_actions": ["x"] * 21},
        {"related_to": ["not-an-id"]},
    ],
)
def test_members_out_of_their_bounds_are_refused(change):
    with pytest.raises(ValidationError):
        BulletinPublishedV1.model_validate({**SAID, **change})


@pytest.mark.parametrize(("year", "is_known"), [("1899", False), ("1900", True), ("2999", True), ("3000", False)])
def test_a_bulletin_is_valid_until_a_year_this_trade_can_mean(year, is_known):
    said = {**SAID, "valid_until": f"{year}-06-01T00:00:00.000+08:00"}
    if is_known:
        assert BulletinPublishedV1.model_validate(said).to_wire()["valid_until"] == said["valid_until"]
    else:
        with pytest.raises(ValidationError, match="from 1900 to 2999"):
            BulletinPublishedV1.model_validate(said)


@pytest.mark.parametrize(
    "good",
    [
        area(),
        area(kind="Point", coordinates=[180.0, 90.0]),
        area(kind="Point", coordinates=[-180.0, -90.0]),
        area(kind="LineString", coordinates=[[119.0, 27.0]] * MAX_POSITIONS),
        area("CGCS2000"),
        area(kind="Point", coordinates=[119.24, 27.43]),
        area(kind="LineString", coordinates=[[119.1, 27.4], [119.2, 27.5]]),
        area(kind="MultiPolygon", coordinates=[[RING], [RING]]),
    ],
)
def test_an_area_is_a_geometry_in_a_national_datum(good):
    assert TypeAdapter(BulletinArea).validate_python(good).to_wire() == good


@pytest.mark.parametrize(
    "wrong",
    [
        area("GCJ-02"),
        area(kind="Polygon", coordinates=[[*RING[:3], [119.2, 27.4]]]),
        area(kind="Point", coordinates=[27.43, 119.24]),
        area(kind="Point", coordinates=[181.0, 27.0]),
        area(kind="Point", coordinates=[float("nan"), 27.0]),
        area(kind="LineString", coordinates=[[119.0, 27.0]] * (MAX_POSITIONS + 1)),
        {"datum": "WGS-84", "geometry": {"type": "MultiPolygon", "coordinates": []}},
        area(kind="GeometryCollection", coordinates=[[1, 2]]),
        {"geometry": area()["geometry"]},
    ],
    ids=[
        "web map",
        "open ring",
        "latitude first",
        "off the globe",
        "not a number",
        "too fine",
        "nowhere",
        "collection",
        "no datum",
    ],
)
def test_an_area_off_the_map_is_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(BulletinArea).validate_python(wrong)


@pytest.mark.parametrize("bbox", [[119, 27, 120, 28], [1, 0, 0, 0], "x", None])
def test_a_bounding_box_is_dropped(bbox):
    boxed = area()
    boxed["geometry"]["bbox"] = bbox
    assert TypeAdapter(BulletinArea).validate_python(boxed).to_wire() == area()


@pytest.mark.parametrize("category", ["victim", "witness", "reporter", "minor"])
def test_no_victim_witness_reporter_or_minor_stands_in_a_bulletin(category):
    person = {"ref": "P1", "category": category, "basis": "fact", "name": "周小河"}
    with pytest.raises(ValidationError):
        BulletinPrivate.model_validate({"persons": [person]})


@pytest.mark.parametrize("outcomes", [[], ["none", "arrests"], ["arrests", "arrests"], ["applause"]])
def test_an_outcome_is_named_once_and_none_stands_alone(outcomes):
    said = {"version": DIGEST, "used_for": "清查", "usefulness": 3, "outcomes": outcomes}
    with pytest.raises(ValidationError):
        BulletinFeedbackV1.model_validate(said)


@pytest.mark.parametrize("outcomes", [["none"], ["arrests"], ["case_filed", "arrests", "seizure"]])
def test_whatever_a_bulletin_led_to_is_told(outcomes):
    said = {"version": DIGEST, "used_for": "清查", "usefulness": 3, "outcomes": outcomes}
    assert BulletinFeedbackV1.model_validate(said).to_wire()["outcomes"] == outcomes


@pytest.mark.parametrize("usefulness", [0, 6, 2.5, "3", True])
def test_usefulness_is_a_whole_number_from_one_to_five(usefulness):
    said = {"version": DIGEST, "used_for": "清查", "usefulness": usefulness, "outcomes": ["none"]}
    with pytest.raises(ValidationError):
        BulletinFeedbackV1.model_validate(said)


def test_a_recall_and_an_answer_name_what_they_speak_of_by_digest():
    for model, said in (
        (BulletinRecalledV1, {"bulletin": "x", "version": DIGEST, "reason_code": "wrong", "reason": "误报"}),
        (
            BulletinCompliedV1,
            {"author": "1", "target": DIGEST, "action": "recall", "applied_at": "2026-11-23T09:00:00Z"},
        ),
    ):
        with pytest.raises(ValidationError):
            model.model_validate(said)


def test_recalls_and_compliance_travel_in_the_lane_that_stays_open():
    control = {kind.type for kind in KINDS if kind.lane is Lane.CONTROL}
    assert control == {"bulletin.recalled.v1", "bulletin.complied.v1"}


def test_only_what_is_told_to_several_may_have_several_recipients():
    many = {kind.type.split(".")[1] for kind in KINDS if kind.many}
    assert many == {"published", "corrected", "recalled", "shared"}


def test_a_roster_is_the_same_in_whatever_order_its_members_were_named():
    def roster(*members: str) -> RosterV1:
        return RosterV1.freeze(
            alliance_id="019ab000-0000-7000-8000-000000000001",
            name_zh="联盟",
            name_en="Alliance",
            version=1,
            members=members,
        )

    one, other = "350924000000", "331126000000"
    assert roster(one, other) == roster(other, one, one)
    assert roster(one, other).digest != roster(one, "331127000000").digest


def test_a_rosters_digest_is_that_of_its_members_names_and_version_in_canonical_form():
    said = {
        "id": "019ab000-0000-7000-8000-000000000001",
        "members": ["331126000000", "350924000000"],
        "name_en": "Alliance",
        "name_zh": "联盟",
        "version": 3,
    }
    written = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    roster = RosterV1.freeze(
        alliance_id=said["id"], name_zh="联盟", name_en="Alliance", version=3, members=["350924000000", "331126000000"]
    )
    assert roster.digest == sha256(written).hexdigest()
