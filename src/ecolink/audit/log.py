"""The evidence log: one Merkle tree per node over the digests of all it did (RFC 6962).

Anyone may `append` at any time in a transaction; that only takes a note. The leaves are written by `flush`,
once, last: it locks the log's head, gives the leaves their places and moves the head on. Wiring registers it
with `Database.before_commit`, so nothing remembered is forgotten and the lock is held for moments.

`checkpoint` writes what is remembered so far and signs the head. **A checkpoint must not leave the process
before its transaction is committed**: a head that was signed and shown, then rolled back and grown differently,
is a past that never was. Callers keep to that by handing out only what they read back from a committed row, or
by sending from `storage.after_commit`; the federation's answers leave after `Database.begin()` has ended. A
transaction that takes a checkpoint holds the lock from there on: do it last, and flush the access log before.

Proofs read the leaves beside the proven one, and for the rest of the tree the roots of full tiles of 256.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, event, insert, select, update
from sqlalchemy.orm import Session, SessionTransaction

from ecolink.audit.models import LogHead, LogLeaf, LogTile
from ecolink.audit.savepoints import is_undone
from ecolink.errors import NotFoundError
from ecolink.kit.clock import Clock
from ecolink.protocol import leaves, merkle
from ecolink.protocol.checkpoint import origin_of, seal_checkpoint
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.merkle import Frontier, Perfect, Range
from ecolink.storage.base import table_of
from ecolink.storage.queries import Query
from ecolink.storage.rows import RowInsert
from ecolink.storage.upsert import insert_new

TILE_LEVELS = 8
TILE_WIDTH = 1 << TILE_LEVELS
"""Leaves under a tile of level 1, and tiles of one level under a tile of the next."""

_HEADS = table_of(LogHead)
_LEAVES = table_of(LogLeaf)
_TILES = table_of(LogTile)
_OPEN_HEAD = Query(
    select(_HEADS.c.log_epoch, _HEADS.c.size, _HEADS.c.peaks).where(_HEADS.c.closed_at.is_(None)).with_for_update()
)
_MOVE_HEAD = Query(update(_HEADS).where(_HEADS.c.log_epoch == bindparam("of")))
_LEAVES_OF_TILE = select(_LEAVES.c.idx, _LEAVES.c.kind, _LEAVES.c.digest).where(
    _LEAVES.c.log_epoch == bindparam("of"), _LEAVES.c.idx >= bindparam("first"), _LEAVES.c.idx < bindparam("end")
)
_TILES_OF_TILE = select(_TILES.c.idx, _TILES.c.root).where(
    _TILES.c.log_epoch == bindparam("of"),
    _TILES.c.level == bindparam("level"),
    _TILES.c.idx >= bindparam("first"),
    _TILES.c.idx < bindparam("end"),
)
_NEW_TILES = Query(insert(_TILES))
_NEW_LEAVES = RowInsert.into(LogLeaf, "log_epoch", "idx", "kind", "digest", "ref", "at")
_PENDING = "ecolink.log.pending"
_HEAD = "ecolink.log.head"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leaf stands."""

    log_epoch: int
    index: int
    kind: str
    digest: str
    at: datetime


class _Remembered(NamedTuple):
    kind: str
    digest: str
    ref: str
    within: SessionTransaction | None
    """The savepoint it was remembered in: rolled back, it takes the leaf with it."""


@dataclass
class Head:
    """How far one log reaches."""

    unit_code: str
    log_epoch: int
    tree: Frontier

    @property
    def origin(self) -> str:
        """The log's name."""
        return origin_of(self.unit_code, self.log_epoch)


@dataclass(frozen=True, slots=True, repr=False)
class EvidenceLog:
    """The log of bureau `unit_code`, signed with its log key."""

    unit_code: str
    key: SigningKey
    clock: Clock

    def append(self, session: Session, kind: str, digest: str, ref: str) -> None:
        """Remember a leaf.

        Args:
            session: the transaction it becomes part of.
            kind: a word of at most 32 characters, see `LeafKind`.
            digest: 64 lower-case hex digits.
            ref: what finds the leaf again, at most 100 characters; it is not hashed.

        """
        self.append_all(session, [(kind, digest, ref)])

    def append_all(self, session: Session, leaves: Iterable[tuple[str, str, str]]) -> None:
        """Remember leaves in their order, each as `append` takes it."""
        within = session.get_nested_transaction()
        pending = session.info.setdefault(_PENDING, [])
        pending.extend([_Remembered(kind, digest, ref, within) for kind, digest, ref in leaves])

    def flush(self, session: Session, now: datetime | None = None) -> None:
        """Write the remembered leaves, if any; the head stays locked until the transaction ends."""
        remembered = session.info.get(_PENDING)
        if not remembered:
            return
        if session.in_nested_transaction():
            msg = "the evidence log is written outside savepoints: a rolled-back one would lose others' leaves"
            raise RuntimeError(msg)
        session.info[_PENDING] = []
        head = self._lock(session)
        _grow(session, head, remembered, now or self.clock.now())

    def checkpoint(self, session: Session) -> str:
        """Write the remembered leaves and return the signed note over the head; see above when it may be shown."""
        self.flush(session)
        head = self._lock(session)
        return seal_checkpoint(head.origin, head.tree.size, head.tree.root(), self.key)

    def standing_checkpoint(self, session: Session) -> str:
        """Return the signed note over the head as it is committed, without what this transaction remembers.

        It locks nothing and may be shown at any time: what it speaks of can no longer be rolled back.
        """
        if session.info.get(_HEAD) is not None:
            raise RuntimeError("this transaction has moved the head, and may yet be rolled back")
        head = self.head(session)
        return seal_checkpoint(head.origin, head.tree.size, head.tree.root(), self.key)

    def head(self, session: Session, log_epoch: int | None = None) -> Head:
        """Return how far a log reaches in the database: the open one, or an older one by its number.

        Raises:
            NotFoundError: there is no such log.

        """
        query = select(_HEADS.c.log_epoch, _HEADS.c.size, _HEADS.c.peaks).order_by(_HEADS.c.log_epoch.desc()).limit(1)
        row = session.execute(query if log_epoch is None else query.where(_HEADS.c.log_epoch == log_epoch)).first()
        if row is None and log_epoch in {None, 1}:
            return Head(self.unit_code, 1, Frontier())
        if row is None:
            raise NotFoundError
        return Head(self.unit_code, row.log_epoch, Frontier.from_hex(row.size, row.peaks))

    def epochs(self, session: Session) -> list[int]:
        """Return the numbers of our logs, oldest first; a restore may have left some out."""
        return list(session.scalars(select(_HEADS.c.log_epoch).order_by(_HEADS.c.log_epoch)))

    def declaration(self, session: Session, log_epoch: int) -> str | None:
        """Return the text of the restore declaration that opened this log, or None for the first."""
        return session.execute(select(_HEADS.c.declaration).where(_HEADS.c.log_epoch == log_epoch)).scalar()

    def find(self, session: Session, digest: str, ref: str) -> list[Place]:
        """Return where a digest stands in our logs, oldest first; `ref` as it was appended."""
        columns = (_LEAVES.c.log_epoch, _LEAVES.c.idx, _LEAVES.c.kind, _LEAVES.c.digest, _LEAVES.c.at)
        query = select(*columns).where(_LEAVES.c.ref == ref, _LEAVES.c.digest == digest)
        return [Place(*row) for row in session.execute(query.order_by(_LEAVES.c.log_epoch, _LEAVES.c.idx))]

    def inclusion(self, session: Session, index: int, size: int, log_epoch: int | None = None) -> list[bytes]:
        """Return the proof that leaf `index` is among the first `size`.

        Raises:
            NotFoundError: the log has no such leaf, or never had that size.

        """
        return self._prove(session, merkle.inclusion_ranges, index, size, log_epoch)

    def consistency(self, session: Session, old: int, new: int, log_epoch: int | None = None) -> list[bytes]:
        """Return the proof that the log of `old` leaves is the beginning of the log of `new`.

        Raises:
            NotFoundError: the log never had these sizes in this order.

        """
        return self._prove(session, merkle.consistency_ranges, old, new, log_epoch)

    def root(self, session: Session, size: int, log_epoch: int | None = None) -> bytes:
        """Return the root over the first `size` leaves.

        Raises:
            NotFoundError: the log never had that size.

        """
        if size == 0:
            return merkle.EMPTY_ROOT
        return self._prove(session, lambda start, end: [Range(start, end)], 0, size, log_epoch)[0]

    def _prove(self, session: Session, ranges: Any, first: int, size: int, log_epoch: int | None) -> list[bytes]:  # noqa: ANN401
        head = self.head(session, log_epoch)
        if size > head.tree.size:
            raise NotFoundError
        try:
            wanted: list[Range] = ranges(first, size)
        except ValueError:
            raise NotFoundError from None
        parts = [part for each in wanted for part in merkle.perfect_parts(each)]
        return merkle.prove(wanted, _read_subtrees(session, head.log_epoch, parts).__getitem__)

    def _lock(self, session: Session) -> Head:
        """Return the open head with its row locked; the lock is taken once in a transaction."""
        head: Head | None = session.info.get(_HEAD)
        if head is None:
            log_epoch, size, peaks = lock_open_head(session)
            head = session.info[_HEAD] = Head(self.unit_code, log_epoch, Frontier.from_hex(size, peaks))
        return head


def lock_open_head(session: Session) -> tuple[int, int, list[str]]:
    """Lock the open log's row, make the first log if there is none, and return its number, size and peaks."""
    row = _OPEN_HEAD.first(session)
    if row is None:
        # No log yet; or another process closed it while we waited and opened the next, which a second look sees.
        insert_new(session, LogHead, [{"log_epoch": 1, "size": 0, "peaks": []}])
        row = _OPEN_HEAD.one(session)
    return row.log_epoch, row.size, row.peaks


def forget_head(session: Session) -> None:
    """Have the head read again: the open log is no longer the one that was locked."""
    session.info.pop(_HEAD, None)


def _grow(session: Session, head: Head, remembered: Sequence[_Remembered], at: datetime) -> None:
    log_epoch, start = head.log_epoch, head.tree.size
    filled = head.tree.extend((leaves.hash_of(leaf.kind, leaf.digest) for leaf in remembered), watch=TILE_LEVELS)
    tiles = [
        {"log_epoch": log_epoch, "level": part.level // TILE_LEVELS, "idx": part.number, "root": root}
        for part, root in filled
    ]
    _NEW_LEAVES.run(
        session, [(log_epoch, idx, leaf.kind, leaf.digest, leaf.ref, at) for idx, leaf in enumerate(remembered, start)]
    )
    if tiles:
        _NEW_TILES.run_each(session, tiles)
    _MOVE_HEAD.run(session, {"of": log_epoch, "size": head.tree.size, "peaks": head.tree.to_hex()})


def _read_subtrees(session: Session, log_epoch: int, parts: Iterable[Perfect]) -> dict[Perfect, bytes]:
    """Return the roots of full subtrees, reading each tile they lie in once."""
    tiles: dict[tuple[int, int], dict[int, bytes]] = {}
    roots = {}
    for part in parts:
        level, spread = divmod(part.level, TILE_LEVELS)
        start, end = part.number << spread, (part.number + 1) << spread
        place = (level, start // TILE_WIDTH)
        if place not in tiles:
            tiles[place] = _read_tile(session, log_epoch, *place)
        roots[part] = merkle.root_of(tiles[place][index] for index in range(start, end))
    return roots


def _read_tile(session: Session, log_epoch: int, level: int, number: int) -> dict[int, bytes]:
    """Return what stands in one tile: up to 256 leaves' hashes, or the roots of tiles of the level below."""
    first = number * TILE_WIDTH
    where = {"of": log_epoch, "level": level, "first": first, "end": first + TILE_WIDTH}
    if level == 0:
        return {row.idx: leaves.hash_of(row.kind, row.digest) for row in session.execute(_LEAVES_OF_TILE, where)}
    return {row.idx: row.root for row in session.execute(_TILES_OF_TILE, where)}


@event.listens_for(Session, "after_soft_rollback")
def _forget_what_was_rolled_back(session: Session, rolled_back: SessionTransaction) -> None:
    """A leaf remembered inside a savepoint shares its fate."""
    remembered: list[_Remembered] | None = session.info.get(_PENDING)
    if remembered:
        session.info[_PENDING] = [leaf for leaf in remembered if not is_undone(leaf.within, rolled_back)]
    session.info.pop(_HEAD, None)
