"""What the local API takes and gives about attachments, erasures and the access log."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from ecolink.attachments.service import AttachmentView
from ecolink.audit.access import AccessVerdict
from ecolink.audit.access_models import AccessAction, AccessRow
from ecolink.federation.erasure import Compliance
from ecolink.protocol.kinds.common import Digest, Id, Note, UnitCode
from ecolink.protocol.kinds.privacy import ErasureReason
from ecolink.protocol.statement import AttachmentRef

DIGEST: Any = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
THREAD: Any = "019ab000-0000-7000-8000-000000000001"


class AttachmentOut(BaseModel):
    """A file that is here. Name its digest in a lead, a bulletin or a reply."""

    digest: Digest = Field(description="SHA-256 of its bytes.", examples=[DIGEST])
    size: int = Field(description="In bytes.", examples=[48_213])
    name: str = Field(description="As it was called, fit to be shown and saved.", examples=["杉木伐桩.jpg"])
    media_type: str = Field(description="What the uploader says it is; never relied on.", examples=["image/jpeg"])

    @classmethod
    def of(cls, ref: AttachmentRef) -> Self:
        """Return what is told of `ref`."""
        return cls(digest=ref.digest, size=ref.size, name=ref.name, media_type=ref.media_type)


class ThreadAttachmentOut(AttachmentOut):
    """A file that a statement of a thread names, and where it is."""

    statement: Id = Field(description="The statement that names it.", examples=[THREAD])
    author: UnitCode = Field(examples=["350924000000"])
    peer: UnitCode = Field(description="The other bureau it goes to or comes from.", examples=["331126000000"])
    direction: Literal["in", "out"] = Field(examples=["out"])
    held: bool = Field(description="Whether the whole file is here.", examples=[True])
    confirmed_at: datetime | None = Field(
        description="When its recipient said, signed, that it holds all of the statement's files.",
        examples=["2026-11-22T03:05:00Z"],
    )

    @classmethod
    def seen(cls, view: AttachmentView) -> Self:
        """Return what is told of `view`."""
        return cls(
            digest=view.digest,
            size=view.size,
            name=view.name,
            media_type=view.media_type,
            statement=view.statement,
            author=view.author,
            peer=view.peer,
            direction="in" if view.direction == "in" else "out",
            held=view.held,
            confirmed_at=view.confirmed_at,
        )


class ThreadAttachmentsOut(BaseModel):
    """The files of a thread, in the order they came in; those of recalled statements are left out."""

    items: list[ThreadAttachmentOut]


class ErasureIn(BaseModel):
    """An order to erase the personal data of a thread."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "purpose-served", "note": "案件已结，保存目的已实现"}]},
    )

    reason: ErasureReason = Field(
        description="Personal Information Protection Law, art. 47: the purpose is served, the retention is over, "
        "the basis is gone, the person asked for it, the processing was unlawful; or another one, in the note."
    )
    note: Note | None = Field(default=None, description="In words, without personal data: it is never erased.")


class ComplianceOut(BaseModel):
    """How far one bureau is that was ordered to erase."""

    recipient: UnitCode = Field(examples=["331126000000"])
    ordered_at: datetime = Field(examples=["2026-11-22T03:00:00Z"])
    complied_at: datetime | None = Field(
        description="When it said, signed, that it erased; null until then.", examples=["2026-11-22T03:00:04Z"]
    )
    erased: int | None = Field(description="Statements whose personal data it erased.", examples=[2])

    @classmethod
    def of(cls, compliance: Compliance) -> Self:
        """Return what is told of `compliance`."""
        return cls(
            recipient=compliance.recipient,
            ordered_at=compliance.ordered_at,
            complied_at=compliance.complied_at,
            erased=compliance.erased,
        )


class ErasureOut(BaseModel):
    """What was erased of a thread's personal data here, and how far the other bureaus are."""

    thread: Id = Field(examples=[THREAD])
    statements: list[Digest] = Field(
        description="The statements whose private parts are erased here.", examples=[[DIGEST]]
    )
    recipients: list[ComplianceOut] = Field(description="One for each order and bureau, oldest first.")


class AccessEntryOut(BaseModel):
    """One entry of the access log."""

    n: int = Field(description="Its place; counted from 1 without gaps.", examples=[7])
    at: datetime = Field(examples=["2026-11-22T03:00:00Z"])
    actor: str = Field(description="A username, or the unit code of another bureau.", examples=["lin.qing"])
    role: str = Field(examples=["liaison_officer"])
    action: AccessAction = Field(examples=["reveal"])
    object_type: str = Field(examples=["lead"])
    object_id: str = Field(examples=[THREAD])
    case_number: str | None = Field(examples=["寿公(森)立字〔2026〕12号"])
    recipient: str | None = Field(description="The bureau something was told to.", examples=["331126000000"])
    reason: str | None = Field(examples=["核对嫌疑人身份"])
    details: dict[str, str] = Field(examples=[{"member": "identity_number"}])
    prev: Digest = Field(description="The digest of the entry before.", examples=["0" * 64])
    digest: Digest = Field(
        description="SHA-256 over every other member and `prev`; a leaf of the evidence log.", examples=[DIGEST]
    )

    @classmethod
    def of(cls, row: AccessRow) -> Self:
        """Return what is told of `row`."""
        return cls.model_validate(row, from_attributes=True)


class AccessFaultOut(BaseModel):
    """The first entry that does not hold."""

    n: int = Field(examples=[7])
    detail_zh: str = Field(examples=["第 7 条记录被改动过。"])
    detail_en: str = Field(examples=["Entry 7 was changed."])


class AccessVerdictOut(BaseModel):
    """Whether the access log holds: every entry follows from the one before and stands in the evidence log."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"holds": True, "entries": 7, "head": DIGEST, "fault": None}]}
    )

    holds: bool
    entries: int = Field(description="Entries that hold, from the first one on.")
    head: Digest = Field(description="The digest of the last of them; compare it with an earlier print-out.")
    fault: AccessFaultOut | None

    @classmethod
    def of(cls, verdict: AccessVerdict) -> Self:
        """Return what is told of `verdict`."""
        fault = verdict.fault
        return cls(
            holds=fault is None,
            entries=verdict.entries,
            head=verdict.head,
            fault=None
            if fault is None
            else AccessFaultOut(n=fault.n, detail_zh=fault.detail_zh, detail_en=fault.detail_en),
        )


ThreadPath = Annotated[Id, Field(description="The thread's id: that of the lead, bulletin or emergency.")]
