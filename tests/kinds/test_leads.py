"""Bodies of leads on the wire: open to what is newer, closed to what is wrong, and free of persons."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from ecolink.kit.canonical import dumps
from ecolink.protocol.kinds import lead_reasons
from ecolink.protocol.kinds import leads as wire
from ecolink.protocol.kinds.common import CHARGES, Frozen, Grading
from ecolink.protocol.kinds.leads import KINDS
from ecolink.protocol.statement import Lane
from tests.exchanges.leads.samples import BODIES

KIND_OF = {kind.type.split(".")[1]: kind for kind in KINDS}
PERSONAL = {
    "name",
    "identity_number",
    "birth_date",
    "phone",
    "address",
    "persons",
    "officers",
    "contact",
    "by",
    "plate",
}


def read(name: str, **changes) -> BaseModel:
    kind = KIND_OF["replied" if name == "interim_reply" else name]
    return kind.body.model_validate({**BODIES[name], **changes})


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_the_same_after_it_crossed_the_wire(name: str):
    body = read(name)
    assert isinstance(body, Frozen)
    assert type(body).model_validate(json.loads(dumps(body.to_wire()))) == body


@pytest.mark.parametrize("name", BODIES)
def test_a_member_of_a_newer_version_is_kept(name: str):
    assert read(name, from_version_two={"a": [1]}).to_wire()["from_version_two"] == {"a": [1]}


def test_every_kind_travels_in_the_case_lane_to_one_bureau_and_names_its_signatory():
    assert {kind.type for kind in KINDS} == {f"lead.{name}.v1" for name in BODIES if name != "interim_reply"}
    for kind in KINDS:
        assert kind.lane is Lane.CASE
        assert not kind.many
        assert kind.private is not None
        assert "by" in kind.private.model_fields


def test_what_binds_the_bureau_needs_an_approver():
    assert {kind.type.split(".")[1] for kind in KINDS if kind.approval} == {
        "requested",
        "returned",
        "resubmitted",
        "replied",
        "transferred",
    }


def test_no_member_of_a_body_holds_a_person():
    def members(model: type[BaseModel], path: str = ""):
        for name, schema in model.model_json_schema().get("properties", {}).items():
            yield f"{path}{name}", schema
        for definition in model.model_json_schema().get("$defs", {}).values():
            for name in definition.get("properties", {}):
                yield f"{definition['title']}.{name}", definition

    impersonal = {"Organisation.name", "Item.name"}
    for kind in KINDS:
        found = {path for path, _ in members(kind.body) if path.split(".")[-1] in PERSONAL} - impersonal
        assert not found, kind.type


@pytest.mark.parametrize(
    ("name", "changes", "member"),
    [
        ("requested", {"urgency": "U1"}, "urgency_reason"),
        ("requested", {"remote_area": True}, "remote_area_reason"),
        ("requested", {"person_count": "1"}, "person_count"),
        ("requested", {"person_count": -1}, "person_count"),
        ("requested", {"facts": "x" * 5001}, "facts"),
        ("requested", {"facts": "a\ud800"}, "facts"),
        ("requested", {"letter_number": "a\u0007b"}, "letter_number"),
        ("requested", {"case_number": "x" * 65}, "case_number"),
        ("requested", {"due_at": 1_700_000_000}, "due_at"),
        ("requested", {"due_at": "2026-11-22T10:00:00"}, "due_at"),
        ("requested", {"due_at": "0001-01-01T00:00:00+14:00"}, "due_at"),
        ("requested", {"items": [{"name": "杉木", "volume_m3": float("inf")}]}, "volume_m3"),
        ("requested", {"location": {"text": "上党村", "point": {"lat": 91.0, "lon": 0.0, "datum": "WGS-84"}}}, "lat"),
        ("requested", {"documents": [{"digest": "A" * 64, "kind": "letter", "title": "函"}]}, "digest"),
        ("replied", {"outcome": "refused"}, "outcome"),
        ("replied", {"outcome": "unable"}, "reason_code"),
        ("replied", {"outcome": "interim"}, "new_due_at"),
        ("replied", {"executing_officer_count": 1}, "two officers"),
        ("replied", {"executed_from": None}, "executed_from"),
        ("replied", {"executed_from": "2026-11-26"}, "executed_from"),
        ("replied", {"executed_to": "2026-W48-1"}, "executed_to"),
        ("replied", {"grading": {"source": "D", "information": "1"}}, "source"),
        ("returned", {"reason_code": ""}, "reason_code"),
        ("transferred", {"to": "350724"}, "to"),
        ("feedback", {"usefulness": 6}, "usefulness"),
        ("message", {"text": " \n "}, "text"),
    ],
)
def test_a_member_that_breaks_a_rule_is_refused_by_name(name: str, changes: dict, member: str):
    with pytest.raises(ValidationError, match=member):
        read(name, **changes)


def test_a_refusal_of_a_date_does_not_repeat_what_was_written():
    with pytest.raises(ValidationError) as refused:
        wire.Person.model_validate({"ref": "P1", "category": "suspect", "basis": "fact", "birth_date": "19900230"})
    assert "19900230" not in refused.value.errors(include_input=False)[0]["msg"]


def test_an_unable_reply_names_no_executing_officers():
    body = read(
        "replied", outcome="unable", reason_code="no-record", explanation="无此人。", executing_officer_count=0,
        executed_from=None, executed_to=None,
    )  # fmt: skip
    assert body.outcome == "unable"


@given(st.text(max_size=60))
def test_text_that_is_let_in_can_be_kept_by_every_database(text: str):
    try:
        kept = wire.LeadMessageV1(text=text).text
    except ValidationError:
        return
    assert "\0" not in kept
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert kept.strip()


def test_reason_lists_say_each_reason_in_both_languages():
    for reasons in (
        lead_reasons.RETURN_REASONS,
        lead_reasons.UNABLE_REASONS,
        lead_reasons.TRANSFER_REASONS,
        lead_reasons.WITHDRAW_REASONS,
    ):
        assert all(code == reason.code and reason.zh and reason.en for code, reason in reasons.items())


def test_the_list_of_charges_is_that_of_the_trade():
    assert {"345(1)", "341(1)", "338", "342-1", "344-1"} <= CHARGES.keys()
    assert CHARGES["345(1)"].name_zh == "盗伐林木"


def test_a_grading_reads_as_people_say_it():
    assert str(Grading.model_validate({"source": "B", "information": "2"})) == "B2"
