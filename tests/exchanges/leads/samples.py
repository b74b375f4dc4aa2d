"""Sample bodies and moves: a fictional theft of fir at Xiadang, asked of Qingyuan by Shouning."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from ecolink.exchanges.leads.rules import Move
from ecolink.protocol.kinds import leads as wire

SHOUNING, QINGYUAN, SONGXI = "350924000000", "331126000000", "350724000000"
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""Monday, 23 November 2026, 12:00 in China."""

REQUEST: dict[str, Any] = {
    "letter_number": "寿公协〔2026〕18号",
    "kind": "household_registration",
    "case_number": "A3509240000002026110001",
    "case_type": "criminal",
    "charges": ["345(1)"],
    "stage": "立案侦查",
    "facts": "2026年11月20日夜，下党乡上党村林场杉木被盗伐，立木蓄积约6.2立方米，P1有重大嫌疑。",
    "information_requested": "请协查P1户籍证明及前科情况。",
    "why_recipient": "P1户籍地在庆元县龙溪乡。",
    "urgency": "U3",
    "scope": "查询户籍及违法犯罪记录。",
}
REPLY: dict[str, Any] = {
    "outcome": "full",
    "scope_executed": "已查询户籍及违法犯罪记录。",
    "within_scope": True,
    "executed_from": "2026-11-24",
    "executed_to": "2026-11-25",
    "executing_officer_count": 2,
    "findings": "P1户籍在龙溪乡，有一次行政处罚记录。",
    "grading": {"source": "A", "information": "1"},
    "usable_as_evidence": "yes",
}
BODIES: dict[str, dict[str, Any]] = {
    "requested": REQUEST,
    "acknowledged": {},
    "returned": {"reason_code": "letter-missing", "explanation": "缺少协作函。"},
    "resubmitted": {**REQUEST, "correction": "已补协作函。"},
    "accepted": {},
    "started": {},
    "information_requested": {"questions": "请提供P1曾用名。"},
    "information_provided": {"answer": "P1无曾用名。"},
    "replied": REPLY,
    "interim_reply": {
        **REPLY,
        "outcome": "interim",
        "findings": "正在核查。",
        "new_due_at": "2026-12-15T18:00:00+08:00",
    },
    "feedback": {"used_for": "锁定嫌疑人。", "usefulness": 5, "outcome": "arrests"},
    "closed": {"conclusion": "已破案。"},
    "transferred": {
        "to": SONGXI,
        "to_name": "松溪县公安局",
        "reason_code": "person-moved",
        "explanation": "户籍已迁往松溪县。",
    },
    "withdrawn": {"reason_code": "no-longer-needed", "explanation": "嫌疑人已到案。"},
    "message": {"text": "请尽快。"},
}
MODELS = {kind.type.split(".")[1]: kind.body for kind in wire.KINDS}


def move(
    name: str,
    *parents: Move,
    by: str = SHOUNING,
    to: str | None = None,
    at: datetime = NOON,
    received_after: timedelta | None = timedelta(seconds=2),
    approved: bool = True,
    mark: str = "",
    **changes: Any,
) -> Move:
    """Return a move as the fold sees it; its digest depends on all that is said, and on `mark`."""
    kind = "replied" if name == "interim_reply" else name
    body = MODELS[kind].model_validate({**BODIES[name], **changes})
    to = to or (QINGYUAN if by == SHOUNING else SHOUNING)
    seed = repr((name, sorted(parent.digest for parent in parents), by, to, at, approved, mark, changes))
    return Move(
        digest=hashlib.sha256(seed.encode()).hexdigest(),
        parents=tuple(parent.digest for parent in parents),
        type=f"lead.{kind}.v1",
        author=by,
        to=to,
        at=at,
        received_at=None if received_after is None else at + received_after,
        approved=approved,
        body=body,
    )


def rejection(of: Move, *parents: Move, by: str) -> Move:
    """Return the other side's `statement.rejected.v1`."""
    seed = f"rejected {of.digest} {[parent.digest for parent in parents]}"
    return Move(
        digest=hashlib.sha256(seed.encode()).hexdigest(),
        parents=tuple(parent.digest for parent in parents),
        type="statement.rejected.v1",
        author=by,
        to=QINGYUAN if by == SHOUNING else SHOUNING,
        at=NOON,
        rejects=of.digest,
    )
