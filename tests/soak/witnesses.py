"""Whether the evidence logs hold: each whole log by itself, and against what the other nodes saw of it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.audit.access import AccessLog
from ecolink.audit.log import TILE_LEVELS
from ecolink.audit.models import LogHead, LogLeaf, LogTile, PeerCheckpoint
from ecolink.protocol import leaves
from ecolink.protocol.leaves import LeafKind
from ecolink.protocol.merkle import Frontier, Perfect
from tests.soak.books import Books
from tests.soak.violations import Violation


class Seen(NamedTuple):
    """A checkpoint of one node's log, as another node holds it."""

    holder: str
    log_epoch: int
    size: int
    root: str
    state: str


def logs_hold(books: Mapping[str, Books]) -> Iterator[Violation]:
    """Grow every log anew from its leaves, and compare it with its head, its tiles and all its checkpoints."""
    seen: dict[str, list[Seen]] = defaultdict(list)
    for code, each in books.items():
        with each.read() as session:
            for row in session.scalars(select(PeerCheckpoint)):
                seen[row.unit_code].append(Seen(code, row.log_epoch, row.size, row.root, row.state))
    for code, each in books.items():
        with each.read() as session:
            yield from _log_holds(each, session, seen[code])
            yield from _leaves_are_whole(each, session)
            fault = AccessLog(lambda *_: None).verify(session).fault
            if fault is not None:
                yield Violation("access-log-broken", code, fault.detail_en)
        if len(books) > 1 and {one.holder for one in seen[code]} != books.keys() - {code}:
            yield Violation("log-not-witnessed", code, "a peer holds no checkpoint of this log")


def _log_holds(books: Books, session: Session, seen: Sequence[Seen]) -> Iterator[Violation]:
    us = books.unit_code
    heads = session.execute(select(LogHead.log_epoch, LogHead.size, LogHead.peaks)).all()
    if [head.log_epoch for head in heads] != [1]:
        yield Violation("log-restored", us, f"logs {[head.log_epoch for head in heads]}: nobody restored this node")
    for epoch, size, peaks in heads:
        wanted = {one.size for one in seen if one.log_epoch == epoch} | {size}
        roots, tiles = _grow(session, epoch, wanted)
        if size not in roots or Frontier.from_hex(size, peaks).root() != roots[size]:
            yield Violation("log-head-broken", us, f"the head of log {epoch} is not made of its {size} leaves")
        kept = select(LogTile.level, LogTile.idx, LogTile.root).where(LogTile.log_epoch == epoch)
        held = {Perfect(row.level * TILE_LEVELS, row.idx): row.root for row in session.execute(kept)}
        for part in held.keys() | tiles.keys():
            if held.get(part) != tiles.get(part):
                yield Violation("log-tile-broken", us, f"tile {part} of log {epoch}")
        for one in seen:
            root = roots.get(one.size) if one.log_epoch == epoch else None
            if one.state == "forked" or root is None or root.hex() != one.root:
                yield Violation("two-pasts", us, f"{one.holder} holds another log {one.log_epoch} of {one.size} leaves")


def _grow(session: Session, epoch: int, sizes: set[int]) -> tuple[dict[int, bytes], dict[Perfect, bytes]]:
    """Return the root at each of `sizes`, and every full tile, from the leaves alone."""
    tree, tiles = Frontier(), dict[Perfect, bytes]()
    roots = {0: tree.root()}
    rows = (
        select(LogLeaf.idx, LogLeaf.kind, LogLeaf.digest)
        .where(LogLeaf.log_epoch == epoch)
        .order_by(LogLeaf.idx)
        .execution_options(yield_per=5_000)
    )
    for row in session.execute(rows):
        if row.idx != tree.size:
            break
        tiles.update(tree.extend([leaves.hash_of(row.kind, row.digest)], watch=TILE_LEVELS))
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    return roots, tiles


def _leaves_are_whole(books: Books, session: Session) -> Iterator[Violation]:
    """Find every statement in the log, once."""
    kinds = {"out": LeafKind.SENT, "in": LeafKind.RECEIVED}
    logged = Counter(
        (kind, digest)
        for kind, digest in session.execute(
            select(LogLeaf.kind, LogLeaf.digest).where(LogLeaf.kind.in_([kind.value for kind in kinds.values()]))
        )
    )
    kept = Counter((kinds[held.direction].value, held.digest) for held in books.statements(session))
    for (kind, digest), count in (kept - logged).items():
        yield Violation("not-in-the-log", books.unit_code, f"{count} × {kind} {digest}")
    for (kind, digest), count in (logged - kept).items():
        yield Violation("only-in-the-log", books.unit_code, f"{count} × {kind} {digest}")
