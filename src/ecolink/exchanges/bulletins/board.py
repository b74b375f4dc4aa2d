"""Who was told, and what each bureau did with it: the author's board of recipients, answers and permissions."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ecolink.exchanges.bulletins.record import Dossier
from ecolink.exchanges.bulletins.rules.matter import Holder, Move, Permission
from ecolink.exchanges.bulletins.views import BureauName, Names
from ecolink.federation.threads import Delivery
from ecolink.protocol.kinds.bulletins import (
    BulletinFeedbackV1,
    BulletinReadV1,
    BulletinUsedV1,
    Outcome,
    PermissionGrantedV1,
    PermissionRefusedV1,
    PermissionRequestedV1,
)

Told = Literal["left_out", "passed_on", "queued", "delivered", "refused", "expired", "unknown"]
Deliveries = Mapping[tuple[str, str], Delivery]
"""By digest and recipient."""

_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_QINGYUAN: dict[str, JsonValue] = {
    "unit_code": "331126000000",
    "name_zh": "庆元县公安局",
    "name_en": "Qingyuan County Public Security Bureau",
}


class ChangeOut(BaseModel):
    """A correction or recall, and whether this bureau applied it."""

    digest: str
    action: Literal["corrected", "recalled"]
    at: datetime
    told: Told
    delivered_at: datetime | None
    complied_at: datetime | None = Field(description="When its node applied it, by its own signed word.")
    reported_by: str | None = Field(description="Who said so: itself, or the bureau that passed the bulletin on to it.")


class RecipientOut(BaseModel):
    """One bureau that was told, or should have been."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "bureau": _QINGYUAN,
                    "via": None,
                    "told": "delivered",
                    "queued_at": "2026-11-23T01:00:00Z",
                    "delivered_at": "2026-11-23T01:00:02Z",
                    "unconfirmed_since": None,
                    "refusal": None,
                    "rejection": None,
                    "read_at": "2026-11-23T02:10:00Z",
                    "uses": 1,
                    "feedback": 1,
                    "changes": [],
                    "outstanding": 0,
                }
            ]
        }
    )

    bureau: BureauName
    via: BureauName | None = Field(description="Who passed it on; null when the author told it itself.")
    told: Told = Field(
        description="`left_out`: suspended at the time; `passed_on`: by another bureau; then as the receipts say."
    )
    queued_at: datetime | None
    delivered_at: datetime | None = Field(description="That bureau's own signed word, from its receipt.")
    unconfirmed_since: datetime | None = Field(description="No receipt came within its time.")
    refusal: str | None = Field(description="Why its node refused the statement.")
    rejection: str | None = Field(description="Why its node found the statement illegal.")
    read_at: datetime | None = Field(description="When a person there first opened it.")
    uses: int
    feedback: int
    changes: list[ChangeOut]
    outstanding: int


class RecipientsOut(BaseModel):
    """The board of one bulletin."""

    items: list[RecipientOut]

    @classmethod
    def of(cls, dossier: Dossier, deliveries: Sequence[Delivery], names: Names) -> "RecipientsOut":
        """Return who was told and how far each came."""
        known = {(each.digest, each.recipient): each for each in deliveries}
        rows = [_recipient(dossier, holder, known, names) for _, holder in sorted(dossier.matter.holders.items())]
        left = [unit for unit in dossier.row.left_out if unit not in dossier.matter.holders]
        return cls(items=rows + [_left_out(unit, names) for unit in left])


class UseOut(BaseModel):
    """What the bulletin was used for somewhere."""

    bureau: BureauName
    at: datetime
    version: str = Field(description="Digest of the version it speaks of.")
    used_on: date
    used_for: str


class FeedbackOut(BaseModel):
    """What the bulletin was worth somewhere."""

    bureau: BureauName
    at: datetime
    version: str
    used_for: str
    usefulness: int
    outcomes: list[Outcome]
    correction_requested: str | None


class AnswersOut(BaseModel):
    """Use records and feedback: of all holders for the author, our own for a holder."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "uses": [
                        {
                            "bureau": _QINGYUAN,
                            "at": "2026-11-25T02:00:00Z",
                            "version": _DIGEST,
                            "used_on": "2026-11-25",
                            "used_for": "清查辖区快递网点12家",
                        }
                    ],
                    "feedback": [
                        {
                            "bureau": _QINGYUAN,
                            "at": "2026-11-26T02:00:00Z",
                            "version": _DIGEST,
                            "used_for": "清查快递网点时查获夹带兰花的包裹",
                            "usefulness": 5,
                            "outcomes": ["case_filed", "seizure"],
                            "correction_requested": None,
                        }
                    ],
                }
            ]
        }
    )

    uses: list[UseOut]
    feedback: list[FeedbackOut]

    @classmethod
    def of(cls, dossier: Dossier, names: Names) -> "AnswersOut":
        """Return the answers, oldest first."""
        holders = dossier.matter.holders.values()
        uses = [_use(move, names) for holder in holders for move in holder.uses]
        feedback = [_feedback(move, names) for holder in holders for move in holder.feedback]
        return cls(uses=sorted(uses, key=lambda each: each.at), feedback=sorted(feedback, key=lambda each: each.at))


class PermissionOut(BaseModel):
    """A request to pass a bulletin on, and what its author decided."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request": _DIGEST,
                    "bureau": _QINGYUAN,
                    "at": "2026-11-24T01:00:00Z",
                    "recipients": ["350724000000"],
                    "reason": "松溪有同类收购窝点线索",
                    "decision": "granted",
                    "decided_at": "2026-11-24T03:00:00Z",
                    "granted_to": ["350724000000"],
                    "until": None,
                    "conditions": "不得再行转发",
                    "refusal": None,
                }
            ]
        }
    )

    request: str = Field(description="Digest of the request; names it in `grant` and `refuse`.")
    bureau: BureauName
    at: datetime
    recipients: list[str]
    reason: str
    decision: Literal["open", "granted", "refused"]
    decided_at: datetime | None
    granted_to: list[str]
    until: datetime | None
    conditions: str | None
    refusal: str | None

    @classmethod
    def of(cls, permission: Permission, names: Names) -> "PermissionOut":
        """Return one request."""
        asked, decision = PermissionRequestedV1.model_validate(permission.request.body), permission.decision
        granted = decision.body if decision and isinstance(decision.body, PermissionGrantedV1) else None
        refused = decision.body if decision and isinstance(decision.body, PermissionRefusedV1) else None
        return cls(
            request=permission.request.digest,
            bureau=BureauName.of(permission.request.iss, names),
            at=permission.request.at,
            recipients=list(asked.recipients),
            reason=asked.reason,
            decision="granted" if granted else "refused" if refused else "open",
            decided_at=decision.at if decision else None,
            granted_to=list(granted.recipients) if granted else [],
            until=granted.until if granted else None,
            conditions=granted.conditions if granted else None,
            refusal=refused.reason if refused else None,
        )


class PermissionsOut(BaseModel):
    """The requests to pass one bulletin on, oldest first."""

    items: list[PermissionOut]


def _recipient(dossier: Dossier, holder: Holder, known: Deliveries, names: Names) -> RecipientOut:
    matter, unit = dossier.matter, holder.unit_code
    first = next((known[digest, unit] for digest in _news(dossier, unit) if (digest, unit) in known), None)
    read = holder.read.body if holder.read else None
    return RecipientOut(
        bureau=BureauName.of(unit, names),
        via=BureauName.of(holder.via, names) if holder.via else None,
        told=_told(first, holder),
        queued_at=first.queued_at if first else None,
        delivered_at=first.at if first else None,
        unconfirmed_since=first.overdue_since if first else None,
        refusal=first.reason if first else None,
        rejection=next(iter(holder.rejected.values()), None),
        read_at=read.opened_at if isinstance(read, BulletinReadV1) else None,
        uses=len(holder.uses),
        feedback=len(holder.feedback),
        changes=[_change(change, holder, known) for change in matter.changes],
        outstanding=len(matter.owes(unit)),
    )


def _news(dossier: Dossier, unit: str) -> list[str]:
    """Return the digests of the statements of ours that may have told `unit` first: the bulletin, or our shares."""
    told = [version.digest for version in dossier.matter.versions if unit in version.aud]
    return told + [share.digest for share in dossier.matter.shares if unit in share.aud and not share.follows_up]


def _told(delivery: Delivery | None, holder: Holder) -> Told:
    if delivery is None:
        return "passed_on" if holder.via else "unknown"
    states: dict[str, Told] = {
        "queued": "queued",
        "delivered": "delivered",
        "refused": "refused",
        "expired": "expired",
    }
    return states[delivery.state.value]


def _change(change: Move, holder: Holder, known: Deliveries) -> ChangeOut:
    delivery, done = known.get((change.digest, holder.unit_code)), holder.complied.get(change.digest)
    return ChangeOut(
        digest=change.digest,
        action="recalled" if change.act == "recalled" else "corrected",
        at=change.at,
        told=_told(delivery, holder),
        delivered_at=delivery.at if delivery else None,
        complied_at=done.at if done else None,
        reported_by=done.reported_by if done else None,
    )


def _left_out(unit: str, names: Names) -> RecipientOut:
    return RecipientOut(
        bureau=BureauName.of(unit, names),
        via=None,
        told="left_out",
        queued_at=None,
        delivered_at=None,
        unconfirmed_since=None,
        refusal=None,
        rejection=None,
        read_at=None,
        uses=0,
        feedback=0,
        changes=[],
        outstanding=0,
    )


def _use(move: Move, names: Names) -> UseOut:
    said = BulletinUsedV1.model_validate(move.body)
    return UseOut(
        bureau=BureauName.of(move.iss, names),
        at=move.at,
        version=said.version,
        used_on=said.used_on,
        used_for=said.used_for,
    )


def _feedback(move: Move, names: Names) -> FeedbackOut:
    said = BulletinFeedbackV1.model_validate(move.body)
    return FeedbackOut(
        bureau=BureauName.of(move.iss, names),
        at=move.at,
        version=said.version,
        used_for=said.used_for,
        usefulness=said.usefulness,
        outcomes=list(said.outcomes),
        correction_requested=said.correction_requested,
    )
