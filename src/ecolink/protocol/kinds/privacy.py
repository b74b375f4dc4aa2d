"""Erasing personal data on both sides, and answering for it.

Personal Information Protection Law, art. 47: erasure when the purpose is served or the basis gone. That erasures are
passed on is this protocol's own rule. The statements themselves stay; only their private parts go.
"""

from typing import Annotated, Literal

from pydantic import Field

from ecolink.protocol.kinds.common import Digest, Frozen, Kind, Moment, Note
from ecolink.protocol.statement import Lane

MAX_PARTS = 500
"""Statements one erasure names."""

ErasureReason = Literal["purpose-served", "retention-over", "basis-gone", "person-asked", "unlawful", "other"]
"""目的已实现 / 保存期满 / 依据消失 / 本人要求 / 处理不合法 / 其他: art. 47's cases, in its order where it has one."""


class PersonalDataErasedV1(Frozen):
    """The sender erased the personal data of this thread, and the recipient must do the same."""

    reason: ErasureReason
    note: Note | None = None
    """In words, without personal data: this note is never erased."""
    erased_at: Moment
    statements: Annotated[tuple[Digest, ...], Field(max_length=MAX_PARTS)]
    """The statements whose private parts the sender erased; the recipient erases all it holds of the thread."""


class PersonalDataCompliedV1(Frozen):
    """The recipient erased what it held of the thread's personal data."""

    erasure: Digest
    """The statement that asked for it."""
    erased_at: Moment
    statements: Annotated[tuple[Digest, ...], Field(max_length=MAX_PARTS)]
    """The statements whose private parts were erased here, now or before."""


KINDS: tuple[Kind, ...] = (
    Kind(type="privacy.erased.v1", body=PersonalDataErasedV1, lane=Lane.CONTROL, many=True, approval=True),
    Kind(type="privacy.complied.v1", body=PersonalDataCompliedV1, lane=Lane.CONTROL),
)
