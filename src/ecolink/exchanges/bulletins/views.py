"""What the API shows of a bulletin. Recalled content is hidden here, and persons are masked, once, for every reader."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ecolink.exchanges.bulletins.files import Files
from ecolink.exchanges.bulletins.models import FOR_EVER, Bulletin
from ecolink.exchanges.bulletins.record import Dossier
from ecolink.exchanges.bulletins.rules.matter import Move
from ecolink.exchanges.bulletins.rules.tables import NAMES, State
from ecolink.exchanges.bulletins.schemas import TEXT
from ecolink.exchanges.bulletins.service import private_of
from ecolink.exchanges.enclosures import EnclosureOut
from ecolink.exchanges.governance import GovernanceIn, GovernanceOut, handling_out
from ecolink.exchanges.personal_data import mask_number, masked
from ecolink.federation.peers import Peer
from ecolink.protocol.kinds.bulletins import (
    BulletinContent,
    BulletinKind,
    BulletinPrivate,
    BulletinRecalledV1,
    RecallReason,
)
from ecolink.protocol.statement import Statement

Names = Mapping[str, Peer]
"""Peers by unit code."""

_ID = "019ab5d2-7c00-7000-8000-0123456789ab"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
AUTHOR: dict[str, JsonValue] = {
    "unit_code": "350924000000",
    "name_zh": "寿宁县公安局",
    "name_en": "Shouning County Public Security Bureau",
}
_SUMMARY: dict[str, JsonValue] = {
    "id": _ID,
    "thread": _ID,
    "version": 2,
    "direction": "in",
    "author": AUTHOR,
    "state": "published",
    "state_zh": "已发布",
    "is_expired": False,
    "is_exercise": False,
    "kind": "modus_operandi",
    "title": "野生兰花混作茶苗邮寄出省",
    "number": "寿公情通〔2026〕7号",
    "grading": "B2",
    "told_at": "2026-11-23T01:00:00Z",
    "valid_until": "2027-02-28T15:59:59Z",
    "updated_at": "2026-11-23T01:00:03Z",
    "opened_at": "2026-11-23T02:10:00Z",
    "holders": 5,
    "readers": 1,
    "outstanding": 0,
}


class BureauName(BaseModel):
    """A bureau by name."""

    unit_code: str
    name_zh: str | None = Field(default=None, description="As its card gives it; null for ourselves.")
    name_en: str | None = None

    @classmethod
    def of(cls, unit_code: str, names: Names) -> "BureauName":
        """Return what is known of a bureau."""
        peer = names.get(unit_code)
        return cls(unit_code=unit_code, name_zh=peer.name_zh if peer else None, name_en=peer.name_en if peer else None)


class BulletinSummary(BaseModel):
    """A bulletin in a list."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SUMMARY]})

    id: str
    thread: str
    version: int = Field(description="Also in the `ETag`; counts changes made here, not answers of others.")
    direction: Literal["in", "out"] = Field(description="`out`: we wrote it; `in`: we were told.")
    author: BureauName
    state: State
    state_zh: str
    is_expired: bool = Field(description="Its `valid_until` is over. That is no state: it still stands.")
    is_exercise: bool
    kind: BulletinKind | None
    title: str | None = Field(description="Null for a bulletin of others that was recalled.")
    number: str | None
    grading: str | None = Field(description="4x4: source and information, such as B2.")
    told_at: datetime = Field(description="When its author signed it; of a draft, when it was begun.")
    valid_until: datetime | None
    updated_at: datetime
    opened_at: datetime | None = Field(description="When a person here first opened a bulletin of others.")
    holders: int = Field(description="Bureaus that hold it, as far as is known here.")
    readers: int = Field(description="Of these, how many opened it. Only the author learns that.")
    outstanding: int = Field(description="Of these, how many must still say they applied a correction or recall.")

    @classmethod
    def of(cls, row: Bulletin, names: Names, now: datetime) -> "BulletinSummary":
        """Return a row as lists show it."""
        return cls(**summary(row, names, now))


def summary(row: Bulletin, names: Names, now: datetime) -> dict[str, Any]:
    """Return the members of a `BulletinSummary`."""
    return {
        "id": row.id,
        "thread": row.thread,
        "version": row.version,
        "direction": row.direction,
        "author": BureauName.of(row.author, names),
        "state": row.state,
        "state_zh": NAMES[State(row.state)],
        "is_expired": row.valid_until < now,
        "is_exercise": row.is_exercise,
        "kind": row.kind,
        "title": row.title,
        "number": row.number,
        "grading": row.grading,
        "told_at": row.told_at,
        "valid_until": None if row.valid_until == FOR_EVER else row.valid_until,
        "updated_at": row.updated_at,
        "opened_at": row.opened_at,
        "holders": row.holders,
        "readers": row.readers,
        "outstanding": row.outstanding,
    }


class MaskedPerson(BaseModel):
    """A person as shown without a reason: enough to tell two of them apart."""

    ref: str
    category: str
    basis: str
    name: str | None = None
    sex: str | None = None
    birth_date: str | None = None
    identity_number: str | None = None
    phone: str | None = None
    address: str | None = None
    note: str | None = None


class MaskedItem(BaseModel):
    """An item as shown without a reason."""

    ref: str
    kind: str
    identifier: str | None = None
    note: str | None = None


class RecallOut(BaseModel):
    """How and when it was taken back."""

    at: datetime
    reason_code: RecallReason
    reason: str


class BulletinDraftOut(BaseModel):
    """What shall be told next; seen by our own people only."""

    state: Literal["draft", "awaiting_approval"]
    reason: str | None = Field(description="Why a told bulletin is corrected; null for a first draft.")
    sent_back: str | None = Field(description="What whoever should approve wants changed.")
    drafted_by: str
    drafted_at: datetime
    content: BulletinContent
    persons: list[MaskedPerson]
    items: list[MaskedItem]
    alliance_id: str | None
    attachments: list[EnclosureOut] = Field(description="Files that go with it.")
    recipients: list[str] = Field(description="Empty: every other member of the alliance, or all who were told before.")
    governance: GovernanceIn | None = Field(description="Null for a correction, which keeps the terms in force.")


class BulletinOut(BulletinSummary):
    """A bulletin with all that may be shown."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_SUMMARY,
                    "moves": ["read", "used", "feedback"],
                    "content": TEXT,
                    "persons": [],
                    "items": [],
                    "attachments": [],
                    "current": DIGEST,
                    "received_at": "2026-11-23T01:00:02Z",
                    "governance": {
                        "purpose": "提示邻县查控野生兰花寄递",
                        "legal_basis": "警务协作协议书·情报共享机制",
                        "classification": "internal",
                        "handling": {"code": "H0", "onward": "group"},
                        "is_exercise": False,
                    },
                    "retain_until": "2029-11-22T01:00:00Z",
                    "recall": None,
                    "left_out": [],
                    "draft": None,
                }
            ]
        }
    )

    moves: list[str] = Field(description="What can be done here now.")
    content: BulletinContent | None = Field(
        description="What it says; null before it is told, and hidden once it is recalled."
    )
    persons: list[MaskedPerson] = Field(description="Masked; `reveal` shows them in full, for a reason.")
    items: list[MaskedItem]
    attachments: list[EnclosureOut] = Field(description="Files told with the version that stands.")
    current: str | None = Field(description="Digest of the statement that says it.")
    received_at: datetime | None = Field(description="When this node first held it.")
    governance: GovernanceOut | None
    retain_until: datetime | None
    recall: RecallOut | None
    left_out: list[BureauName] = Field(description="Meant but not told: suspended at the time.")
    draft: BulletinDraftOut | None

    @classmethod
    def of_dossier(cls, dossier: Dossier, files: Files, names: Names, now: datetime) -> "BulletinOut":
        """Return one bulletin as our people see it."""
        current, is_hidden = dossier.matter.current, dossier.state is State.RECALLED
        said = dossier.thread.statement(current.digest) if current else None
        private = BulletinPrivate() if is_hidden or current is None else private_of(dossier)
        return cls(
            **summary(dossier.row, names, now),
            moves=list(dossier.moves),
            content=None if is_hidden or current is None else current.content,
            persons=_persons(private),
            items=_items(private),
            attachments=list(files.told),
            current=current.digest if current else None,
            received_at=dossier.thread.received_at(current.digest) if current else None,
            governance=_governance(said) if said else None,
            retain_until=said.retain_until if said else None,
            recall=_recall(dossier.matter.recall),
            left_out=[BureauName.of(unit, names) for unit in dossier.row.left_out],
            draft=_draft(dossier, files),
        )


class RevealedOut(BaseModel):
    """The persons and items in full. That they were shown, to whom and why, stands in the access log."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "persons": [
                        {"ref": "P1", "category": "suspect", "basis": "assessment", "name": "林大山", "sex": "male"}
                    ],
                    "items": [{"ref": "I1", "kind": "货车", "identifier": "闽J00000"}],
                }
            ]
        }
    )

    persons: list[dict[str, JsonValue]]
    items: list[dict[str, JsonValue]]

    @classmethod
    def of(cls, private: BulletinPrivate) -> "RevealedOut":
        """Return them."""
        wire = private.to_wire()
        return cls(persons=wire["persons"], items=wire["items"])


def _persons(private: BulletinPrivate) -> list[MaskedPerson]:
    return [MaskedPerson(**masked(person.to_wire())) for person in private.persons]


def _items(private: BulletinPrivate) -> list[MaskedItem]:
    return [
        MaskedItem(
            ref=item.ref,
            kind=item.kind,
            identifier=item.identifier and mask_number(item.identifier),
            note=item.note and "***",
        )
        for item in private.items
    ]


def _governance(said: Statement) -> GovernanceOut:
    return GovernanceOut(
        purpose=said.purpose,
        legal_basis=said.legal_basis,
        classification=said.classification,
        handling=handling_out(said.handling),
        is_exercise=said.is_exercise,
    )


def _recall(recall: Move | None) -> RecallOut | None:
    if recall is None or not isinstance(recall.body, BulletinRecalledV1):
        return None
    return RecallOut(at=recall.at, reason_code=recall.body.reason_code, reason=recall.body.reason)


def _draft(dossier: Dossier, files: Files) -> BulletinDraftOut | None:
    draft = dossier.draft
    if draft is None:
        return None
    private = BulletinPrivate.model_validate(draft.private)
    return BulletinDraftOut(
        state="draft" if draft.state == State.DRAFT else "awaiting_approval",
        reason=draft.reason,
        sent_back=draft.sent_back,
        drafted_by=draft.drafted_by_name,
        drafted_at=draft.drafted_at,
        content=BulletinContent.model_validate(draft.content),
        persons=_persons(private),
        items=_items(private),
        attachments=list(files.draft),
        alliance_id=draft.alliance_id,
        recipients=draft.recipients,
        governance=GovernanceIn.model_validate(draft.governance) if draft.governance else None,
    )
