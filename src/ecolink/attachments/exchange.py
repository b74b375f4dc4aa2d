"""What a peer may do with blobs: read what we told it of, write what it told us of. All else is 'not found'.

The gate has authenticated the caller; here it is decided what the caller may see, from links alone. Nothing
tells a blob that does not exist from one that is not theirs.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from ecolink.attachments import links
from ecolink.attachments.arrivals import Arrivals, Expected
from ecolink.attachments.models import Blob
from ecolink.attachments.ranges import Beyond, Part, sent_part, wanted_part
from ecolink.errors import NotFoundError, UnavailableError
from ecolink.federation.callers import Caller, Callers
from ecolink.federation.gate import Room
from ecolink.federation.operations import MEBIBYTE, READ_BLOB, WRITE_BLOB, Answer, Call
from ecolink.protocol.claims import is_digest
from ecolink.protocol.refusal import Reason, Refused
from ecolink.storage.engine import Database

MAX_PART: Final = MEBIBYTE
"""The longest part one answer holds; whoever wants more asks again from there."""

BYTES: Final = "application/octet-stream"
RESUME: Final = 308
"""Some is held, more is wanted; `Range: bytes=0-N` says how much is held."""


@dataclass(frozen=True, repr=False)
class BlobDesk:
    """Serves the gate's two rooms for blobs."""

    database: Database
    callers: Callers
    arrivals: Arrivals

    def rooms(self) -> dict[str, Room]:
        """Return the rooms by the name of their operation."""
        return {READ_BLOB.name: self.read, WRITE_BLOB.name: self.write}

    def read(self, caller: Caller, call: Call, now: datetime) -> Answer:
        """Return a part of a blob that an unrecalled statement names: ours to the caller, or the caller's own.

        Its own files are given only to whoever brought them here: it may have lost them since. Naming a digest is
        no proof of ever having had the file.

        A part is at most `MAX_PART` long, whatever is asked for; `Content-Range` says which it is.

        Raises:
            NotFoundError: there is no such statement, or no such blob.
            Refused: the whole of a large blob is asked for at once.

        """
        caller.refuse_unless_active()
        digest = _digest_of(call)
        with self.database.begin() as session:
            self.callers.spend(session, caller, now)
            size = _size_for(session, digest, caller.unit_code)
        wanted = wanted_part(call.params.get("range"), size)
        if isinstance(wanted, Beyond):
            return Answer(416, headers={"Content-Range": str(wanted)})
        if wanted is None and size > MAX_PART:
            raise Refused(Reason.TOO_LARGE, f"{size} bytes: ask for parts of {MAX_PART} with Range")
        part = wanted or Part(0, size - 1, size)
        data = self._bytes(digest, part.first, min(part.length, MAX_PART))
        if wanted is None:
            return Answer(200, data, BYTES, {"Accept-Ranges": "bytes"})
        sent = Part(part.first, part.first + len(data) - 1, size)
        return Answer(206, data, BYTES, {"Content-Range": str(sent)})

    def write(self, caller: Caller, call: Call, now: datetime) -> Answer:
        """Take a part of a blob that a stored statement of the caller to us names.

        Without Content-Range the body is the whole; with `bytes */N` and no body the call only asks how much is held.

        Raises:
            NotFoundError: there is no such statement.
            Refused: the part is not what its Content-Range says, or the blob is larger than this node takes.

        """
        caller.refuse_unless_active()
        digest = _digest_of(call)
        with self.database.begin() as session:
            self.callers.spend(session, caller, now)
            blob = self.arrivals.expected(session, digest, caller.unit_code)
        if blob is None:
            raise NotFoundError
        if blob.too_large:
            raise Refused(
                Reason.TOO_LARGE, f"this node takes attachments of {self.arrivals.shelf.store.max_bytes} bytes at most"
            )
        part = _part_of(call, blob)
        if isinstance(part, Part) and not blob.shelved:
            blob = self.arrivals.take(blob, part.first, call.body, now)
        return _progress(blob)

    def _bytes(self, digest: str, first: int, length: int) -> bytes:
        try:
            return self.arrivals.shelf.store.read(digest, first, length)
        except FileNotFoundError as lost:
            raise UnavailableError("The file is not in the store.", "存储中没有该文件。", retry_after=3600) from lost


def _digest_of(call: Call) -> str:
    digest = call.params.get("digest", "")
    if not is_digest(digest):
        raise NotFoundError
    return digest


def _size_for(session: Session, digest: str, peer: str) -> int:
    told = exists().where(links.standing(digest, peer, "out"))
    brought = and_(exists().where(links.standing(digest, peer, "in")), exists().where(links.given_by(digest, peer)))
    may_read = or_(told, brought)
    size = session.scalar(select(Blob.size).where(Blob.digest == digest, Blob.dropped_at.is_(None), may_read))
    if size is None:
        raise NotFoundError
    return size


def _part_of(call: Call, blob: Expected) -> Part | Beyond:
    header = call.params.get("content_range")
    part = Part(0, len(call.body) - 1, len(call.body)) if header is None else sent_part(header)
    if part is None:
        raise Refused(Reason.INVALID_CLAIM, "Content-Range is 'bytes first-last/total' or 'bytes */total'")
    if part.total != blob.size:
        raise Refused(Reason.INVALID_CLAIM, f"the statement names {blob.size} bytes, Content-Range {part.total}")
    if len(call.body) != (part.length if isinstance(part, Part) else 0):
        raise Refused(Reason.INVALID_CLAIM, "the body is not as long as its Content-Range")
    return part


def _progress(blob: Expected) -> Answer:
    if blob.shelved:
        return Answer(204)
    return Answer(RESUME, headers={"Range": f"bytes=0-{blob.held - 1}"} if blob.held else {})
