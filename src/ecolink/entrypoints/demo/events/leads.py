"""Case leads: (1) a household check in a timber theft, (2) a truck, (3) a sawmill's ledgers, (4) caged birds."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from ecolink.entrypoints.demo.houses import DemoFailed
from ecolink.entrypoints.demo.people import Json, Person, wait_for, wait_for_object
from ecolink.entrypoints.demo.stage import Stage

SUSPECT = {
    "ref": "P1",
    "category": "suspect",
    "basis": "assessment",
    "name": "林大山",
    "identity_number": "331126199001010018",
}
"""Fictional; the check digit of the identity number is wrong on purpose."""


def play(stage: Stage) -> list[str]:
    """Play all four; return the threads for the evidence scene."""
    household = timber_theft(stage)
    truck(stage)
    ledgers(stage)
    birds(stage)
    return [household]


def timber_theft(stage: Stage) -> str:
    """Play event 1 from the draft to the closing, with attachments both ways."""
    tell = stage.narrator
    tell.scene("2", "事件一：下党6.2立方米杉木被盗，协查户籍与前科", "Event 1: fir theft at Xiadang, a household check")
    officer, chief = stage.who("shouning", "officer"), stage.who("shouning", "chief")
    desk, approver = stage.who("qingyuan", "liaison"), stage.who("qingyuan", "chief")

    letter = officer.upload("协查函.txt", "text/plain", "寿公协〔2026〕18号 协查函（演示用虚构文书）\n".encode())
    lead = request(
        officer,
        "331126000000",
        number=18,
        kind="household_registration",
        charges=["345(1)"],
        facts="2026年11月20日夜，下党乡上党村林场杉木被盗伐约6.2立方米，P1有重大嫌疑。",
        wanted="请协查P1户籍证明及前科情况。",
        why="P1户籍地在庆元县龙溪乡。",
        urgency="U3",
        persons=[SUSPECT],
        documents=[_document(letter, "letter", "协作函")],
    )
    tell.step("吴建国 Shouning", "拟写协查函，附协作函扫描件", "drafts the request with the letter attached")
    send(stage, officer, chief, lead)
    tell.step("陈远山 Shouning", "审批并签名发出", "approves; the node signs and sends", "signed")

    there = wait_for_object(desk, f"/leads/{lead['id']}")
    tell.step(
        "Qingyuan node", "已签名接收，身份证号默认遮蔽", f"receipt signed; id shown as {_masked(there)}", "signed"
    )
    _acknowledge(stage, desk, lead["id"])
    tell.step("周小河 Qingyuan", "归口部门签收", "the intake desk acknowledges", "signed")
    desk.post(f"/leads/{lead['id']}/accept", {"handled_by": "龙溪派出所"})
    desk.post(f"/leads/{lead['id']}/start", {"note": "已派两名民警。"})
    shown = desk.post(
        f"/leads/{lead['id']}/reveal",
        {"person": "P1", "fields": ["identity_number"], "reason": "核对户籍底册。"},
    )
    tell.step(
        "周小河 Qingyuan",
        "说明理由后查看身份证号，全程留痕",
        f"reveals the id with a reason, logged ({len(str(shown))} bytes)",
    )

    record = "林大山，户籍地庆元县龙溪乡；2021年行政处罚一次（演示用虚构记录）。\n".encode()
    paper = desk.upload("户籍证明.txt", "text/plain", record)
    _reply(
        desk,
        approver,
        lead["id"],
        findings="P1户籍在龙溪乡，有一次行政处罚记录。",
        documents=[_document(paper, "certificate", "户籍证明")],
    )
    tell.step("陈远山 Qingyuan", "审批回复并签名发出，附户籍证明", "approves the reply with the certificate", "signed")

    _wait_state(officer, lead["id"], "replied")
    received = wait_for("the attachment at Shouning", lambda: _fetched(officer, str(paper["digest"])))
    if sha256(received).digest() != sha256(record).digest():
        raise DemoFailed("the attachment arrived changed")
    tell.check("attachments_verified", 2)
    tell.count("lead", "answered")
    tell.step("吴建国 Shouning", "收到回复，附件摘要一致", "reads the reply; the attachment's digest agrees", "signed")
    officer.post(f"/leads/{lead['id']}/feedback", {"used_for": "锁定嫌疑人。", "usefulness": 5, "outcome": "arrests"})
    officer.post(f"/leads/{lead['id']}/close", {"conclusion": "嫌疑人已到案。"})
    _wait_state(desk, lead["id"], "closed")
    _compare_histories(stage, officer, desk, lead["id"])
    return str(lead["id"])


def truck(stage: Stage) -> None:
    """Play event 2: very urgent, answered in part."""
    tell = stage.narrator
    tell.scene(
        "3", "事件二（特急）：疑载黑麂车辆驶向龙溪", "Event 2, very urgent: a truck suspected of carrying black muntjac"
    )
    officer, chief = stage.who("shouning", "officer"), stage.who("shouning", "chief")
    desk, approver = stage.who("qingyuan", "liaison"), stage.who("qingyuan", "chief")
    lead = request(
        officer,
        "331126000000",
        number=19,
        kind="lead_check",
        charges=["341(1)"],
        facts="一辆蓝色轻型货车疑载黑麂，由下党乡驶往龙溪乡方向。",
        wanted="请在龙溪方向查控该车并核实车上物品。",
        why="车辆正驶入庆元县境。",
        urgency="U1",
        urgency_reason="车辆正在移动。",
        vehicles=[{"description": "蓝色轻型货车", "plate": "闽J·0000学"}],
    )
    send(stage, officer, chief, lead)
    wait_for_object(desk, f"/leads/{lead['id']}")
    _acknowledge(stage, desk, lead["id"])
    due = desk.get(f"/leads/{lead['id']}")["due"]["answer"]["due_at"]
    tell.step("周小河 Qingyuan", "30分钟内签收，8小时内答复", f"acknowledges; the answer is due at {due}", "signed")
    desk.post(f"/leads/{lead['id']}/accept", {"handled_by": "龙溪派出所"})
    desk.post(f"/leads/{lead['id']}/start", {})
    _reply(
        desk,
        approver,
        lead["id"],
        outcome="partial",
        findings="已拦停车辆，车上黑麂一只已移交；驾驶人去向待查。",
    )
    _wait_state(officer, lead["id"], "replied")
    tell.count("lead", "answered")
    tell.step("Shouning node", "收到签名回复（部分完成）", "has the signed partial reply", "signed")


def ledgers(stage: Stage) -> None:
    """Play event 3: returned for correction, resubmitted, then in hand."""
    tell = stage.narrator
    tell.scene("4", "事件三：调取庆元某锯板厂台账", "Event 3: a sawmill's ledgers, returned once for correction")
    officer, chief = stage.who("shouning", "officer"), stage.who("shouning", "chief")
    desk, approver = stage.who("qingyuan", "liaison"), stage.who("qingyuan", "chief")
    asked: Json = {
        "number": 20,
        "kind": "evidence_collection",
        "charges": ["345(3)"],
        "facts": "被盗杉木疑流入龙溪乡某锯板厂。",
        "wanted": "请调取该厂2026年9月至11月收购台账。",
        "why": "该厂在庆元县龙溪乡。",
        "urgency": "U2",
        "urgency_reason": "台账可能被转移。",
    }
    lead = request(officer, "331126000000", **asked)
    send(stage, officer, chief, lead)
    wait_for_object(desk, f"/leads/{lead['id']}")
    _acknowledge(stage, desk, lead["id"])
    desk.post(
        f"/leads/{lead['id']}/return",
        {"reason_code": "letter-missing", "explanation": "未附协作函。", "corrections": ["补协作函"]},
    )
    _approve_proposal(approver, lead["id"])
    _wait_state(officer, lead["id"], "returned")
    tell.step("Qingyuan", "退回补正：缺协作函（经审批）", "returns it for correction, approved by the chief", "signed")
    letter = officer.upload("协作函.txt", "text/plain", "寿公协〔2026〕20号 协作函（演示用虚构文书）\n".encode())
    corrected = _body(**asked, documents=[_document(letter, "letter", "协作函")])
    corrected.pop("governance")
    officer.post(f"/leads/{lead['id']}/resubmit", {**corrected, "correction": "已补协作函。"})
    _approve_proposal(chief, lead["id"])
    _wait_state(desk, lead["id"], "resubmitted")
    desk.post(f"/leads/{lead['id']}/accept", {"handled_by": "经侦中队"})
    _wait_state(officer, lead["id"], "accepted")
    tell.step(
        "Shouning → Qingyuan",
        "补正后重报，对方受理，期限自动计算",
        "resubmitted and accepted; the clock runs",
        "signed",
    )
    desk.post(f"/leads/{lead['id']}/messages", {"text": "台账共三册，明日前调取。"})


def birds(stage: Stage) -> None:
    """Play event 4, when Songxi is there."""
    tell = stage.narrator
    tell.scene(
        "5", "事件四：查获画眉12只，买家疑在松溪", "Event 4: twelve hwamei seized, the buyer suspected in Songxi"
    )
    if not stage.has("songxi"):
        tell.skip("4", "松溪县公安局未参加本次演示", "Songxi takes no part; play it with --nodes 6")
        return
    officer, chief = stage.who("shouning", "officer"), stage.who("shouning", "chief")
    desk, approver = stage.who("songxi", "liaison"), stage.who("songxi", "chief")
    lead = request(
        officer,
        stage.bureau("songxi").unit_code,
        number=21,
        kind="records",
        charges=["341(3)"],
        facts="在南阳镇查获画眉12只，聊天记录显示买家在松溪县。",
        wanted="请协查买家身份及收购记录。",
        why="买家收货地址在松溪县。",
        urgency="U2",
        urgency_reason="买家可能销毁物证。",
    )
    send(stage, officer, chief, lead)
    wait_for_object(desk, f"/leads/{lead['id']}")
    _acknowledge(stage, desk, lead["id"])
    desk.post(f"/leads/{lead['id']}/accept", {"handled_by": "松溪县公安局森林警察大队"})
    desk.post(f"/leads/{lead['id']}/start", {})
    _reply(desk, approver, lead["id"], outcome="no_result", findings="收货地址为空置房屋，未发现收购记录。")
    _wait_state(officer, lead["id"], "replied")
    tell.count("lead", "answered")
    tell.step("Songxi", "回复：未查到", "answers: no result, and says what was looked at", "signed")


def _body(
    *,
    number: int,
    kind: str,
    charges: list[str],
    facts: str,
    wanted: str,
    why: str,
    urgency: str,
    **more: Any,  # noqa: ANN401 - further members of the request
) -> Json:
    return {
        "letter_number": f"寿公协〔2026〕{number}号",
        "kind": kind,
        "case_number": f"A35092400000020261100{number:02}",
        "case_type": "criminal",
        "charges": charges,
        "stage": "立案侦查",
        "facts": facts,
        "information_requested": wanted,
        "why_recipient": why,
        "urgency": urgency,
        "scope": "限于本案所需。",
        "contact": {"name": "吴建国", "post": "森林公安大队民警", "phone": "0593-0000011"},
        "governance": {"purpose": "侦办涉林案件"},
        **more,
    }


def request(officer: Person, to: str, **members: Any) -> Json:  # noqa: ANN401 - members of the request
    """Draft a request."""
    return officer.post("/leads", {**_body(**members), "to": to})


def send(stage: Stage, officer: Person, chief: Person, lead: Json) -> None:
    """Have a request approved and sent, and wait for the receipt."""
    submitted = officer.post(f"/leads/{lead['id']}/submit")
    chief.post(f"/leads/{lead['id']}/send", version=submitted["version"])
    stage.narrator.count("lead", "sent")
    wait_for("the receipt", lambda: officer.get(f"/leads/{lead['id']}")["delivered_at"])
    stage.narrator.count("lead", "delivered")


def _acknowledge(stage: Stage, desk: Person, lead_id: str) -> None:
    desk.post(f"/leads/{lead_id}/acknowledge", {"note": "归口部门已收悉。"})
    officer = stage.who("shouning", "officer")
    _wait_state(officer, lead_id, "acknowledged")
    stage.narrator.count("lead", "acknowledged")


def _reply(
    desk: Person,
    approver: Person,
    lead_id: str,
    *,
    findings: str,
    outcome: str = "full",
    **more: Any,  # noqa: ANN401
) -> None:
    day = desk.get(f"/leads/{lead_id}")["sent_at"][:10]
    desk.post(
        f"/leads/{lead_id}/reply",
        {
            "outcome": outcome,
            "scope_executed": "按请求范围执行。",
            "within_scope": True,
            "executed_from": day,
            "executed_to": day,
            "findings": findings,
            "grading": {"source": "A", "information": "1"},
            "usable_as_evidence": "yes",
            "officers": [{"name": "周小河", "post": "民警"}, {"name": "叶知秋", "post": "民警"}],
            **more,
        },
    )
    _approve_proposal(approver, lead_id)


def _approve_proposal(approver: Person, lead_id: str) -> None:
    (proposal,) = [each for each in approver.listed(f"/leads/{lead_id}/proposals") if each["state"] == "awaiting"]
    approver.post(f"/leads/{lead_id}/proposals/{proposal['id']}/approve")


def _wait_state(person: Person, lead_id: str, state: str) -> None:
    wait_for(
        f"lead {lead_id} to be {state} at {person.house.bureau.short}",
        lambda: person.get(f"/leads/{lead_id}")["state"] == state,
    )


def _compare_histories(stage: Stage, officer: Person, desk: Person, lead_id: str) -> None:
    """Both bureaus must hold the same signed statements in the same order."""

    def digests(person: Person) -> list[str]:
        return [step["digest"] for step in person.listed(f"/leads/{lead_id}/timeline") if step["verdict"] != "waiting"]

    wait_for("both histories to agree", _agreeing(lambda: digests(officer), lambda: digests(desk)))
    number = len(digests(officer))
    stage.narrator.check("histories_equal")
    stage.narrator.check("statements_in_agreed_history", number)
    stage.narrator.step(
        "Both", f"两地留存同一份签名历史（{number} 步）", f"hold the same signed history, {number} steps", "signed"
    )


def _agreeing(one: Callable[[], list[str]], other: Callable[[], list[str]]) -> Callable[[], bool]:
    return lambda: one() == other()


def _document(uploaded: Json, kind: str, title: str) -> Json:
    return {"digest": uploaded["digest"], "kind": kind, "title": title}


def _fetched(person: Person, digest: str) -> bytes | None:
    try:
        return person.download(f"/attachments/{digest}")
    except DemoFailed:
        return None


def _masked(lead: Json) -> str:
    persons = lead["request"]["private"]["persons"]
    return str(persons[0]["identity_number"]) if persons else ""
