"""Fictional samples for the API's document: the liaison of July, recorded by Shouning and not confirmed in time."""

from pydantic import JsonValue

Example = dict[str, JsonValue]

KEY = "sn-qy-151/liaison/2026-07"
_DIGEST = "5" * 64
_SHOUNING: Example = {
    "unit_code": "350924000000",
    "name_zh": "寿宁县公安局",
    "name_en": "Shouning County Public Security Bureau",
}
_QINGYUAN: Example = {
    "unit_code": "331126000000",
    "name_zh": "庆元县公安局",
    "name_en": "Qingyuan County Public Security Bureau",
}

REASON: Example = {"reason": "八月台风，双方值守，联系并入九月。"}
LINE: Example = {
    "key": KEY,
    "agreement": "sn-qy-151",
    "agreement_zh": "寿宁—庆元警务协作协议书",
    "agreement_en": "Shouning and Qingyuan co-operation agreement",
    "duty": "liaison",
    "duty_zh": "月联系",
    "duty_en": "Monthly liaison",
    "kind": "liaison",
    "period": "2026-07",
    "partners": [_QINGYUAN],
    "convener": None,
    "due_on": "2026-07-31",
    "opens_at": "2026-06-30T16:00:00Z",
    "due_at": "2026-07-31T15:59:59Z",
    "settled": True,
    "binds": True,
    "state": "begun",
    "late": True,
    "fulfilled_at": None,
    "owing": ["331126000000"],
}
NOTICE: Example = {
    "id": "019ab000-0000-7000-8000-000000000001",
    "subject": KEY,
    "step": "escalate-3",
    "kind": "escalation",
    "role": "deputy",
    "state": "open",
    "title_zh": "月联系（2026-07）已逾期（期限2026-07-31），请督促办理",
    "title_en": "Monthly liaison (2026-07) is overdue since 2026-07-31: see that it is done",
    "at": "2026-08-03T01:00:00Z",
    "due_at": "2026-07-31T15:59:59Z",
    "seen_at": None,
    "seen_by": None,
    "closed_at": None,
}
SHOWN: Example = {
    **LINE,
    "period_kind": "month",
    "grace_until": "2026-07-31T15:59:59Z",
    "terms": _DIGEST,
    "least": 1,
    "done_in_time": ["350924000000"],
    "records": [
        {
            "digest": "6" * 64,
            "author": _SHOUNING,
            "written_at": "2026-07-30T02:00:00Z",
            "completed_at": None,
            "parties": [
                {"party": _QINGYUAN, "signed_at": None, "objected_at": None, "reason": None},
                {"party": _SHOUNING, "signed_at": "2026-07-30T02:00:00Z", "objected_at": None, "reason": None},
            ],
        }
    ],
    "contributions": [],
    "waivers": [],
    "may": [],
    "notices": [NOTICE],
    "lateness": [
        {
            "author": _SHOUNING,
            "said_at": "2026-07-31T16:00:01Z",
            "digest": "7" * 64,
            "due_on": "2026-07-31",
            "owing": ["331126000000"],
            "done": True,
            "differs": [],
            "rejected": {},
        }
    ],
    "next_at": "2026-08-07T01:00:00Z",
}
_FIGURES: Example = {
    "due": 11,
    "on_time": 9,
    "made_up": 1,
    "waived": 0,
    "missing": 1,
    "not_due": 1,
    "late_by_partner": 1,
    "late_by_us": 0,
    "late_unsigned": 0,
    "late_unrecorded": 1,
    "in_time_percent": 81.8,
}
REPORT: Example = {
    "year": 2026,
    "as_of": "2026-12-01T01:00:00Z",
    "lines": [
        {
            "partner": _QINGYUAN,
            "agreement": "sn-qy-151",
            "agreement_zh": LINE["agreement_zh"],
            "agreement_en": LINE["agreement_en"],
            "duty": "liaison",
            "duty_zh": "月联系",
            "duty_en": "Monthly liaison",
            "figures": _FIGURES,
        }
    ],
    "total": _FIGURES,
}
