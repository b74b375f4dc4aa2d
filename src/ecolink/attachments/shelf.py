"""The files that are here: putting them on the shelf, reading them, and taking them off again.

A file and its row go together. Whoever places or removes the file holds the row's lock until the commit, so
an upload and a removal of the same content never undo each other; what a crash leaves behind, `sweep` finds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from ecolink.attachments.models import AttachmentLink, Blob, Transfer
from ecolink.attachments.store import BlobStore, no_room
from ecolink.errors import NotFoundError
from ecolink.protocol.statement import AttachmentRef
from ecolink.storage.engine import Database
from ecolink.storage.upsert import insert_new

UNUSED_UPLOADS_KEPT = timedelta(days=90)
"""How long an upload waits for a statement to name it; an older draft has to bring it again."""

UNFINISHED_KEPT = timedelta(days=7)
"""How long a partial file waits for its next part."""

ORPHANS_KEPT = timedelta(days=1)
"""How long a file without a row stays: something stopped between its placing and the commit."""


@dataclass(frozen=True, repr=False)
class Shelf:
    """The node's files; `quota_bytes` bounds them all together."""

    store: BlobStore
    quota_bytes: int

    def put(self, session: Session, sealed: Path, ref: AttachmentRef, *, by: str | None, now: datetime) -> None:
        """Keep a file that was sealed on the disk; `by` is who uploaded it here, None for a peer's."""
        row = session.get(Blob, ref.digest, with_for_update=True)
        if row is None:
            new = {
                "digest": ref.digest,
                "size": ref.size,
                "media_type": ref.media_type,
                "name": ref.name,
                "created_at": now,
            }
            insert_new(session, Blob, [new])
            row = session.get_one(Blob, ref.digest, with_for_update=True)
        row.dropped_at = None
        row.uploaded_by = row.uploaded_by or by
        session.flush()
        # Also when it is here already: it costs a rename, and mends a file that was lost.
        self.store.place(sealed, ref.digest)

    def refuse_overflow(self, session: Session, size: int) -> None:
        """Return if there is room for `size` more bytes; what has begun to arrive counts as if it were here.

        Raises:
            UnavailableError: there is not.

        """
        here = session.scalar(select(func.coalesce(func.sum(Blob.size), 0))) or 0
        arriving = session.scalar(
            select(func.coalesce(func.sum(Transfer.size), 0)).where(
                Transfer.direction == "in", Transfer.state == "waiting", Transfer.bytes_done > 0
            )
        )
        if here + (arriving or 0) + size > self.quota_bytes:
            raise no_room()

    def find(self, session: Session, digest: str) -> AttachmentRef:
        """Return a file that may be read here.

        Raises:
            NotFoundError: it is not here, or nothing gives a right to it any more.

        """
        row = session.scalar(select(Blob).where(Blob.digest == digest, _is_readable()))
        if row is None:
            raise NotFoundError
        return AttachmentRef(row.digest, row.size, row.name, row.media_type)

    def held(self, session: Session, digests: Sequence[str]) -> set[str]:
        """Return those of `digests` that are here and may be read."""
        if not digests:  # as of most statements: they name no file
            return set()
        return set(session.scalars(select(Blob.digest).where(Blob.digest.in_(digests), Blob.dropped_at.is_(None))))

    def release(self, session: Session, digests: Sequence[str], now: datetime) -> None:
        """Drop those of `digests` that nothing gives a right to any more."""
        session.execute(
            update(Blob)
            .where(Blob.digest.in_(digests), Blob.dropped_at.is_(None), ~_is_wanted())
            .values(dropped_at=now)
            .execution_options(synchronize_session=False)
        )

    def forget_upload(self, session: Session, digests: Sequence[str]) -> None:
        """Take away the right that an upload gives; what a statement still names stays."""
        session.execute(
            update(Blob)
            .where(Blob.digest.in_(digests))
            .values(uploaded_by=None)
            .execution_options(synchronize_session=False)
        )

    def sweep(self, database: Database, now: datetime) -> int:
        """Remove the files that were dropped, unused or left behind; return how many. A worker's step."""
        with database.begin() as session:
            unused = and_(~_is_linked(), Blob.created_at < now - UNUSED_UPLOADS_KEPT)
            session.execute(
                update(Blob)
                .where(Blob.dropped_at.is_(None), or_(unused, ~_is_wanted()))
                .values(dropped_at=now)
                .execution_options(synchronize_session=False)
            )
            dropped = session.scalars(select(Blob.digest).where(Blob.dropped_at.is_not(None))).all()

        removed = sum(self._remove(database, digest) for digest in dropped)
        removed += sum(map(self._remove_orphan, self._orphans(database, now - ORPHANS_KEPT)))
        return removed + self.store.remove_unfinished(now - UNFINISHED_KEPT)

    def _remove(self, database: Database, digest: str) -> bool:
        with database.begin() as session:
            row = session.get(Blob, digest, with_for_update=True)
            if row is None or row.dropped_at is None:
                return False  # it was brought in again meanwhile
            self.store.remove(digest)
            session.execute(delete(Blob).where(Blob.digest == digest))
            return True

    def _orphans(self, database: Database, before: datetime) -> Iterator[str]:
        old = (digest for digest, written_at in self.store.names() if written_at < before)
        while some := list(islice(old, 500)):
            with database.read() as session:
                known = set(session.scalars(select(Blob.digest).where(Blob.digest.in_(some))))
            yield from (digest for digest in some if digest not in known)

    def _remove_orphan(self, digest: str) -> bool:
        self.store.remove(digest)
        return True


def _is_linked() -> ColumnElement[bool]:
    return exists().where(AttachmentLink.digest == Blob.digest)


def _is_wanted() -> ColumnElement[bool]:
    """Uploaded here, or named by a statement that still stands."""
    standing = exists().where(AttachmentLink.digest == Blob.digest, AttachmentLink.withdrawn_at.is_(None))
    return or_(Blob.uploaded_by.is_not(None), standing)


def _is_readable() -> ColumnElement[bool]:
    return and_(Blob.dropped_at.is_(None), _is_wanted())
