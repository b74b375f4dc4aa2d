"""What two bureaus say to each other about attachments, beside moving the bytes themselves."""

from typing import Annotated

from pydantic import Field

from ecolink.protocol.kinds.common import Digest, Frozen, Kind
from ecolink.protocol.limits import MAX_ATTACHMENTS
from ecolink.protocol.statement import Lane


class AttachmentsCompleteV1(Frozen):
    """The recipient durably holds every attachment a statement names, and each agrees with its digest.

    A receipt says that the statement is held; it says nothing of its attachments, which come on their own.
    """

    statement: Digest
    """The statement that names them."""
    digests: Annotated[tuple[Digest, ...], Field(min_length=1, max_length=MAX_ATTACHMENTS)]


# The lane here is the usual one: like every reply, it travels in the lane of what it answers.
KINDS: tuple[Kind, ...] = (Kind(type="attachments.complete.v1", body=AttachmentsCompleteV1, lane=Lane.CASE),)
