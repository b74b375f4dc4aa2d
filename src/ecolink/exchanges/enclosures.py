"""The files that go with what is told: named by their digest once they are uploaded, and shown."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from ecolink.attachments.service import Attachments, AttachmentView
from ecolink.protocol.kinds.common import Digest, Line
from ecolink.protocol.statement import AttachmentRef

MAX_ATTACHMENTS = 20


class AttachmentIn(BaseModel):
    """A file that was uploaded before."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"digest": "0" * 64, "name": "火场照片.jpg"}]}
    )

    digest: Digest
    name: Line | None = Field(default=None, description="Left out: the name it was uploaded under.")


AttachmentsIn = Annotated[tuple[AttachmentIn, ...], Field(max_length=MAX_ATTACHMENTS)]


class EnclosureOut(BaseModel):
    """A file that came with it."""

    digest: str
    name: str
    size: int
    media_type: str
    held: bool = Field(description="Whether it can be downloaded here.")

    @classmethod
    def of(cls, file: AttachmentRef | AttachmentView, *, held: bool) -> "EnclosureOut":
        """Return a file as it is shown."""
        return cls(digest=file.digest, name=file.name, size=file.size, media_type=file.media_type, held=held)


def refer(session: Session, attachments: Attachments, named: Iterable[AttachmentIn]) -> list[AttachmentRef]:
    """Return what a statement says of files that were uploaded here.

    Raises:
        InvalidError: one is not here.

    """
    return [attachments.refer(session, each.digest, each.name) for each in named]


def still_here(session: Session, attachments: Attachments, named: Sequence[AttachmentIn]) -> list[EnclosureOut]:
    """Return the files that will go with a draft; one that nothing named for too long is gone from the shelf."""
    held = attachments.shelf.held(session, [each.digest for each in named])
    refs = refer(session, attachments, (each for each in named if each.digest in held))
    return [EnclosureOut.of(ref, held=True) for ref in refs]


def distinct(views: Iterable[AttachmentView]) -> list[EnclosureOut]:
    """Return the files that statements name, each once, by the last name it was given."""
    shown = {view.digest: view for view in views}
    return [EnclosureOut.of(view, held=view.held) for view in shown.values()]
