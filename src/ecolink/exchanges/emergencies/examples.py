"""Fictional samples for the API's document: one fire on the border, seen from Shouning."""

from pydantic import JsonValue

from ecolink.exchanges.emergencies.fires import REMINDER_EN, REMINDER_ZH

Example = dict[str, JsonValue]

FIRE: Example = {
    "kind": "wildfire",
    "title": "下党乡上党村森林火情",
    "description": "上党村后山松林起火，明火向东北蔓延，距浙闽省界约600米。",
    "colour": "orange",
    "urgency": "Immediate",
    "severity": "Severe",
    "certainty": "Observed",
    "occurred_at": "2026-11-22T14:05:00+08:00",
    "location": {
        "text": "寿宁县下党乡上党村后山",
        "region_code": "350924",
        "geometry": {"type": "Point", "coordinates": [119.2355, 27.4275]},
        "datum": "CGCS2000",
    },
    "fire": {
        "area_ha": 0.8,
        "casualties": {"dead": 0, "injured": 0},
        "cause": "农事用火",
        "wind": {"direction": "SW", "force": 4},
        "open_flame": True,
    },
    "assistance": "请在龙溪乡一侧开设隔离带，并疏散护林站人员。",
    "hotline": "0593-0000001",
}

_ID = "019ab000-0000-7000-8000-000000000001"
_SHOUNING: Example = {
    "unit_code": "350924000000",
    "name_zh": "寿宁县公安局",
    "name_en": "Shouning County Public Security Bureau",
    "duty_phone": "0593-0000001",
}
_QINGYUAN: Example = {
    "unit_code": "331126000000",
    "name_zh": "庆元县公安局",
    "name_en": "Qingyuan County Public Security Bureau",
    "duty_phone": "0578-0000002",
}
_SITUATION: Example = {
    **FIRE,
    "status": "actual",
    "border": {"distance_m": 612.4, "source": "浙闽省界示意线", "schematic": True},
}
_SHARED: Example = {
    "id": _ID,
    "version": 2,
    "status": "actual",
    "display_title": FIRE["title"],
    "state": "open",
    "direction": "out",
    "author": _SHOUNING,
    "fire_grade": "ordinary",
    "raised_at": "2026-11-22T06:10:00Z",
    "told_at": "2026-11-22T06:10:00Z",
    "acknowledged": 1,
    "open_tasks": 0,
}
SHOWN: Example = {
    **_SHARED,
    "recipients": [_QINGYUAN],
    "left_out": [],
    "situation": _SITUATION,
    "fire_grade_zh": "一般森林火灾",
    "border": {
        "distance_m": 612.4,
        "source": "浙闽省界示意线",
        "schematic": True,
        "told": _SITUATION["border"],
        "report": "required",
    },
    "reminders": [{"zh": REMINDER_ZH, "en": REMINDER_EN}],
    "sent_at": "2026-11-22T06:10:00Z",
    "update_due_at": "2026-11-22T07:10:00Z",
    "update_overdue": False,
    "clock_suspect": False,
    "beyond_agreement": None,
    "raised_by": "林一鸣",
    "governance": {
        "purpose": "紧急通报与协同处置",
        "legal_basis": "警务协作协议书（森林火灾：《森林防火条例》第七条）",
        "classification": "internal",
        "handling": {"code": "H0", "onward": "none"},
        "is_exercise": False,
    },
    "retain_until": "2029-11-21T06:10:00Z",
    "attachments": [],
    "moves": ["update", "cancel", "note"],
}
LINE: Example = {
    **_SHARED,
    "kind": "wildfire",
    "colour": "orange",
    "place": "寿宁县下党乡上党村后山",
    "border_report": "required",
    "occurred_at": "2026-11-22T06:05:00Z",
    "recipients": 1,
}
TASK: Example = {
    "id": "019ab000-0000-7000-8000-000000000002",
    "emergency_id": _ID,
    "status": "actual",
    "kind": "receipt",
    "step": f"receipt-{_ID}",
    "state": "open",
    "title_zh": "请电话通知庆元县公安局（值班电话 0578-0000002）：对方节点尚未确认收到“下党乡上党村森林火情”",
    "title_en": "Call Qingyuan County Public Security Bureau (duty phone 0578-0000002): not confirmed there",
    "bureau": _QINGYUAN,
    "due_at": "2026-11-22T06:12:00Z",
    "opened_at": "2026-11-22T06:12:00Z",
}
BOARD: Example = {
    "emergency_id": _ID,
    "display_title": FIRE["title"],
    "status": "actual",
    "state": "open",
    "as_of": "2026-11-22T06:20:00Z",
    "bureaus": [
        {
            "bureau": _QINGYUAN,
            "messages": [
                {
                    "message": "alert",
                    "digest": "0" * 64,
                    "told_at": "2026-11-22T06:10:00Z",
                    "state": "delivered",
                    "delivered_at": "2026-11-22T06:10:01Z",
                }
            ],
            "signed": {
                "name": "周文海",
                "phone": "0578-0000022",
                "role": "liaison_officer",
                "message": "alert",
                "decision": "dispatching",
                "acknowledged_at": "2026-11-22T06:14:00Z",
                "estimated_arrival": "2026-11-22T07:10:00Z",
                "note": "龙溪派出所12人携风力灭火机出发。",
                "in_charge": {"name": "龙溪派出所 张承林", "phone": "0578-0000023"},
                "crossed": False,
            },
            "tasks": [],
        }
    ],
    "tasks": [],
    "history": [
        {
            "digest": "0" * 64,
            "move": "alert",
            "by": _SHOUNING,
            "at": "2026-11-22T06:10:00Z",
            "verdict": "applied",
            "text": FIRE["description"],
            "attachments": [],
        }
    ],
}
DRILL_REPORT: Example = {
    "emergency_id": _ID,
    "display_title": f"【演练】{FIRE['title']}",
    "status": "exercise",
    "author": _SHOUNING,
    "sent_at": "2026-11-22T06:10:00Z",
    "as_of": "2026-11-22T07:00:00Z",
    "bureaus": [
        {
            "bureau": _QINGYUAN,
            "delivered_at": "2026-11-22T06:10:01Z",
            "delivered_after_s": 1.0,
            "acknowledged_at": "2026-11-22T06:14:00Z",
            "acknowledged_after_s": 240.0,
            "decision": "dispatching",
        }
    ],
    "acknowledged": 1,
    "slowest_s": 240.0,
    "officers": [],
}
