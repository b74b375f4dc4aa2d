"""Bulletins: (5) orchids mailed as tea seedlings, corrected and recalled; (9) a title dispute about to boil over."""

from ecolink.entrypoints.demo.people import Json, Person, wait_for, wait_for_object
from ecolink.entrypoints.demo.stage import Stage


def play(stage: Stage) -> list[str]:
    """Play both; return the threads for the evidence scene."""
    alliance = found_alliance(stage)
    thread = orchids(stage, alliance)
    dispute(stage, alliance)
    return [thread]


def found_alliance(stage: Stage) -> str:
    """Found the alliance of all who take part. That the six counties form one is an assumption of this demo."""
    chief = stage.who("shouning", "chief")
    members = [house.bureau.unit_code for house in stage.houses if house.bureau.slug != "shouning"]
    made = chief.post(
        "/alliances",
        {"name_zh": "浙闽边界生态警务联盟（演示）", "name_en": "Border alliance (demo)", "members": members},
    )
    return str(made["id"])


def orchids(stage: Stage, alliance: str) -> str:
    """Play event 5 through its whole life: told, read, used, corrected, recalled, complied with."""
    tell = stage.narrator
    tell.scene("6", "事件五：情报通报——野生兰花混作茶苗邮寄", "Event 5, bulletin: orchids mailed as tea seedlings")
    chief = stage.who("shouning", "chief")
    bulletin = publish(
        stage,
        {"alliance_id": alliance},
        stage.others("shouning"),
        number="寿公情通〔2026〕7号",
        kind="modus_operandi",
        title="野生兰花混作茶苗邮寄出省",
        body="近期发现有人将采挖的野生兰花夹带在茶苗包裹中，经乡镇快递网点寄往外省。",
        species=[{"name_zh": "春兰", "name_latin": "Cymbidium goeringii"}],
        charges=["344"],
        suggested_actions=["检查茶苗包裹", "提示快递网点落实收寄验视"],
    )
    readers = [stage.who(slug, "liaison") for slug in stage.others("shouning")]
    for reader in readers:
        wait_for_object(reader, f"/bulletins/{bulletin}")  # the first opening is the signed read record
    _wait_board(chief, bulletin, "read_at")
    stage.narrator.count("bulletin", *["acknowledged"] * len(readers))
    tell.step(
        f"{len(readers)} bureau(s)",
        "收到并阅知，阅知记录已签名返回",
        "received and read; signed read records are back",
        "signed",
    )

    reader = readers[0]
    reader.post(
        f"/bulletins/{bulletin}/feedback",
        {"used_for": "清查快递网点时查获夹带兰花的包裹", "usefulness": 5, "outcomes": ["case_filed", "seizure"]},
    )
    wait_for("the feedback", lambda: chief.get(f"/bulletins/{bulletin}/answers")["feedback"])
    stage.narrator.count("bulletin", "answered")
    tell.step(
        "周小河 Qingyuan",
        "反馈：已立案并查获，有用程度5",
        "feeds back: case filed, parcels seized, usefulness 5",
        "signed",
    )

    officer = stage.who("shouning", "officer")
    version = officer.get(f"/bulletins/{bulletin}")["version"]
    text = _text(
        number="寿公情通〔2026〕7号",
        kind="modus_operandi",
        title="更正：春兰、蕙兰混作茶苗邮寄出省",
        body="补充：除春兰外，另发现蕙兰。",
        charges=["344"],
    )
    drafted = officer.put(f"/bulletins/{bulletin}/correction", {**text, "reason": "补充物种。"}, version=version)
    submitted = officer.post(f"/bulletins/{bulletin}/submit", version=drafted["version"])
    chief.post(f"/bulletins/{bulletin}/approve", version=submitted["version"])
    _wait_complied(chief, bulletin, 1)
    tell.step(
        "Shouning", "更正已送达每个接收单位，逐一回签", "the correction reached every recipient; each signed", "signed"
    )

    version = chief.get(f"/bulletins/{bulletin}")["version"]
    chief.post(
        f"/bulletins/{bulletin}/recall",
        {"reason_code": "other", "reason": "演示撤回：专项行动结束。"},
        version=version,
    )
    _wait_complied(chief, bulletin, 2)
    stage.narrator.check("compliance_receipts", 2 * len(readers))
    tell.step(
        "Shouning", "撤回通报，各接收单位签名确认已执行", "recalled; every recipient signed that it complied", "signed"
    )
    return bulletin


def dispute(stage: Stage, alliance: str) -> None:
    """Play event 9: a bulletin until there is a dispute register."""
    tell = stage.narrator
    tell.scene("7", "事件九：35亩山林权属纠纷，强砍在即", "Event 9: a 35-mu title dispute, cutting imminent")
    bulletin = publish(
        stage,
        {"alliance_id": alliance},
        stage.others("shouning"),
        number="寿公情通〔2026〕8号",
        kind="warning",
        title="省界35亩山林权属纠纷预警",
        body="下党乡与龙溪乡交界35亩山林权属有争议，一方拟于近日组织采伐，请共同做好稳控与调处。",
        charges=[],
        suggested_actions=["派员到场", "通报两乡调解组织"],
    )
    for slug in stage.others("shouning"):
        wait_for_object(stage.who(slug, "liaison"), f"/bulletins/{bulletin}")
    _wait_board(stage.who("shouning", "chief"), bulletin, "read_at")
    stage.narrator.count("bulletin", *["acknowledged"] * len(stage.others("shouning")))
    tell.step("All", "预警已被各单位阅知", "the warning was read everywhere", "signed")


def publish(stage: Stage, told_to: Json, recipients: list[str], **members: object) -> str:
    """Have Shouning's officer draft a bulletin and its chief publish it, and wait until every recipient has it."""
    officer, chief = stage.who("shouning", "officer"), stage.who("shouning", "chief")
    onward = "group" if "alliance_id" in told_to else "none"
    drafted = officer.post(
        "/bulletins",
        {
            **_text(**members),
            **told_to,
            "governance": {"purpose": "提示邻县联防联控", "handling": {"code": "H0", "onward": onward}},
        },
    )
    bulletin = str(drafted["id"])
    submitted = officer.post(f"/bulletins/{bulletin}/submit", version=drafted["version"])
    chief.post(f"/bulletins/{bulletin}/approve", version=submitted["version"])
    stage.narrator.count("bulletin", *["sent"] * len(recipients))
    stage.narrator.step("陈远山 Shouning", "审批并发布", "approves; it is published", "signed")
    _wait_board(chief, bulletin, "delivered_at")
    stage.narrator.count("bulletin", *["delivered"] * len(recipients))
    return bulletin


def _text(**members: object) -> Json:
    return {
        "period": {"start": "2026-10-01", "end": "2026-11-20"},
        "grading": {"source": "B", "information": "2"},
        "valid_until": "2027-02-28T23:59:59+08:00",
        "sanitised": True,
        **members,
    }


def _board(person: Person, bulletin: str) -> list[Json]:
    return person.listed(f"/bulletins/{bulletin}/recipients")


def _wait_board(person: Person, bulletin: str, column: str) -> None:
    wait_for(f"{column} from every recipient", lambda: all(line[column] for line in _board(person, bulletin)))


def _wait_complied(person: Person, bulletin: str, changes: int) -> None:
    wait_for(
        "every recipient to comply",
        lambda: all(line["outstanding"] == 0 and len(line["changes"]) >= changes for line in _board(person, bulletin)),
    )
