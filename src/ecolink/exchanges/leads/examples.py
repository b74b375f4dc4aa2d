"""Examples for the API's description: a fictional theft of fir. Identity numbers have a wrong check digit."""

from pydantic import ConfigDict, JsonValue

Example = dict[str, JsonValue]


def shown_as(example: Example) -> ConfigDict:
    """Return the model setting that shows `example` in the API's description."""
    return ConfigDict(json_schema_extra={"examples": [example]})


_DIGEST = "5d1c0b5a8f8e4b7c9a2d3e4f5061728394a5b6c7d8e9f00112233445566778899"[:64]
_SHOUNING: Example = {
    "unit_code": "350924000000",
    "name_zh": "寿宁县公安局",
    "name_en": "Shouning County Public Security Bureau",
}

ASKED: Example = {
    "letter_number": "寿公协〔2026〕18号",
    "kind": "household_registration",
    "case_number": "A3509240000002026110001",
    "case_type": "criminal",
    "charges": ["345(1)"],
    "stage": "立案侦查",
    "facts": "2026年11月20日夜，下党乡上党村林场杉木被盗伐约6.2立方米，P1有重大嫌疑。",
    "information_requested": "请协查P1户籍证明及前科情况。",
    "why_recipient": "P1户籍地在庆元县龙溪乡。",
    "urgency": "U3",
    "scope": "查询户籍及违法犯罪记录。",
}
"""What is asked, without persons."""

REQUEST: Example = {
    **ASKED,
    "contact": {"name": "吴建国", "post": "森林公安大队民警", "phone": "0593-0000011"},
    "persons": [
        {
            "ref": "P1",
            "category": "suspect",
            "basis": "assessment",
            "name": "林大山",
            "identity_number": "331126199001010018",
        }
    ],
}
"""What an officer writes."""

SUMMARY: Example = {
    "id": "019ab5d2-7c00-7000-8000-0123456789ab",
    "version": 4,
    "direction": "in",
    "peer": _SHOUNING,
    "state": "in_progress",
    "state_zh": "办理中",
    "turn": "us",
    "is_exercise": False,
    "letter_number": "寿公协〔2026〕18号",
    "kind": "household_registration",
    "case_number": "A3509240000002026110001",
    "case_type": "criminal",
    "charges": ["345(1)"],
    "urgency": "U3",
    "person_count": 1,
    "outcome": None,
    "awaiting_approval": True,
    "next_due_at": "2026-11-30T15:59:59Z",
    "overdue": False,
    "created_at": "2026-11-23T04:00:02Z",
    "updated_at": "2026-11-24T01:00:00Z",
    "sent_at": "2026-11-23T04:00:00Z",
    "delivered_at": "2026-11-23T04:00:02Z",
}
"""A lead in a list."""

_PRIVATE: Example = {
    "erased": False,
    "by": {"name": "吴建国", "post": "officer"},
    "approver": {"name": "郑长青", "post": "approver"},
    "contact": {"name": "吴建国", "post": "森林公安大队民警", "phone": "0593-0000011"},
    "persons": [
        {
            "ref": "P1",
            "category": "suspect",
            "basis": "assessment",
            "minor": False,
            "name": "林某",
            "identity_number": "331*************18",
        }
    ],
}

PROPOSAL: Example = {
    "id": "019ab5d2-8c00-7000-8000-0123456789ab",
    "move": "returned",
    "state": "awaiting",
    "author": "周小河",
    "author_id": "019ab5d2-0000-7000-8000-0123456789ab",
    "proposed_at": "2026-11-24T01:00:00Z",
    "decided_at": None,
    "decided_by": None,
    "note": None,
    "digest": None,
    "possible": True,
    "body": {"reason_code": "letter-missing", "explanation": "未附协作函。"},
    "private": {"erased": False},
}
"""A move that awaits approval."""

LEAD: Example = {
    **SUMMARY,
    "due": {
        "receipt": {"due_at": "2026-11-24T15:59:59Z", "met_at": "2026-11-23T04:20:00Z", "overdue": False},
        "interim": None,
        "answer": {"due_at": "2026-11-30T15:59:59Z", "met_at": None, "overdue": False},
        "transfer": None,
        "rests_since": None,
    },
    "request": {**ASKED, "person_count": 1, "vehicle_count": 0, "digest": _DIGEST, "private": _PRIVATE},
    "governance": {
        "purpose": "侦办盗伐林木案",
        "legal_basis": "《公安机关办理刑事案件程序规定》第三百四十八条；警务协作协议书",
        "classification": "work-secret",
        "handling": {"code": "H2", "onward": "none"},
        "is_exercise": False,
    },
    "replies": [],
    "attachments": [
        {
            "digest": _DIGEST,
            "name": "协作函.pdf",
            "size": 48211,
            "media_type": "application/pdf",
            "ours": False,
            "held": True,
            "confirmed_at": None,
        }
    ],
    "draft": None,
    "proposals": [PROPOSAL],
    "open_moves": ["information_requested", "replied", "message"],
    "guidance": None,
    "beyond_agreement": None,
    "undelivered": [],
}
"""A lead in full."""

STEP: Example = {
    "digest": _DIGEST,
    "type": "lead.requested.v1",
    "move": "requested",
    "verdict": "applied",
    "why": None,
    "crossed_with": None,
    "state": "sent",
    "bureau": _SHOUNING,
    "ours": False,
    "author_role": "officer",
    "signed_at": "2026-11-23T04:00:00Z",
    "received_at": "2026-11-23T04:00:02Z",
    "delivery": None,
    "delivery_reason": None,
    "verified": True,
    "kid": "q8pN0d4a3yPpJv1bXr2cYk5mZt6wQe7uLi8oHg9fDsA",
    "body": {**ASKED, "person_count": 1, "vehicle_count": 0},
    "private": _PRIVATE,
    "attachments": [],
}
"""A statement on the timeline."""

MESSAGE: Example = {
    "digest": _DIGEST,
    "ours": False,
    "bureau": _SHOUNING,
    "by": "吴建国",
    "text": "材料已寄出，请查收。",
    "signed_at": "2026-11-23T05:00:00Z",
    "received_at": "2026-11-23T05:00:01Z",
}
"""A line of conversation."""
