"""Which statement names which file, between which bureaus: the rights that follow, and when they end."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, select, update
from sqlalchemy.orm import Session

from ecolink.attachments.models import AttachmentLink, RecalledStatement, Transfer
from ecolink.attachments.names import clean_media_type, shown_name
from ecolink.federation.statements import Stored
from ecolink.protocol.statement import AttachmentRef
from ecolink.storage.bells import Bell, ring
from ecolink.storage.upsert import insert_new

OFFER_AFTER = timedelta(minutes=2)
"""How long a peer has to fetch a file itself before we bring it."""


def add(session: Session, stored: Stored, refs: Iterable[AttachmentRef], peer: str, now: datetime) -> bool:
    """Remember that a statement names `refs` between us and `peer`; tell whether it stands, not being recalled."""
    statement = stored.statement
    recalled = session.get(RecalledStatement, (statement.iss, statement.jti)) is not None
    rows = [
        {
            "iss": statement.iss,
            "jti": statement.jti,
            "statement": statement.digest,
            "thread": statement.thread,
            "digest": ref.digest,
            "size": ref.size,
            "name": shown_name(ref.name),
            "media_type": clean_media_type(ref.media_type),
            "peer": peer,
            "direction": stored.direction,
            "linked_at": now,
            "withdrawn_at": now if recalled else None,
        }
        for ref in refs
    ]
    insert_new(session, AttachmentLink, rows)
    ring(session, Bell.FETCH)
    return not recalled


def expect(
    session: Session, refs: Sequence[AttachmentRef], peer: str, direction: str, *, max_bytes: int, now: datetime
) -> None:
    """Have files fetched from `peer` or offered to it; one that was given up before is begun anew."""
    digests = [ref.digest for ref in refs]
    session.execute(
        delete(Transfer).where(
            Transfer.digest.in_(digests),
            Transfer.peer == peer,
            Transfer.direction == direction,
            Transfer.state != "waiting",
        )
    )
    rows = [
        {
            "digest": ref.digest,
            "peer": peer,
            "direction": direction,
            "size": ref.size,
            "bytes_done": 0,
            "state": "refused" if ref.size > max_bytes else "waiting",
            "attempts": 0,
            "next_try_at": now + OFFER_AFTER if direction == "out" else now,
            "last_error": f"larger than {max_bytes} bytes" if ref.size > max_bytes else None,
        }
        for ref in refs
    ]
    insert_new(session, Transfer, rows)


def standing(digest: str, peer: str, *directions: str) -> ColumnElement[bool]:
    """Select the links of statements that still stand: ours to `peer` (`out`) or theirs to us (`in`)."""
    return and_(
        AttachmentLink.digest == digest,
        AttachmentLink.peer == peer,
        AttachmentLink.direction.in_(directions),
        AttachmentLink.withdrawn_at.is_(None),
    )


def given_by(digest: str, peer: str) -> ColumnElement[bool]:
    """Select the transfers by which every byte of a blob came from `peer`."""
    return and_(
        Transfer.digest == digest,
        Transfer.peer == peer,
        Transfer.direction == "in",
        Transfer.state == "complete",
        Transfer.bytes_done == Transfer.size,
    )


def complete(session: Session, digests: Iterable[str], peer: str, direction: str, at: datetime) -> None:
    """Note that the files are whole at their receiver since `at`."""
    session.execute(
        update(Transfer)
        .where(Transfer.digest.in_(list(digests)), Transfer.peer == peer, Transfer.direction == direction)
        .values(state="complete", bytes_done=Transfer.size, completed_at=at, last_error=None)
        .execution_options(synchronize_session=False)
    )
    ring(session, Bell.FETCH)  # what is whole may be confirmed


def withdraw(session: Session, which: ColumnElement[bool], now: datetime) -> set[tuple[str, str]]:
    """End the rights of the links that `which` selects, and the transfers that no other link asks for.

    Returns the (digest, peer) pairs concerned.
    """
    concerned = session.execute(select(AttachmentLink.digest, AttachmentLink.peer).where(which)).all()
    pairs = {(digest, peer) for digest, peer in concerned}
    session.execute(
        update(AttachmentLink)
        .where(which, AttachmentLink.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
        .execution_options(synchronize_session=False)
    )
    asked_for = exists().where(
        AttachmentLink.digest == Transfer.digest,
        AttachmentLink.peer == Transfer.peer,
        AttachmentLink.direction == Transfer.direction,
        AttachmentLink.withdrawn_at.is_(None),
    )
    for digest, peer in pairs:
        session.execute(
            delete(Transfer)
            .where(and_(Transfer.digest == digest, Transfer.peer == peer, ~asked_for))
            .execution_options(synchronize_session=False)
        )
    return pairs


def recall(session: Session, iss: str, jti: str, now: datetime) -> set[tuple[str, str]]:
    """End the rights of a statement that was taken back or replaced, also when it comes only later; see `withdraw`."""
    insert_new(session, RecalledStatement, [{"iss": iss, "jti": jti}])
    return withdraw(session, and_(AttachmentLink.iss == iss, AttachmentLink.jti == jti), now)
