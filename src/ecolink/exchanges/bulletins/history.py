"""What a bulletin said before, and every signed statement of its thread."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ecolink.exchanges.bulletins.record import Dossier
from ecolink.exchanges.bulletins.rules.matter import Move, Step
from ecolink.exchanges.bulletins.rules.tables import State
from ecolink.exchanges.bulletins.schemas import TEXT
from ecolink.exchanges.bulletins.views import AUTHOR, DIGEST, BureauName, Names
from ecolink.protocol.kinds.bulletins import BulletinContent


class BulletinVersionOut(BaseModel):
    """One version the author told."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "digest": DIGEST,
                    "at": "2026-11-23T01:00:00Z",
                    "standing": True,
                    "reason": None,
                    "content": TEXT,
                }
            ]
        }
    )

    digest: str
    at: datetime
    standing: bool = Field(description="The one that counts, or counted until the recall.")
    reason: str | None = Field(description="Why it replaced the one before.")
    content: BulletinContent | None = Field(description="Hidden once the bulletin is recalled.")


class BulletinVersionsOut(BaseModel):
    """Every version that counts, oldest first."""

    items: list[BulletinVersionOut]

    @classmethod
    def of(cls, dossier: Dossier) -> "BulletinVersionsOut":
        """Return the versions."""
        is_hidden = dossier.state is State.RECALLED
        return cls(
            items=[
                BulletinVersionOut(
                    digest=version.digest,
                    at=version.at,
                    standing=version == dossier.matter.current,
                    reason=getattr(version.body, "reason", None),
                    content=None if is_hidden else version.content,
                )
                for version in dossier.matter.versions
            ]
        )


class BulletinStepOut(BaseModel):
    """One signed statement of the thread, and what it did."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "digest": DIGEST,
                    "act": "published",
                    "by": AUTHOR,
                    "to": ["331126000000"],
                    "at": "2026-11-23T01:00:00Z",
                    "received_at": "2026-11-23T01:00:02Z",
                    "verdict": "applied",
                    "why": None,
                    "crossed_with": None,
                }
            ]
        }
    )

    digest: str
    act: str
    by: BureauName
    to: list[str]
    at: datetime = Field(description="When it was signed, by its author's clock.")
    received_at: datetime | None
    verdict: Literal["applied", "crossed", "illegal", "rejected", "waiting"]
    why: str | None = Field(description="Why it is illegal: a stable code.")
    crossed_with: str | None


class BulletinHistoryOut(BaseModel):
    """The thread in canonical order; what still waits for something comes last."""

    items: list[BulletinStepOut]

    @classmethod
    def of(cls, dossier: Dossier, names: Names) -> "BulletinHistoryOut":
        """Return the history."""
        steps = [_step(dossier, step.move, names, step) for step in dossier.matter.steps]
        return cls(items=steps + [_step(dossier, move, names, None) for move in dossier.matter.waiting])


def _step(dossier: Dossier, move: Move, names: Names, step: Step | None) -> BulletinStepOut:
    return BulletinStepOut(
        digest=move.digest,
        act=move.act.value,
        by=BureauName.of(move.iss, names),
        to=list(move.aud),
        at=move.at,
        received_at=dossier.thread.received_at(move.digest),
        verdict=step.verdict.value if step else "waiting",
        why=(step.why or None) if step else None,
        crossed_with=step.crossed_with if step else None,
    )
