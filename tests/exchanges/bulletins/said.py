"""Moves of a thread as the fold reads them, made up for tests: A is Shouning, B Qingyuan, C Jingning, D Songxi."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ecolink.exchanges.bulletins.rules.matter import Move
from ecolink.exchanges.bulletins.rules.tables import Act
from ecolink.kit.canonical import sha256_hex
from ecolink.protocol.kinds.bulletins import (
    BulletinCompliedV1,
    BulletinCorrectedV1,
    BulletinFeedbackV1,
    BulletinPublishedV1,
    BulletinReadV1,
    BulletinRecalledV1,
    BulletinSharedV1,
    BulletinUsedV1,
    OnwardCompliance,
    PermissionGrantedV1,
    PermissionRefusedV1,
    PermissionRequestedV1,
)
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.kinds.rosters import RosterV1

A, B, C, D, E = "350924000000", "331126000000", "331127000000", "350724000000", "350725000000"
MORNING = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
ALLIANCE = RosterV1.freeze(
    alliance_id="019ab000-0000-7000-8000-000000000001",
    name_zh="六县警务联盟",
    name_en="Six-county alliance",
    version=3,
    members=(A, B, C, D),
)
CONTENT: dict[str, Any] = {
    "kind": "warning",
    "title": "兰花混作茶苗邮寄",
    "body": "近期有人将野生兰花夹带在茶苗中邮寄出省。",
    "grading": {"source": "B", "information": "2"},
    "charges": ["344"],
    "sanitised": True,
}


def move(act: Act, name: str, iss: str, aud: Sequence[str], body: Frozen, **more: Any) -> Move:
    at = more.pop("at", MORNING)
    return Move(
        digest=sha256_hex(name.encode()),
        jti=more.pop("jti", f"jti-{name}"),
        act=act,
        iss=iss,
        aud=tuple(aud),
        at=at,
        approved=more.pop("approved", True),
        body=body,
        parents=tuple(each.digest for each in more.pop("after", ())),
        **more,
    )


def published(name: str = "P", *, by: str = A, to: Sequence[str] = (B, C), onward: str = "none", **more: Any) -> Move:
    alliance = {"alliance": ALLIANCE.to_wire()} if onward == "group" else {}
    body = BulletinPublishedV1.model_validate({**CONTENT, **alliance})
    return move(Act.PUBLISHED, name, by, to, body, onward=onward, **more)


def corrected(version: Move, name: str = "K", *, by: str = A, **more: Any) -> Move:
    said = {**CONTENT, "title": f"更正：{name}", "version": version.digest, "reason": "品种有误"}
    more.setdefault("after", (version,))
    more.setdefault("onward", version.onward)
    to = more.pop("to", version.aud)
    return move(Act.CORRECTED, name, by, to, BulletinCorrectedV1.model_validate(said), **more)


def recalled(bulletin: Move, name: str = "R", *, by: str = A, **more: Any) -> Move:
    version = more.pop("version", bulletin)
    body = BulletinRecalledV1(bulletin=bulletin.digest, version=version.digest, reason_code="wrong", reason="信息不实")
    more.setdefault("after", (version,))
    more.setdefault("recalls", bulletin.jti)
    to = more.pop("to", bulletin.aud)
    return move(Act.RECALLED, name, by, to, body, **more)


def read(version: Move, *, by: str = B, **more: Any) -> Move:
    more.setdefault("after", (version,))
    body = BulletinReadV1(version=version.digest, opened_at=MORNING + timedelta(hours=1))
    return move(Act.READ, more.pop("name", f"read by {by}"), by, (A,), body, **more)


def used(version: Move, *, by: str = B, **more: Any) -> Move:
    more.setdefault("after", (version,))
    body = BulletinUsedV1(version=version.digest, used_on=MORNING.date(), used_for="清查物流网点")
    return move(Act.USED, more.pop("name", f"used by {by}"), by, (A,), body, **more)


def feedback(version: Move, *, by: str = B, **more: Any) -> Move:
    more.setdefault("after", (version,))
    body = BulletinFeedbackV1(version=version.digest, used_for="串并案", usefulness=4, outcomes=("case_filed",))
    return move(Act.FEEDBACK, more.pop("name", f"feedback of {by}"), by, (A,), body, **more)


def complied(change: Move, *, by: str = B, to: str = A, onward: Sequence[OnwardCompliance] = (), **more: Any) -> Move:
    more.setdefault("after", (change,))
    body = BulletinCompliedV1(
        author=A,
        target=change.digest,
        action="recall" if change.act is Act.RECALLED else "correction",
        applied_at=MORNING + timedelta(hours=2),
        onward=tuple(onward),
    )
    return move(Act.COMPLIED, more.pop("name", f"{by} complied with {change.digest}"), by, (to,), body, **more)


def requested(version: Move, *, by: str = B, onto: Sequence[str] = (D,), **more: Any) -> Move:
    more.setdefault("after", (version,))
    body = PermissionRequestedV1(version=version.digest, recipients=tuple(onto), reason="当地有同类窝点")
    return move(Act.REQUESTED, more.pop("name", f"request of {by}"), by, (A,), body, **more)


def granted(request: Move, *, onto: Sequence[str] = (D,), until: datetime | None = None, **more: Any) -> Move:
    more.setdefault("after", (request,))
    body = PermissionGrantedV1(request=request.digest, recipients=tuple(onto), until=until)
    return move(Act.GRANTED, more.pop("name", "grant"), A, (request.iss,), body, **more)


def refused(request: Move, **more: Any) -> Move:
    more.setdefault("after", (request,))
    body = PermissionRefusedV1(request=request.digest, reason="涉及在侦案件")
    return move(Act.REFUSED, more.pop("name", "refusal"), A, (request.iss,), body, **more)


def shared(original: Move, *, by: str = B, to: Sequence[str] = (D, A), **more: Any) -> Move:
    name = more.pop("name", f"{by} shared {original.digest} with {to}")
    body = BulletinSharedV1(author=original.iss, original="(the signed statement)")
    return move(Act.SHARED, name, by, to, body, original=original, **more)


def unfit(said: Move) -> Move:
    return replace(said, body=None, fault="title: too long")
