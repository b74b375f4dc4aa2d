"""Bodies and private parts of every type of 0.1.0: the least and the most each may say, and one beyond each rule.

Those of the types that came with 0.2.0 are in `cooperation`.

What a rule is that no JSON Schema tells (that an urgent request gives its reason, that a ring is closed), only code
knows. So a release writes down, once, what it makes of each of these: see `freeze`. Cases may be added for a release to
come; what a release wrote down stays.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]

HERE, THERE, THIRD = "350924000000", "331126000000", "331127000000"
THREAD = "01964bd1-4c00-7000-8000-000000000001"
ONE, TWO = "1" * 64, "2" * 64
AT, DAY = "2026-11-22T10:00:00.000+08:00", "2026-11-22"


class Case(NamedTuple):
    """What a statement of a type may say, or tries to."""

    type: str
    name: str
    body: Json
    private: Json | None = None


ROSTER: Json = {
    "id": THREAD,
    "name_zh": "闽浙边界",
    "name_en": "Border",
    "version": 1,
    "members": [THERE, HERE],
    "digest": "19d93160a89db08a11ddfe13c746dc076f203026ad7d7136dc1da99c4a0ccb3d",
}

# Case leads ------------------------------------------------------------------------------------------------

_OFFICER = {"name": "吴建国", "post": "民警", "phone": "0593-0000011"}
_SIGNED = {"by": {"name": "吴建国"}}
_APPROVED = {"by": _OFFICER, "approver": {"name": "陈远山", "post": "局长"}}
_PERSON = {"ref": "P1", "category": "suspect", "basis": "assessment", "minor": False}
_PERSONS = [
    _PERSON
    | {"name": "林大山", "sex": "male", "birth_date": "1991-01-01", "identity_number": "331126199101010018"}
    | {"phone": "+86 (578) 000-0000", "address": "龙溪乡", "note": "外号阿山\n常出没于镇上"},
    {"ref": "P999", "category": "witness", "basis": "fact", "minor": True},
]
_FOUND = {"persons": _PERSONS, "vehicles": [{"description": "蓝色货车", "plate": "闽J00000"}]}
_DOCUMENTS = [{"digest": ONE, "kind": "letter", "title": "协作函"}]

REQUEST: Json = {
    "letter_number": "寿公协〔2026〕18号",
    "kind": "household_registration",
    "case_number": "A3509240000002026110001",
    "case_type": "criminal",
    "stage": "立案侦查",
    "facts": "林场杉木被盗伐，P1有重大嫌疑。",
    "information_requested": "请协查P1户籍证明。",
    "why_recipient": "P1户籍地在该县。",
    "urgency": "U3",
    "scope": "限于本案所需。",
}
_FULL_REQUEST = REQUEST | {
    "charges": ["345(1)", "no-such-charge"],
    "facts": "第一段。\n\t第二段。",
    "organisations": [{"name": "某木材厂", "registration_code": "91350924MA0000000X", "note": "收购点"}],
    "items": [
        {"name": "杉木", "species": "Cunninghamia lanceolata", "count": 12, "mass_g": 0.5, "volume_m3": 6.2}
        | {"approximate": True}
    ],
    "location": {"text": "下党乡", "region_code": "350924", "point": {"lat": 27.4, "lon": 119.2, "datum": "CGCS2000"}},
    "urgency": "U1",
    "urgency_reason": "嫌疑人可能外逃。",
    "remote_area": True,
    "remote_area_reason": "山区。",
    "documents": _DOCUMENTS,
    "due_at": AT,
    "use_restrictions": "仅限本案。",
    "person_count": 2,
    "vehicle_count": 1,
}
_REQUESTER = _APPROVED | {"contact": _OFFICER} | _FOUND
REPLY: Json = {
    "outcome": "full",
    "scope_executed": "按请求范围执行。",
    "within_scope": True,
    "executed_from": DAY,
    "executed_to": DAY,
    "findings": "P1户籍在龙溪乡。",
    "usable_as_evidence": "yes",
    "executing_officer_count": 2,
}
_NOT_EXECUTED = {name: REPLY[name] for name in ("scope_executed", "within_scope", "findings", "usable_as_evidence")}
_UNABLE = _NOT_EXECUTED | {"outcome": "unable", "reason_code": "not-found", "explanation": "查无此人。"}
_INTERIM = _NOT_EXECUTED | {"outcome": "interim", "new_due_at": "2026-12-15T18:00:00.000+08:00"}
_FULL_REPLY = REPLY | {
    "executed_to": "2026-11-25",
    "grading": {"source": "A", "information": "1"},
    "reason_code": "found",
    "explanation": "另见附件。",
    "new_due_at": AT,
    "documents": _DOCUMENTS,
    "person_count": 2,
    "vehicle_count": 1,
}
_RETURNED = {"reason_code": "letter-missing", "explanation": "缺少协作函。"}
_TRANSFERRED = {"to": THIRD, "to_name": "某县公安局", "reason_code": "person-moved", "explanation": "户籍已迁。"}
_WORTH = {"used_for": "锁定嫌疑人。", "usefulness": 5}

# Bulletins -------------------------------------------------------------------------------------------------

BULLETIN: Json = {
    "kind": "modus_operandi",
    "title": "野生兰花混作茶苗邮寄出省",
    "body": "近期发现。",
    "grading": {"source": "B", "information": "2"},
    "sanitised": True,
}
_LINE = [[119.0, 27.0], [119.1, 27.0], [119.1, 27.1], [119.0, 27.0]]
_FULL_BULLETIN = BULLETIN | {
    "number": "公情通〔2026〕1号",
    "kind": "person_or_item",
    "period": {"start": DAY, "end": DAY},
    "species": [{"name_zh": "春兰", "name_latin": "Cymbidium goeringii"}, {"name_zh": "蕙兰"}],
    "charges": ["344"],
    "area": {"datum": "WGS-84", "geometry": {"type": "Polygon", "coordinates": [_LINE]}},
    "valid_until": AT,
    "sanitised": False,
    "suggested_actions": ["清查快递网点"],
    "case_number": "A3509240000002026110001",
    "related_to": [THREAD],
    "alliance": ROSTER,
}
_NAMED = {
    "persons": [{name: value for name, value in _PERSONS[0].items() if name != "minor"}],
    "items": [{"ref": "I1", "kind": "包裹", "identifier": "SF0000000000", "note": "茶苗"}],
}
_CORRECTION = {"version": ONE, "reason": "补充物种。"}
_USED = {"version": ONE, "used_on": DAY, "used_for": "清查辖区快递网点。"}
_FEEDBACK = {"version": ONE, "used_for": "查获包裹。", "usefulness": 1, "outcomes": ["none"]}
_COMPLIED = {"author": HERE, "target": ONE, "action": "recall", "applied_at": AT}

# Emergencies -----------------------------------------------------------------------------------------------

ALERT: Json = {
    "status": "actual",
    "kind": "natural_disaster",
    "title": "山体滑坡",
    "description": "上党村后山滑坡。",
    "colour": "orange",
    "urgency": "Immediate",
    "severity": "Severe",
    "certainty": "Observed",
    "occurred_at": AT,
    "location": {"text": "上党村"},
    "hotline": "0593-0000001",
}
_WHERE = {"text": "上党村", "region_code": "350924", "datum": "CGCS2000"}
_POINT = {"type": "Point", "coordinates": [119.2189, 27.4394]}
_FULL_ALERT = ALERT | {
    "status": "exercise",
    "kind": "wildfire",
    "event": "松林起火",
    "location": _WHERE | {"geometry": {"type": "Polygon", "coordinates": [_LINE]}},
    "fire": {
        "area_ha": 0.8,
        "casualties": {"dead": 0, "injured": 2, "seriously_injured": 2},
        "cause": "农事用火",
        "wind": {"direction": "SW", "force": 17},
        "open_flame": True,
    },
    "assistance": "请派风力灭火机。",
    "border": {"distance_m": 1200.0, "source": "示意图", "schematic": True},
}
_ON_DUTY = {"by": {"name": "吴建国"}}
_ON_DUTY_APPROVED = {"by": {"name": "吴建国", "phone": "110"}, "approver": {"name": "陈远山"}}
_SIGNATURE = {"status": "test", "message": ONE, "decision": "noted", "role": "值班长", "acknowledged_at": AT}


GOOD: dict[str, list[tuple[Json, Json | None]]] = {
    "lead.requested.v1": [(REQUEST, _SIGNED | {"contact": {"name": "吴建国"}}), (_FULL_REQUEST, _REQUESTER)],
    "lead.resubmitted.v1": [
        (REQUEST | {"correction": "已补。"}, None),
        (_FULL_REQUEST | {"correction": "已补。"}, _REQUESTER),
    ],
    "lead.acknowledged.v1": [({}, _SIGNED), ({"note": "已收悉。"}, _APPROVED)],
    "lead.returned.v1": [(_RETURNED, _SIGNED), (_RETURNED | {"corrections": ["补函", "补章"]}, _APPROVED)],
    "lead.accepted.v1": [({}, _SIGNED), ({"handled_by": "龙溪派出所", "note": "办理中。"}, _APPROVED)],
    "lead.started.v1": [({}, _SIGNED), ({"note": "已派两名民警。"}, _APPROVED)],
    "lead.information_requested.v1": [({"questions": "P1曾用名？\n住址？"}, _SIGNED)],
    "lead.information_provided.v1": [
        ({"answer": "无。"}, _SIGNED),
        ({"answer": "见附件。", "documents": _DOCUMENTS, "person_count": 2, "vehicle_count": 1}, _APPROVED | _FOUND),
    ],
    "lead.replied.v1": [
        (REPLY, _SIGNED),
        (_FULL_REPLY, _APPROVED | _FOUND | {"officers": [_OFFICER, {"name": "叶知秋"}]}),
        (REPLY | {"outcome": "no_result", "within_scope": False, "usable_as_evidence": "ask"}, None),
        (_UNABLE, _SIGNED),
        (_INTERIM, _SIGNED),
    ],
    "lead.feedback.v1": [
        (_WORTH | {"outcome": "arrests"}, _SIGNED),
        (_WORTH | {"usefulness": 1, "outcome": "none", "comment": "谢谢。"}, _APPROVED),
    ],
    "lead.closed.v1": [({"conclusion": "已破案。"}, _SIGNED)],
    "lead.transferred.v1": [(_TRANSFERRED, _APPROVED)],
    "lead.withdrawn.v1": [({"reason_code": "no-longer-needed", "explanation": "已到案。"}, _SIGNED)],
    "lead.message.v1": [({"text": "请尽快。\n\t谢谢"}, _SIGNED)],
    "bulletin.published.v1": [
        (BULLETIN, {}),
        (_FULL_BULLETIN, _NAMED),
        (BULLETIN | {"area": {"datum": "CGCS2000", "geometry": _POINT}}, None),
        (BULLETIN | {"area": {"datum": "WGS-84", "geometry": {"type": "LineString", "coordinates": _LINE}}}, None),
        (
            BULLETIN | {"area": {"datum": "WGS-84", "geometry": {"type": "MultiPolygon", "coordinates": [[_LINE]]}}},
            None,
        ),
        (BULLETIN | {"valid_until": "1900-01-01T00:00:00Z"}, None),
        (BULLETIN | {"valid_until": "2999-12-31T23:59:59.123456789+11:30"}, None),
    ],
    "bulletin.corrected.v1": [(BULLETIN | _CORRECTION, None), (_FULL_BULLETIN | _CORRECTION, _NAMED)],
    "bulletin.recalled.v1": [({"bulletin": ONE, "version": TWO, "reason_code": "wrong", "reason": "不实。"}, None)],
    "bulletin.read.v1": [({"version": ONE, "opened_at": AT}, None)],
    "bulletin.used.v1": [(_USED, None)],
    "bulletin.feedback.v1": [
        (_FEEDBACK, None),
        (_FEEDBACK | {"outcomes": ["seizure", "case_filed", "arrests"], "correction_requested": "补充蕙兰。"}, None),
    ],
    "bulletin.complied.v1": [
        (_COMPLIED, None),
        (
            _COMPLIED
            | {"action": "correction", "onward": [{"unit_code": THERE, "applied_at": AT, "evidence": "a.b.c"}]}
            | {"onward": [{"unit_code": THIRD}, {"unit_code": THERE, "applied_at": AT, "evidence": "a.b.c"}]},
            None,
        ),
    ],
    "bulletin.share_permission_requested.v1": [({"version": ONE, "recipients": [THIRD], "reason": "有线索。"}, None)],
    "bulletin.share_permission_granted.v1": [
        ({"request": ONE, "recipients": [THIRD]}, None),
        ({"request": ONE, "recipients": [THIRD, HERE], "until": AT, "conditions": "不得再行转发。"}, None),
    ],
    "bulletin.share_permission_refused.v1": [({"request": ONE, "reason": "在侦。"}, None)],
    "bulletin.shared.v1": [
        ({"author": HERE, "original": "a.b.c"}, None),
        ({"author": HERE, "original": "a.b.c", "permission": "d.e.f", "note": "请关注。"}, {"original": "{}"}),
    ],
    "emergency.alert.v1": [
        (ALERT, _ON_DUTY),
        (_FULL_ALERT | {"alliance": ROSTER}, _ON_DUTY_APPROVED),
        (ALERT | {"location": _WHERE | {"geometry": _POINT}, "occurred_at": "2026-11-22T02:00:00Z"}, None),
    ],
    "emergency.update.v1": [
        (ALERT | {"changes": "扩大。"}, _ON_DUTY),
        (_FULL_ALERT | {"changes": "扩大。"}, _ON_DUTY_APPROVED),
    ],
    "emergency.cancel.v1": [({"status": "actual", "reason": "over", "explanation": "已扑灭。"}, _ON_DUTY)],
    "emergency.acknowledged.v1": [
        (_SIGNATURE, _ON_DUTY),
        (_SIGNATURE | {"estimated_arrival": AT, "note": "12人出发。"}, _ON_DUTY_APPROVED),
        # What a newer node adds.
        (_SIGNATURE, _ON_DUTY | {"in_charge": {"name": "周队长", "phone": "0578-0000000"}}),
        (_SIGNATURE, _ON_DUTY | {"in_charge": {"name": "南阳中队"}}),
    ],
    "emergency.note.v1": [({"status": "actual", "text": "已到。"}, _ON_DUTY)],
    "attachments.complete.v1": [({"statement": ONE, "digests": [TWO]}, None)],
    "privacy.erased.v1": [
        ({"reason": "purpose-served", "erased_at": AT, "statements": []}, None),
        ({"reason": "other", "note": "到期。", "erased_at": AT, "statements": [ONE, TWO]}, None),
    ],
    "privacy.complied.v1": [({"erasure": ONE, "erased_at": AT, "statements": [ONE]}, None)],
}
"""What a bureau may say, with its private part where it has one that was not erased."""


def _without(body: Json, *names: str) -> Json:
    return {name: value for name, value in body.items() if name not in names}


def _message(text: str) -> tuple[str, Json]:
    return "lead.message.v1", {"text": text}


def _read_at(text: object) -> tuple[str, Json]:
    return "bulletin.read.v1", {"version": ONE, "opened_at": text}


def _used_on(text: object) -> tuple[str, Json]:
    return "bulletin.used.v1", _USED | {"used_on": text}


def _area(geometry: Json) -> tuple[str, Json]:
    return "bulletin.published.v1", BULLETIN | {"area": {"datum": "WGS-84", "geometry": geometry}}


def _roster(**changes: object) -> tuple[str, Json]:
    return "emergency.alert.v1", ALERT | {"alliance": ROSTER | changes}


def _located(geometry: Json) -> tuple[str, Json]:
    return "emergency.alert.v1", ALERT | {"location": _WHERE | {"geometry": geometry}}


def _persons(*persons: Json) -> tuple[str, Json, Json]:
    return "lead.requested.v1", REQUEST, _REQUESTER | {"persons": list(persons)}


BAD: dict[str, tuple[str, Json] | tuple[str, Json, Json]] = {
    "a control character": _message("\x07"),
    "a last control character": _message("a\x9f"),
    "a noncharacter": _message("\U0010ffff"),
    "a blank": _message(" \n\t\u3000"),
    "a line with a break": ("lead.returned.v1", _RETURNED | {"corrections": ["补\n函"]}),
    "a line with a tab": ("lead.accepted.v1", {"handled_by": "龙溪\t派出所"}),
    "a blank line": ("lead.accepted.v1", {"handled_by": " "}),
    "a line with a control character": ("lead.accepted.v1", {"handled_by": "a\x00"}),
    "a time without an offset": _read_at("2026-11-22T10:00:00"),
    "a time in numbers": _read_at(1_763_776_800),
    "a time that is no time": _read_at("soon"),
    "a time on no day": _read_at("2026-02-30T10:00:00+08:00"),
    "a time before this trade": _read_at("1899-12-31T23:59:59Z"),
    "a time after this trade": _read_at("3000-01-01T00:00:00Z"),
    "a day with a time": _used_on(AT),
    "a day that is none": _used_on("2026-02-30"),
    "a day in numbers": _used_on(20_261_122),
    "two persons with one ref": _persons(_PERSON, _PERSON),
    "an urgent request without its reason": ("lead.requested.v1", REQUEST | {"urgency": "U2"}),
    "a remote area without its reason": ("lead.requested.v1", REQUEST | {"remote_area": True}),
    "an urgent correction without its reason": (
        "lead.resubmitted.v1",
        REQUEST | {"urgency": "U1", "correction": "补。"},
    ),
    "unable without a code": ("lead.replied.v1", _without(_UNABLE, "reason_code")),
    "unable without an explanation": ("lead.replied.v1", _without(_UNABLE, "explanation")),
    "interim without a due time": ("lead.replied.v1", _without(_INTERIM, "new_due_at")),
    "executed from no day": ("lead.replied.v1", _without(REPLY, "executed_from")),
    "executed to no day": ("lead.replied.v1", _without(REPLY, "executed_to")),
    "executed backwards": ("lead.replied.v1", REPLY | {"executed_from": "2026-11-23"}),
    "executed backwards and interim": (
        "lead.replied.v1",
        _INTERIM | {"executed_from": "2026-11-23", "executed_to": DAY},
    ),
    "executed by one officer": ("lead.replied.v1", REPLY | {"outcome": "partial", "executing_officer_count": 1}),
    "outcomes beside none": ("bulletin.feedback.v1", _FEEDBACK | {"outcomes": ["none", "arrests"]}),
    "an outcome twice": ("bulletin.feedback.v1", _FEEDBACK | {"outcomes": ["arrests", "arrests"]}),
    "a period that ends before it starts": (
        "bulletin.published.v1",
        BULLETIN | {"period": {"start": "2026-11-23", "end": DAY}},
    ),
    "an area off the globe": _area({"type": "Point", "coordinates": [27.0, 119.0]}),
    "an area with too many positions": _area({"type": "LineString", "coordinates": [[0, 0]] * 301}),
    "an area that is not closed": _area({"type": "Polygon", "coordinates": [[*_LINE[:3], [118.0, 27.0]]]}),
    "a roster out of order": _roster(members=[HERE, THERE]),
    "a roster with one member twice": _roster(members=[THERE, THERE, HERE]),
    "a roster's digest of another one": _roster(version=2),
    "a position off the globe": _located({"type": "Point", "coordinates": [27.4, 119.2]}),
    "a ring that is not closed": _located({"type": "Polygon", "coordinates": [[*_LINE[:3], [118.0, 27.0]]]}),
    "rings with too many positions": _located({"type": "Polygon", "coordinates": [[[0, 0]] * 251] * 2}),
    "a geometry without its datum": (
        "emergency.alert.v1",
        ALERT | {"location": {"text": "上党村", "geometry": _POINT}},
    ),
    "more gravely injured than injured": (
        "emergency.alert.v1",
        _FULL_ALERT | {"fire": {"casualties": {"injured": 1, "seriously_injured": 2}}},
    ),
    "fire facts of a landslide": ("emergency.update.v1", ALERT | {"fire": {}, "changes": "扩大。"}),
}
"""What is beyond a rule that no schema tells, or that no schema keeps by itself."""


def listed(
    good: dict[str, list[tuple[Json, Json | None]]], bad: dict[str, tuple[str, Json] | tuple[str, Json, Json]]
) -> Iterator[Case]:
    """Go through what may be said, by type and number, and what may not, by its own name."""
    for type_, said in good.items():
        for number, (body, private) in enumerate(said, start=1):
            yield Case(type_, f"{type_} {number}", body, private)
    for name, (type_, body, *private) in bad.items():
        yield Case(type_, name, body, private[0] if private else None)


def cases() -> Iterator[Case]:
    """Go through all of them."""
    yield from listed(GOOD, BAD)
