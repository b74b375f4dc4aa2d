"""Putting a peer's blob together, part by part, until its digest says that it is whole.

Parts come in three ways (we fetch them, the peer delivers them, a bundle carries them) and all go through
`Arrivals.take`. Bytes are written and hashed with no transaction open; how far it came is then moved on in a
short one, by compare-and-set, so that two workers with the same part do what one would.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from ecolink.attachments import links
from ecolink.attachments.models import AttachmentLink, Blob, Transfer
from ecolink.attachments.shelf import Shelf
from ecolink.federation.alarms import raise_alarm
from ecolink.federation.backoff import pause
from ecolink.protocol.statement import AttachmentRef, Lane
from ecolink.storage.engine import Database

MISMATCH = "attachment-mismatch"


@dataclass(frozen=True, slots=True)
class Expected:
    """A blob that a standing statement of `peer` names: how much of it is here, and whether it is on the shelf."""

    digest: str
    peer: str
    size: int
    held: int
    shelved: bool = False
    too_large: bool = False


@dataclass(frozen=True, repr=False)
class Arrivals:
    """Takes in parts."""

    database: Database
    shelf: Shelf
    random: Random

    def expected(self, session: Session, digest: str, peer: str) -> Expected | None:
        """Return how far a blob of `peer` came; None when no standing statement names it."""
        row = session.get(Transfer, (digest, peer, "in"))
        if session.scalar(_standing(digest, peer, is_awaited=row is not None)) is None:
            return None
        shelved = session.scalar(select(Blob.size).where(Blob.digest == digest, Blob.dropped_at.is_(None)))
        if shelved is not None:
            return Expected(digest, peer, shelved, shelved, shelved=True)
        if row is None:
            return None
        # After a restore the folder may know less than the row.
        held = min(row.bytes_done, self.shelf.store.part_size(digest, peer))
        return Expected(digest, peer, row.size, held, too_large=row.state == "refused")

    def take(self, blob: Expected, first: int, data: bytes, now: datetime) -> Expected:
        """Write `data`, which begins at byte `first`, and return how far the blob came.

        What is here already is passed over; what begins beyond it changes nothing. With the last byte the whole
        is checked: it is then on the shelf, or discarded with an alarm.

        Raises:
            UnavailableError: there is no room, or the database is down.

        """
        last = first + len(data)
        if blob.shelved or first > blob.held or last > blob.size:
            return blob
        if last > blob.held or blob.size == 0:
            self._write(blob, data[blob.held - first :])
            blob = replace(blob, held=last)
        return self.settle(blob, now) if blob.held == blob.size else blob

    def settle(self, blob: Expected, now: datetime) -> Expected:
        """Check a blob whose bytes are all here, and put it on the shelf; begin anew if it is not what was named."""
        sealed = self.shelf.store.partial(blob.digest, blob.peer)
        try:
            fits = self.shelf.store.holds_exactly(sealed, blob.digest, blob.size)
        except FileNotFoundError:  # another worker was faster
            return replace(blob, held=0)
        with self.database.begin() as session:
            link = session.scalar(_standing(blob.digest, blob.peer, is_awaited=True))
            if link is None:  # recalled while it was on its way
                self.shelf.store.remove_part(blob.digest, blob.peer)
                return replace(blob, held=0)
            if not fits:
                self._discard(session, blob, now)
                return replace(blob, held=0)
            ref = AttachmentRef(blob.digest, blob.size, link.name, link.media_type)
            self.shelf.put(session, sealed, ref, by=None, now=now)
            links.complete(session, [blob.digest], blob.peer, "in", now)
            return replace(blob, shelved=True)

    def _write(self, blob: Expected, data: bytes) -> None:
        if blob.held == 0:
            with self.database.read() as session:
                self.shelf.refuse_overflow(session, blob.size)
        self.shelf.store.write_part(blob.digest, blob.peer, blob.held, data)
        self._note(blob, blob.held + len(data))

    def _note(self, blob: Expected, held: int) -> None:
        with self.database.begin() as session:
            session.execute(
                update(Transfer)
                .where(
                    Transfer.digest == blob.digest,
                    Transfer.peer == blob.peer,
                    Transfer.direction == "in",
                    Transfer.bytes_done < held,
                )
                .values(bytes_done=held)
            )

    def _discard(self, session: Session, blob: Expected, now: datetime) -> None:
        self.shelf.store.remove_part(blob.digest, blob.peer)
        row = session.get(Transfer, (blob.digest, blob.peer, "in"), with_for_update=True)
        if row is None:
            return
        row.bytes_done = 0
        row.attempts += 1
        row.next_try_at = now + pause(Lane.CASE, row.attempts, self.random)
        row.last_error = "what came is not what the digest names; discarded"
        raise_alarm(session, MISMATCH, f"{blob.peer}/{blob.digest}", now, peer=blob.peer, size=blob.size)


def _standing(digest: str, peer: str, *, is_awaited: bool) -> Select[AttachmentLink]:
    """Select the statement that names a blob: the peer's, or, when we wait for it, one of ours that it gave back."""
    directions = ("in", "out") if is_awaited else ("in",)
    return select(AttachmentLink).where(links.standing(digest, peer, *directions)).order_by(AttachmentLink.n).limit(1)
