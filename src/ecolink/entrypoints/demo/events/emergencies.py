"""Emergencies: (6) a wildfire, (7) a landslide, (8) a fish kill, and a drill that is never mistaken for them."""

from datetime import UTC, datetime, timedelta

from ecolink.entrypoints.demo.people import Json, Person, wait_for, wait_for_object
from ecolink.entrypoints.demo.stage import Stage


def play(stage: Stage) -> list[str]:
    """Play all four; return the threads for the evidence scene."""
    fire = wildfire(stage)
    landslide(stage)
    fish_kill(stage)
    drill(stage)
    return [fire]


def wildfire(stage: Stage) -> str:
    """Play event 6: raised, acknowledged, updated, ended."""
    tell = stage.narrator
    tell.scene(
        "8",
        "事件六：下党火情0.8公顷，西南风4级，距省界约600米",
        "Event 6: wildfire, 0.8 ha, wind SW 4, 600 m from the border",
    )
    liaison = stage.who("shouning", "liaison")
    emergency = _raise(
        stage,
        kind="wildfire",
        title="下党乡上党村森林火情",
        description="上党村后山松林起火，明火向东北蔓延。",
        colour="orange",
        at=[119.2189, 27.4394],
        place="寿宁县下党乡上党村后山",
        fire={
            "area_ha": 0.8,
            "casualties": {"dead": 0, "injured": 0},
            "cause": "农事用火",
            "wind": {"direction": "SW", "force": 4},
            "open_flame": True,
        },
        assistance="请在龙溪乡一侧开设隔离带。",
    )
    shown = liaison.get(f"/emergencies/{emergency}")
    grade, distance = shown["fire_grade"], round(shown["border"]["distance_m"], -2)
    tell.step(
        "Shouning node",
        f"火灾等级 {grade}，距省界约{distance:.0f}米（示意线）",
        f"about {distance:.0f} m away",
        "alarm",
    )
    tell.step(
        "Shouning node", "省界地区危险火情：须立即逐级上报", f"report upward: {shown['border']['report']}", "alarm"
    )
    _acknowledged_by_all(stage, emergency, "dispatching")
    tell.step("周小河 Qingyuan", "签收：出动，40分钟到场", "signs: dispatching, there in 40 minutes", "signed")
    liaison.post(
        f"/emergencies/{emergency}/updates",
        {"changes": "过火面积扩大到2.4公顷，风力6级。", "colour": "red", "fire": {"area_ha": 2.4}},
        version=shown["version"],
    )
    desk = stage.who("qingyuan", "liaison")
    wait_for("the update", lambda: desk.get(f"/emergencies/{emergency}")["situation"]["colour"] == "red")
    tell.step(
        "Shouning → all",
        "续报：升级为红色，火灾等级自动重算",
        "update: red now; the fire's grade is computed again",
        "alarm",
    )
    _cancel(stage, emergency, "明火已扑灭，留守人员清理火场。")
    tell.step("Shouning → all", "解除：明火已扑灭", "cancelled: the fire is out", "signed")
    return emergency


def landslide(stage: Stage) -> None:
    """Play event 7."""
    stage.narrator.scene(
        "9", "事件七：山体滑坡，道路中断，转移两村", "Event 7: landslide, road cut, two villages to be moved"
    )
    emergency = _raise(
        stage,
        kind="natural_disaster",
        title="省界公路山体滑坡",
        description="X902县道省界处塌方，道路中断，下游两村需转移。",
        colour="orange",
        at=[119.2260, 27.4360],
        place="下党乡与龙溪乡交界处",
        assistance="请接应龙溪一侧转移群众。",
    )
    _acknowledged_by_all(stage, emergency, "dispatching")
    _cancel(stage, emergency, "群众转移完毕，道路抢通。")
    stage.narrator.step("All", "各单位签收、接应，群众转移完毕", "signed, met and moved to safety", "signed")


def fish_kill(stage: Stage) -> None:
    """Play event 8."""
    stage.narrator.scene(
        "10", "事件八：界溪大量死鱼，疑上游偷排", "Event 8: fish kill in the border stream, discharge suspected"
    )
    emergency = _raise(
        stage,
        kind="major_eco_crime",
        title="界溪死鱼，疑似上游偷排",
        description="界溪约2公里河段大量死鱼，疑上游偷排，请协同溯源取证。",
        colour="yellow",
        at=[119.2150, 27.4450],
        place="下党乡界溪",
        assistance="请在上游一侧同步采样、查控排口。",
    )
    _acknowledged_by_all(stage, emergency, "noted")
    stage.narrator.step("All", "各单位签收，同步采样", "signed; both sides take samples", "signed")


def drill(stage: Stage) -> None:
    """Play a drill: kept apart from the real thing everywhere."""
    tell = stage.narrator
    tell.scene("11", "演练：联动拉练，与实战处处分开", "A drill: never looks or counts like the real thing")
    emergency = _raise(
        stage,
        status="exercise",
        kind="wildfire",
        title="冬季联动拉练",
        description="演练脚本：假设龙溪乡一侧发现烟点。",
        colour="blue",
        at=[119.2050, 27.4550],
        place="龙溪乡（演练）",
        fire={"area_ha": 0.1},
    )
    desk = stage.who("qingyuan", "liaison")
    shown = wait_for_object(desk, f"/emergencies/{emergency}")
    real = [each["id"] for each in desk.listed("/emergencies")]
    if emergency not in real:
        stage.narrator.check("drills_kept_apart")
    desk.post(f"/emergencies/{emergency}/acknowledge", {"decision": "noted"})
    tell.step(
        "Qingyuan",
        f"显示为：{shown['display_title']}",
        "shown with its mark, absent from the list of real ones",
        "signed",
    )


def _raise(
    stage: Stage,
    *,
    kind: str,
    title: str,
    description: str,
    colour: str,
    at: list[float],
    place: str,
    status: str = "actual",
    **more: object,
) -> str:
    liaison = stage.who("shouning", "liaison")
    raised = liaison.post(
        "/emergencies",
        {
            "status": status,
            "kind": kind,
            "title": title,
            "description": description,
            "colour": colour,
            "urgency": "Immediate",
            "severity": "Severe",
            "certainty": "Observed",
            "occurred_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "location": {
                "text": place,
                "region_code": "350924",
                "geometry": {"type": "Point", "coordinates": at},
                "datum": "CGCS2000",
            },
            "hotline": stage.bureau("shouning").duty_phone,
            "recipients": [stage.bureau(slug).unit_code for slug in stage.others("shouning")],
            "confirm": title,
            **more,
        },
    )
    emergency = str(raised["id"])
    if status == "actual":
        number = len(stage.others("shouning"))
        stage.narrator.count("emergency", *["sent"] * number)
        wait_for("every receipt", lambda: all(_delivered(line) for line in _board(liaison, emergency)))
        stage.narrator.count("emergency", *["delivered"] * number)
    stage.narrator.step(
        "周小河 Shouning", f"发出紧急通报：{title}", "raises it; every other queue is overtaken", "alarm"
    )
    return emergency


def _acknowledged_by_all(stage: Stage, emergency: str, decision: str) -> None:
    for slug in stage.others("shouning"):
        desk = stage.who(slug, "liaison")
        wait_for_object(desk, f"/emergencies/{emergency}")
        arrival = datetime.now(UTC) + timedelta(minutes=40)
        desk.post(
            f"/emergencies/{emergency}/acknowledge",
            {"decision": decision, "estimated_arrival": arrival.isoformat(timespec="seconds")},
        )
    liaison = stage.who("shouning", "liaison")
    wait_for("every signature", lambda: all(line["signed"] for line in _board(liaison, emergency)))
    number = len(stage.others("shouning"))
    stage.narrator.count("emergency", *["acknowledged"] * number, *["answered"] * number)


def _cancel(stage: Stage, emergency: str, explanation: str) -> None:
    liaison, desk = stage.who("shouning", "liaison"), stage.who("qingyuan", "liaison")
    version = liaison.get(f"/emergencies/{emergency}")["version"]
    liaison.post(f"/emergencies/{emergency}/cancel", {"reason": "over", "explanation": explanation}, version=version)
    wait_for("the cancellation", lambda: desk.get(f"/emergencies/{emergency}")["state"] == "cancelled")


def _board(person: Person, emergency: str) -> list[Json]:
    lines: list[Json] = person.get(f"/emergencies/{emergency}/board")["bureaus"]
    return lines


def _delivered(line: Json) -> bool:
    return any(message["delivered_at"] for message in line["messages"])
