"""What the bureaus say to each other: whole conversations, each a generator of acts that gets their answers.

A message is one statement to one recipient. Most come in bulk where one call makes several: news and notes of an
emergency, and bulletins, go to both other bureaus.
"""

from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.soak.desk import Act, Json
from tests.soak.plan import UNIT_CODES
from tests.soak.station import CHIEF

Story = Generator[Act, Json, None]

TODAY = datetime.now(UTC)
"""One moment for the run: who tries again with the same key must say the same."""
WITH_ATTACHMENT = 0.08
LARGEST_ATTACHMENT = 200_000


def stories(dice: Random) -> Iterator[Story]:
    """Tell one story after the other, without end."""
    number = 0
    while True:
        number += 1
        # Each story has dice of its own: its turns do not depend on how the others go.
        own = Random(dice.getrandbits(64))
        author, *others = own.sample(UNIT_CODES, 3)
        yield _choose(own)(own, number, author, (others[0], others[1]))


def _choose(dice: Random) -> Callable[[Random, int, str, tuple[str, str]], Story]:
    return dice.choice((lead, bulletin, emergency))


def lead(dice: Random, number: int, author: str, others: tuple[str, str]) -> Story:
    """Ask a bureau for help, from the draft to the end, talking all the while."""
    to, talk = others[0], dice.randrange(4, 14)
    drill = dice.random() < 0.1
    documents = yield from _documents(dice, number, author, "letter")
    subject = _lead_subject(number, documents)
    draft = {**subject, "to": to, "governance": {"purpose": "侦办涉林案件", "is_exercise": drill}}
    drafted = yield Act(author, "POST", "/leads", draft)
    path = f"/leads/{drafted['id']}"
    matter = _Matter(path, drafted["id"], author, to)
    yield Act(author, "POST", f"{path}/submit")
    yield matter.says(author, "send", "lead.requested.v1", who=CHIEF, version_of=path)
    yield matter.says(to, "acknowledge", "lead.acknowledged.v1", {"note": _text(number, "归口部门已收悉。")})
    if dice.random() < 0.15:
        yield from _return_and_resubmit(matter, number, subject)
    if dice.random() < 0.12:  # both write while the requester takes it back: moves that cross
        yield from _withdraw(matter, number)
        return
    yield matter.says(to, "accept", "lead.accepted.v1", {"handled_by": "龙溪派出所"})
    yield matter.says(to, "start", "lead.started.v1", {"note": "已派两名民警。"})
    for line in range(talk):
        yield matter.writes(dice.choice((author, to)), _text(number, f"第{line}次留言。"))
    reply = _reply((yield from _documents(dice, number, to, "certificate")))
    yield from matter.proposes(to, "reply", "lead.replied.v1", reply)
    feedback = {"used_for": "锁定嫌疑人。", "usefulness": 5, "outcome": "arrests"}
    yield matter.says(author, "feedback", "lead.feedback.v1", feedback)
    yield matter.says(author, "close", "lead.closed.v1", {"conclusion": "嫌疑人已到案。"})


class _Matter:
    """One lead between two bureaus."""

    def __init__(self, path: str, thread: str, author: str, to: str) -> None:
        self.path, self.thread, self.other = path, thread, {author: to, to: author}
        self.author, self.to = author, to

    def says(self, at: str, move: str, kind: str, body: Json | None = None, **more: Any) -> Act:
        return Act(at, "POST", f"{self.path}/{move}", body, says=kind, to=(self.other[at],), thread=self.thread, **more)

    def writes(self, at: str, text: str, *, may_be_moot: bool = False) -> Act:
        return self.says(at, "messages", "lead.message.v1", {"text": text}, may_be_moot=may_be_moot)

    def proposes(self, at: str, move: str, kind: str, body: Json) -> Story:
        """Lay a move before the chief, who approves it."""
        yield Act(at, "POST", f"{self.path}/{move}", body)
        page = yield Act(at, "GET", f"{self.path}/proposals", until=lambda listed: bool(_awaiting(listed)))
        proposal = _awaiting(page)[0]["id"]
        yield self.says(at, f"proposals/{proposal}/approve", kind, who=CHIEF)


def _awaiting(listed: Any) -> list[Json]:
    return [proposal for proposal in listed if proposal["state"] == "awaiting"]


def _return_and_resubmit(matter: _Matter, number: int, subject: Json) -> Story:
    why = {"reason_code": "letter-missing", "explanation": _text(number, "未附协作函。"), "corrections": ["补协作函"]}
    yield from matter.proposes(matter.to, "return", "lead.returned.v1", why)
    again = {**subject, "correction": _text(number, "已补协作函。")}
    yield from matter.proposes(matter.author, "resubmit", "lead.resubmitted.v1", again)


def _withdraw(matter: _Matter, number: int) -> Story:
    yield matter.writes(matter.to, _text(number, "正在查找。"), may_be_moot=True)
    why = {"reason_code": "no-longer-needed", "explanation": _text(number, "嫌疑人已投案。")}
    yield matter.says(matter.author, "withdraw", "lead.withdrawn.v1", why)
    yield matter.says(matter.to, "accept", "lead.accepted.v1", {"handled_by": "龙溪派出所"}, may_be_moot=True)
    yield matter.writes(matter.to, _text(number, "材料已寄出。"), may_be_moot=True)


def bulletin(dice: Random, number: int, author: str, others: tuple[str, str]) -> Story:
    """Tell both others something, who read and use it; now and then correct it or take it back."""
    wanted = {
        **_bulletin_text(number),
        "recipients": list(others),
        "governance": {"purpose": "提示邻县联防联控", "handling": {"code": "H0", "onward": "none"}},
    }
    drafted = yield Act(author, "POST", "/bulletins", wanted)
    thread, path = drafted["id"], f"/bulletins/{drafted['id']}"
    yield Act(author, "POST", f"{path}/submit", version_of=path)
    published = {"says": "bulletin.published.v1", "to": others, "thread": thread, "who": CHIEF, "version_of": path}
    yield Act(author, "POST", f"{path}/approve", **published)
    for reader in others:
        back = {"to": (author,), "thread": thread}
        yield Act(reader, "POST", f"{path}/read", says="bulletin.read.v1", **back)
        if dice.random() < 0.7:
            use = {"used_on": f"{TODAY:%Y-%m-%d}", "used_for": _text(number, "清查辖区快递网点。")}
            yield Act(reader, "POST", f"{path}/use", use, says="bulletin.used.v1", **back)
        if dice.random() < 0.7:
            worth = {"used_for": _text(number, "查获夹带兰花的包裹。"), "usefulness": 4, "outcomes": ["case_filed"]}
            yield Act(reader, "POST", f"{path}/feedback", worth, says="bulletin.feedback.v1", **back)
    told = {"to": others, "thread": thread, "who": CHIEF, "version_of": path}
    if dice.random() < 0.2:
        correction = {**_bulletin_text(number), "reason": _text(number, "补充物种。")}
        yield Act(author, "PUT", f"{path}/correction", correction, version_of=path)
        yield Act(author, "POST", f"{path}/submit", version_of=path)
        yield Act(author, "POST", f"{path}/approve", says="bulletin.corrected.v1", **told)
    if dice.random() < 0.25:
        why = {"reason_code": "other", "reason": _text(number, "专项行动结束。")}
        yield Act(author, "POST", f"{path}/recall", why, says="bulletin.recalled.v1", **told)


def emergency(dice: Random, number: int, author: str, others: tuple[str, str]) -> Story:
    """Raise the alarm, or a drill, at both others; they sign for it, news goes out, and it ends."""
    title = _text(number, "松林起火")
    alert = _alert(title, "exercise" if dice.random() < 0.3 else "actual", others)
    if dice.random() < WITH_ATTACHMENT:
        photograph = yield _upload(dice, number, author)
        alert["attachments"] = [{"digest": photograph["digest"]}]
    raised = yield Act(author, "POST", "/emergencies", alert, says="emergency.alert.v1", to=others)
    thread, path = raised["id"], f"/emergencies/{raised['id']}"
    for signer in others:
        signs = {"decision": "dispatching", "note": _text(number, "12人出发。")}
        yield Act(
            signer, "POST", f"{path}/acknowledge", signs, says="emergency.acknowledged.v1", to=(author,), thread=thread
        )
    told = {"to": others, "thread": thread}
    for line in range(dice.randrange(6, 20)):
        note = {"text": _text(number, f"第{line}次通报。")}
        yield Act(author, "POST", f"{path}/notes", note, says="emergency.note.v1", **told)
    if dice.random() < 0.6:
        news = {"changes": _text(number, "过火面积扩大。"), "colour": "red", "fire": {"area_ha": 2.4}}
        update = {"says": "emergency.update.v1", "version_of": path, **told}
        yield Act(author, "POST", f"{path}/updates", news, **update)
    over = {"reason": "over", "explanation": _text(number, "明火已扑灭。")}
    yield Act(author, "POST", f"{path}/cancel", over, says="emergency.cancel.v1", **told)


def _text(number: int, text: str) -> str:
    return f"{text}（{number}）"


def _documents(dice: Random, number: int, at: str, kind: str) -> Generator[Act, Json, list[Json]]:
    """Upload a document now and then, and return what names it."""
    if dice.random() >= WITH_ATTACHMENT:
        return []
    uploaded = yield _upload(dice, number, at)
    return [{"digest": uploaded["digest"], "kind": kind, "title": "附件"}]


def _upload(dice: Random, number: int, at: str) -> Act:
    content = f"附件（{number}）".encode() + dice.randbytes(dice.randrange(100, LARGEST_ATTACHMENT))
    return Act(at, "POST", f"/attachments?name={number}.bin", file=content)


def _lead_subject(number: int, documents: list[Json]) -> Json:
    return {
        "letter_number": f"公协〔2026〕{number}号",
        "kind": "household_registration",
        "case_number": f"A35092400000020261{number:06}",
        "case_type": "criminal",
        "charges": ["345(1)"],
        "stage": "立案侦查",
        "facts": _text(number, "林场杉木被盗伐，P1有重大嫌疑。"),
        "information_requested": "请协查P1户籍证明及前科情况。",
        "why_recipient": "P1户籍地在该县。",
        "urgency": "U3",
        "scope": "限于本案所需。",
        "contact": {"name": "吴建国", "post": "森林公安大队民警", "phone": "0593-0000011"},
        "persons": [{"ref": "P1", "category": "suspect", "basis": "assessment", "name": "林大山"}],
        "documents": documents,
    }


def _reply(documents: list[Json]) -> Json:
    return {
        "outcome": "full",
        "scope_executed": "按请求范围执行。",
        "within_scope": True,
        "executed_from": f"{TODAY:%Y-%m-%d}",
        "executed_to": f"{TODAY:%Y-%m-%d}",
        "findings": "P1户籍在龙溪乡，有一次行政处罚记录。",
        "grading": {"source": "A", "information": "1"},
        "usable_as_evidence": "yes",
        "officers": [{"name": "周小河", "post": "民警"}, {"name": "叶知秋", "post": "民警"}],
        "documents": documents,
    }


def _bulletin_text(number: int) -> Json:
    return {
        "number": f"公情通〔2026〕{number}号",
        "kind": "modus_operandi",
        "title": _text(number, "野生兰花混作茶苗邮寄出省"),
        "body": "近期发现有人将采挖的野生兰花夹带在茶苗包裹中，经乡镇快递网点寄往外省。",
        "period": {"start": "2026-10-01", "end": "2026-11-20"},
        "grading": {"source": "B", "information": "2"},
        "valid_until": (TODAY + timedelta(days=90)).isoformat(timespec="seconds"),
        "charges": ["344"],
        "sanitised": True,
    }


def _alert(title: str, status: str, others: tuple[str, str]) -> Json:
    return {
        "status": status,
        "kind": "wildfire",
        "title": title,
        "description": "上党村后山松林起火。",
        "colour": "orange",
        "urgency": "Immediate",
        "severity": "Severe",
        "certainty": "Observed",
        "occurred_at": TODAY.isoformat(timespec="seconds"),
        "hotline": "0593-0000001",
        "location": {
            "text": "上党村",
            "region_code": "350924",
            "datum": "CGCS2000",
            "geometry": {"type": "Point", "coordinates": [119.2189, 27.4394]},
        },
        "fire": {"area_ha": 0.8, "casualties": {"dead": 0, "injured": 0}, "cause": "农事用火", "open_flame": True},
        "recipients": list(others),
        "confirm": title,
    }
