"""What is left for whoever watches: an emergency to sign for, a lead to answer, a liaison contact to confirm."""

from datetime import timedelta

from ecolink.cadence.calendars import china_day
from ecolink.cadence.periods import Period
from ecolink.entrypoints.demo.events.cadence import open_form, record, travel
from ecolink.entrypoints.demo.events.leads import request, send
from ecolink.entrypoints.demo.people import wait_for_object
from ecolink.entrypoints.demo.stage import Stage
from ecolink.kit.times import to_text

EMERGENCY = "龙溪乡山火逼近省界"


def play(stage: Stage) -> None:
    """Leave something to do at both bureaus, each with the person in whose console it waits."""
    tell = stage.narrator
    tell.scene(
        "17", "留给您办理：打开控制台，即可签收、答复、确认", "Left for you: sign, answer and confirm it in the console"
    )
    month = Period.containing(china_day(stage.clock.now()), "month").next()
    travel(stage, month.first + timedelta(days=18))
    record(
        stage,
        "qingyuan",
        open_form(stage, "qingyuan", month),
        topics=["边界联合巡护"],
        conclusions="下月上旬联合巡护。",
    )
    tell.step("周小河 Shouning", "待确认：庆元记录的月联系", "to confirm: the contact that Qingyuan recorded", "note")

    officer, chief = stage.who("shouning", "officer"), stage.who("shouning", "chief")
    lead = request(
        officer,
        stage.bureau("qingyuan").unit_code,
        number=22,
        kind="records",
        charges=["345(1)"],
        facts="近日上党村林场又有杉木被盗伐，木材可能运往龙溪乡加工点。",
        wanted="请提供龙溪乡木材加工点近一个月的购销记录。",
        why="加工点在庆元县境内。",
        urgency="U2",
        urgency_reason="木材可能很快售出。",
    )
    send(stage, officer, chief, lead)
    desk = stage.who("qingyuan", "liaison")
    wait_for_object(desk, f"/leads/{lead['id']}")
    tell.step(
        "周小河 Qingyuan", "待签收、答复：寿宁的线索协查", "to acknowledge and answer: a lead from Shouning", "note"
    )

    raised = desk.post(
        "/emergencies",
        {
            "status": "actual",
            "kind": "wildfire",
            "title": EMERGENCY,
            "description": "龙溪乡南部山脊起火，东南风，火线逼近省界。",
            "colour": "orange",
            "urgency": "Immediate",
            "severity": "Severe",
            "certainty": "Observed",
            "occurred_at": to_text(stage.clock.now()),
            "location": {
                "text": "庆元县龙溪乡南部山脊",
                "region_code": "331126",
                "geometry": {"type": "Point", "coordinates": [119.2105, 27.4493]},
                "datum": "CGCS2000",
            },
            "fire": {"area_ha": 1.2, "wind": {"direction": "SE", "force": 4}, "open_flame": True},
            "hotline": stage.bureau("qingyuan").duty_phone,
            "recipients": [stage.bureau("shouning").unit_code],
            "confirm": EMERGENCY,
        },
    )
    wait_for_object(stage.who("shouning", "liaison"), f"/emergencies/{raised['id']}")
    tell.step(
        "周小河 Shouning",
        "待签收（红色条）：庆元的紧急通报",
        "to sign for, in the red strip: Qingyuan's emergency",
        "alarm",
    )
