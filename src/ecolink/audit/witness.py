"""Holding other bureaus to their word: their checkpoints are kept, and must be beginnings of one another.

A log that shows two pasts shows, sooner or later, two checkpoints that no proof can join. They come from the
peer's own receipts and heads, and from third bureaus that pass on what they hold.

The first checkpoint of a log is believed as it is: there is nothing before it to be held against. Every later
one waits as `kept` until a consistency proof, which the federation fetches from the log's owner, joins it to a
verified one. Receipts come by the hundred: of those within ten minutes only the newest stays, and it gives way to
the next; so the newest of all is always held, which is how a restored bureau learns what it forgot.

A bureau that was restored began its log anew, and can prove nothing of the old one beyond its end. What waits there is
left unproven for good: held, asked about once (`checked_at`), and no second past.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from ecolink.audit.models import PeerCheckpoint
from ecolink.protocol import merkle
from ecolink.protocol.attestation import Holding
from ecolink.protocol.checkpoint import Checkpoint, open_checkpoint
from ecolink.protocol.keys import VerifyKey
from ecolink.protocol.refusal import Reason, Refused
from ecolink.storage.base import table_of
from ecolink.storage.queries import Query
from ecolink.storage.upsert import insert_new

EVERY = timedelta(minutes=10)
"""How far apart in time the checkpoints are that stay for good."""

BESIDE = 1_000
"""How many rows lie at most between two checkpoints that were written at the same moment."""

KEPT, VERIFIED, FORKED = "kept", "verified", "forked"
_WAITS = (PeerCheckpoint.state == KEPT, PeerCheckpoint.checked_at.is_(None))

_HELD = table_of(PeerCheckpoint).c
_OF_LOG = select(_HELD.id, _HELD.size, _HELD.root, _HELD.told_by, _HELD.held_at).where(
    _HELD.unit_code == bindparam("unit_code"), _HELD.log_epoch == bindparam("log_epoch"), _HELD.state != FORKED
)
_NEWEST_TWO = Query(_OF_LOG.order_by(_HELD.size.desc()).limit(2))
_OF_SIZE = Query(_OF_LOG.where(_HELD.size == bindparam("size")))
_REPLACE = Query(update(table_of(PeerCheckpoint)).where(_HELD.id == bindparam("replaced")))


class Outcome(StrEnum):
    """What became of a checkpoint that came in."""

    KEPT = "kept"
    """It is held now, and waits to be verified."""
    KNOWN = "known"
    """It was held already."""
    PASSED_OVER = "passed-over"
    """A newer one of the same log came minutes ago: they overtook each other on the way."""
    FORKED = "forked"
    """The log showed another root at the same size: two pasts. Both notes are held as proof."""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What became of a checkpoint, and what it said."""

    outcome: Outcome
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Unproven:
    """Two checkpoints of one log that still have to be joined: `old` must be a beginning of `new`."""

    unit_code: str
    log_epoch: int
    old_size: int
    old_root: bytes
    new_size: int
    new_root: bytes
    waiting: int
    """The row that is verified by it."""
    since: datetime


def keep(session: Session, text: str, *, log_keys: Collection[VerifyKey], told_by: str, now: datetime) -> Witnessed:
    """Keep the checkpoint `text`, received from `told_by` at `now` (UTC).

    Raises:
        Refused: none of `log_keys` that is valid now signed it.

    """
    checkpoint = _open(text, log_keys, now)
    of = {"unit_code": checkpoint.unit_code, "log_epoch": checkpoint.log_epoch}
    newest, before = [*_NEWEST_TWO.all(session, of), None, None][:2]
    same = newest
    if newest is not None and checkpoint.size < newest.size:
        same = _OF_SIZE.first(session, {**of, "size": checkpoint.size})

    if same is not None and same.size == checkpoint.size:
        if same.root == checkpoint.root.hex():
            return Witnessed(Outcome.KNOWN, checkpoint)
        _insert(session, checkpoint, told_by, now, FORKED)
        return Witnessed(Outcome.FORKED, checkpoint)
    if newest is not None and told_by == newest.told_by == checkpoint.unit_code:
        if checkpoint.size < newest.size and now - newest.held_at < EVERY:
            return Witnessed(Outcome.PASSED_OVER, checkpoint)
        if checkpoint.size > newest.size and before is not None and newest.held_at - before.held_at < EVERY:
            _replace(session, newest.id, checkpoint, now)
            return Witnessed(Outcome.KEPT, checkpoint)
    _insert(session, checkpoint, told_by, now, VERIFIED if newest is None else KEPT)
    return Witnessed(Outcome.KEPT, checkpoint)


def unproven_bureaus(session: Session) -> list[str]:
    """Return the bureaus of whose logs something has to be proven."""
    return list(session.scalars(select(PeerCheckpoint.unit_code).where(*_WAITS).distinct()))


def unproven(session: Session, unit_code: str, limit: int = 100) -> list[Unproven]:
    """Return what a bureau has to prove next: each waiting checkpoint against a verified one of its log, oldest first.

    They wait for as long as it takes, one in ten minutes as of a bureau that answers: only the log's owner can tell
    which are beginnings of which, so whichever were dropped could be the one that shows a second past.
    """
    waiting = session.scalars(
        select(PeerCheckpoint)
        .where(PeerCheckpoint.unit_code == unit_code, *_WAITS)
        .order_by(PeerCheckpoint.id)
        .limit(limit)
    )
    found = []
    for row in waiting:
        verified = select(PeerCheckpoint).where(
            PeerCheckpoint.unit_code == row.unit_code,
            PeerCheckpoint.log_epoch == row.log_epoch,
            PeerCheckpoint.state == VERIFIED,
        )
        # A verified later one settles it for all: two beginnings of one log are beginnings of each other.
        later = session.scalar(verified.where(PeerCheckpoint.size > row.size).order_by(PeerCheckpoint.size).limit(1))
        earlier = later or session.scalar(
            verified.where(PeerCheckpoint.size < row.size).order_by(PeerCheckpoint.size.desc()).limit(1)
        )
        if earlier is not None:
            found.append(_pair(row, earlier))
    return found


def overlooked(session: Session) -> list[PeerCheckpoint]:
    """Mark as forked, and return, what says otherwise than a checkpoint of the same size that was kept before it.

    `keep` compares with what is committed: two transactions at once, each with one of the two, do not see each other.
    """
    newest_id = session.scalar(select(func.max(PeerCheckpoint.id))) or 0
    recent = select(PeerCheckpoint).where(PeerCheckpoint.id > newest_id - BESIDE, PeerCheckpoint.state != FORKED)
    first: dict[tuple[str, int, int], PeerCheckpoint] = {}
    found = []
    for row in session.scalars(recent.order_by(PeerCheckpoint.id)):
        if first.setdefault((row.unit_code, row.log_epoch, row.size), row).root != row.root:
            row.state = FORKED
            found.append(row)
    session.flush()
    return found


def accept_consistency(session: Session, pair: Unproven, proof: Sequence[bytes], now: datetime) -> bool:
    """Record whether `proof`, from the log's owner, joins the pair; False means the log shows two pasts.

    A log whose owner has no proof to give has none: hand in an empty one.
    """
    try:
        merkle.verify_consistency(pair.old_size, pair.old_root, pair.new_size, pair.new_root, proof)
        state = VERIFIED
    except Refused:
        state = FORKED
    _settle(session, pair, state, now)
    return state == VERIFIED


def leave_unproven(session: Session, pair: Unproven, now: datetime) -> None:
    """Hold what waits of the pair as it is, and ask no more: its log ended, and its owner has no proof to give."""
    _settle(session, pair, KEPT, now)


def newest_log(session: Session, unit_code: str) -> int:
    """Return the number of the newest log that a bureau has shown; 0 when it has shown none."""
    shown = (PeerCheckpoint.unit_code == unit_code, PeerCheckpoint.state != FORKED)
    return session.scalar(select(func.max(PeerCheckpoint.log_epoch)).where(*shown)) or 0


def _settle(session: Session, pair: Unproven, state: str, now: datetime) -> None:
    row = session.get(PeerCheckpoint, pair.waiting, with_for_update=True)
    if row is not None and (row.size, row.root) in {
        (pair.old_size, pair.old_root.hex()),
        (pair.new_size, pair.new_root.hex()),
    }:  # else it gave way to a newer one while the proof was fetched
        row.state, row.checked_at = state, now
        session.flush()


def holdings(session: Session, moments: Collection[datetime] = ()) -> list[Holding]:
    """Return the newest checkpoint held of every log, and the newest that was held at each of `moments` (UTC).

    The moments are those since when keys of ours are compromised: what we held before them, we can still
    attest to with the key that came after.
    """
    found: dict[int, Holding] = {}
    for log in session.execute(select(PeerCheckpoint.unit_code, PeerCheckpoint.log_epoch).distinct()):
        held = select(PeerCheckpoint).where(
            PeerCheckpoint.unit_code == log.unit_code,
            PeerCheckpoint.log_epoch == log.log_epoch,
            PeerCheckpoint.state != FORKED,
        )
        newest = held.order_by(PeerCheckpoint.size.desc()).limit(1)
        for query in (newest, *(newest.where(PeerCheckpoint.held_at < moment) for moment in moments)):
            row = session.scalar(query)
            if row is not None:
                found[row.id] = Holding(row.text, row.held_at)
    return list(found.values())


def newest(session: Session, unit_code: str) -> str | None:
    """Return the newest checkpoint held of a bureau's log; None when none is."""
    held = select(PeerCheckpoint.text).where(PeerCheckpoint.unit_code == unit_code, PeerCheckpoint.state != FORKED)
    return session.scalar(held.order_by(PeerCheckpoint.log_epoch.desc(), PeerCheckpoint.size.desc()).limit(1))


def _open(text: str, log_keys: Collection[VerifyKey], now: datetime) -> Checkpoint:
    refusal = Refused(Reason.BAD_CHECKPOINT, "no key of this log is known")
    for key in log_keys:
        try:
            key.refuse_unless_valid(now)
            return open_checkpoint(text, log_key=key)
        except Refused as refused:
            refusal = refused
    raise refusal


def _insert(session: Session, checkpoint: Checkpoint, told_by: str, now: datetime, state: str) -> None:
    row = {
        "unit_code": checkpoint.unit_code,
        "log_epoch": checkpoint.log_epoch,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "text": checkpoint.text,
        "told_by": told_by,
        "held_at": now,
        "state": state,
    }
    insert_new(session, PeerCheckpoint, [row])


def _replace(session: Session, row: int, checkpoint: Checkpoint, now: datetime) -> None:
    newer: dict[str, object] = {"size": checkpoint.size, "root": checkpoint.root.hex(), "text": checkpoint.text}
    newer |= {"held_at": now, "state": KEPT, "checked_at": None}
    _REPLACE.run(session, {"replaced": row, **newer})


def _pair(row: PeerCheckpoint, verified: PeerCheckpoint) -> Unproven:
    old, new = sorted((row, verified), key=lambda each: each.size)
    return Unproven(
        unit_code=row.unit_code,
        log_epoch=row.log_epoch,
        old_size=old.size,
        old_root=bytes.fromhex(old.root),
        new_size=new.size,
        new_root=bytes.fromhex(new.root),
        waiting=row.id,
        since=row.held_at,
    )
