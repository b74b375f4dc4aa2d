"""The files of a bulletin: those that were told with the version that stands, and those of a draft."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ecolink.attachments.service import Attachments
from ecolink.exchanges.bulletins.models import BulletinDraft
from ecolink.exchanges.bulletins.record import Dossier
from ecolink.exchanges.enclosures import AttachmentIn, EnclosureOut, distinct, still_here
from ecolink.protocol.statement import AttachmentRef, Statement


@dataclass(frozen=True, slots=True)
class Files:
    """What goes with a bulletin."""

    told: Sequence[EnclosureOut] = ()
    draft: Sequence[EnclosureOut] = ()

    @classmethod
    def of(cls, session: Session, attachments: Attachments, dossier: Dossier) -> "Files":
        """Return the files of a bulletin; those of a version that was replaced or taken back are gone already."""
        told = {version.jti for version in dossier.matter.versions} | {share.jti for share in dossier.matter.shares}
        views = [view for view in attachments.of_thread(session, dossier.row.thread) if view.statement in told]
        draft = dossier.draft
        return cls(distinct(views), still_here(session, attachments, named_in(draft)) if draft else ())


def named_in(draft: BulletinDraft) -> Sequence[AttachmentIn]:
    """Return the files that go with a draft once it is told."""
    return [AttachmentIn.model_validate(each) for each in draft.attachments]


def passed_on(session: Session, attachments: Attachments, original: Statement) -> Sequence[AttachmentRef]:
    """Return those of a statement's files that are here, and so can go on to others."""
    held = attachments.shelf.held(session, [ref.digest for ref in original.attachments])
    return [ref for ref in original.attachments if ref.digest in held]
