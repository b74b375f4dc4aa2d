"""Merkle trees as certificate transparency has them (RFC 6962 section 2.1, RFC 9162 section 2.1).

A log is summed up by one hash, its root. An *inclusion proof* shows that a leaf is under a root; a
*consistency proof* shows that an older root is a beginning of a newer one: nothing was taken out or
changed in between. Both are lists of roots of ranges of leaves, and every range is made of *perfect*
subtrees, whose roots never change once their leaves are there. So whoever keeps such roots can prove
anything: the functions below take a `Subtree` that looks one up.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple, Self

from ecolink.protocol.refusal import Reason, Refused

EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves."""

MAX_PROOF = 64
"""Hashes in an inclusion proof of a log with 2^64 leaves; none is longer (a consistency proof has one more)."""


class Perfect(NamedTuple):
    """The group of 2^`level` leaves that begins with leaf `number << level`."""

    level: int
    number: int


class Range(NamedTuple):
    """The leaves from `start` up to, not including, `end`."""

    start: int
    end: int


Subtree = Callable[[Perfect], bytes]
"""Gives the root of a perfect subtree that is full."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one leaf; the 0x00 keeps a leaf from ever passing for an inner node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """All a log needs to grow: its size, and the roots of the perfect subtrees it is made of, largest first."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if len(self.peaks) != size.bit_count():
            msg = f"a tree of {size} leaves has {size.bit_count()} peaks, not {len(self.peaks)}"
            raise ValueError(msg)

    @classmethod
    def from_hex(cls, size: int, peaks: Iterable[str]) -> Self:
        """Read what `to_hex` wrote."""
        return cls(size, map(bytes.fromhex, peaks))

    def to_hex(self) -> list[str]:
        """Return the peaks as hex, for keeping beside `size`."""
        return [peak.hex() for peak in self.peaks]

    def extend(self, leaf_hashes: Iterable[bytes], *, watch: int = 0) -> list[tuple[Perfect, bytes]]:
        """Append leaves; return the subtrees this filled whose level is a positive multiple of `watch`."""
        filled: list[tuple[Perfect, bytes]] = []
        peaks, size = self.peaks, self.size
        for leaf in leaf_hashes:
            root, level, rest = leaf, 0, size
            while rest & 1:
                root = sha256(b"\x01" + peaks.pop() + root).digest()
                level += 1
                rest >>= 1
                if watch and level % watch == 0:
                    filled.append((Perfect(level, rest), root))
            peaks.append(root)
            size += 1
        self.size = size
        return filled

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        return _fold(self.peaks) if self.peaks else EMPTY_ROOT


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root of the tree over these leaves."""
    tree = Frontier()
    tree.extend(leaf_hashes)
    return tree.root()


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the ranges whose roots prove that leaf `index` is in the tree of `size` leaves, lowest first.

    Raises:
        ValueError: there is no such leaf.

    """
    if not 0 <= index < size:
        msg = f"a log of {size} leaves has no leaf {index}"
        raise ValueError(msg)
    here, siblings = Range(0, size), []
    while here.end - here.start > 1:
        left, right = _halves(here)
        here, sibling = (left, right) if index < left.end else (right, left)
        siblings.append(sibling)
    return siblings[::-1]


def consistency_ranges(old: int, size: int) -> list[Range]:
    """Return the ranges whose roots prove that the tree of `old` leaves is a beginning of the one of `size`.

    Raises:
        ValueError: `old` is larger than `size`, or negative.

    """
    if not 0 <= old <= size:
        msg = f"a log of {size} leaves never had {old}"
        raise ValueError(msg)
    if old in (0, size):
        return []
    here, siblings = Range(0, size), []
    while here.end != old:
        left, right = _halves(here)
        here, sibling = (left, right) if old <= left.end else (right, left)
        siblings.append(sibling)
    if here.start:  # else the verifier has this root already: it is the old tree
        siblings.append(here)
    return siblings[::-1]


def perfect_parts(leaves: Range) -> list[Perfect]:
    """Return the perfect subtrees a range from a proof is made of, largest first."""
    parts, start, length = [], leaves.start, leaves.end - leaves.start
    for level in range(length.bit_length() - 1, -1, -1):
        if length >> level & 1:
            parts.append(Perfect(level, start >> level))
            start += 1 << level
    return parts


def prove(ranges: Iterable[Range], subtree: Subtree) -> list[bytes]:
    """Return the proof that consists of the roots of `ranges`."""
    return [_fold([subtree(part) for part in perfect_parts(leaves)]) for leaves in ranges]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Refuse unless `proof` shows that the hash `leaf` is number `index` of the `size` leaves under `root`.

    RFC 9162 section 2.1.3.2.

    Raises:
        Refused: it shows no such thing.

    """
    if not 0 <= index < size:
        raise Refused(Reason.BAD_PROOF, f"a log of {size} leaves has no leaf {index}")
    reached = leaf
    for sibling, is_left in _climb(index, size - 1, proof):
        reached = node_hash(sibling, reached) if is_left else node_hash(reached, sibling)
    if reached != root:
        raise Refused(Reason.BAD_PROOF, f"leaf {index} is not under this root")


def verify_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Refuse unless `proof` shows that the log with `old` leaves grew into the one with `size`, unchanged.

    RFC 9162 section 2.1.4.2. A log of no leaves is a beginning of any other, and needs an empty proof.

    Raises:
        Refused: it shows no such thing.

    """
    if not 0 <= old <= size:
        raise Refused(Reason.BAD_PROOF, f"a log of {size} leaves never had {old}")
    if old in (0, size):
        if proof or old_root != (root if old else EMPTY_ROOT):
            raise Refused(Reason.BAD_PROOF, f"two logs of {old} leaves differ" if old else "no log has this beginning")
        return
    # The proof starts from the last perfect subtree of the old tree; if that is the whole, its root is known.
    first, *rest = [old_root, *proof] if old & (old - 1) == 0 else proof or [b""]
    spread = (old & -old).bit_length() - 1
    reached_old = reached = first
    for sibling, is_left in _climb((old - 1) >> spread, (size - 1) >> spread, rest):
        if is_left:
            reached_old, reached = node_hash(sibling, reached_old), node_hash(sibling, reached)
        else:
            reached = node_hash(reached, sibling)
    if reached_old != old_root or reached != root:
        raise Refused(Reason.BAD_PROOF, f"the log of {size} leaves does not begin with the log of {old}")


def _climb(here: int, last: int, siblings: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Go from node `here` of a level whose last node is `last` up to the root; say on which side each sibling is."""
    for sibling in siblings:
        if last == 0:
            raise Refused(Reason.BAD_PROOF, "the proof is too long")
        is_left = bool(here & 1 or here == last)
        yield sibling, is_left
        while is_left and here and not here & 1:  # a node without a sibling stands for itself one level up
            here >>= 1
            last >>= 1
        here >>= 1
        last >>= 1
    if last:
        raise Refused(Reason.BAD_PROOF, "the proof is too short")


def _halves(leaves: Range) -> tuple[Range, Range]:
    """Split where the tree does: after the largest power of two that is smaller than the whole."""
    middle = leaves.start + (1 << (leaves.end - leaves.start - 1).bit_length() - 1)
    return Range(leaves.start, middle), Range(middle, leaves.end)


def _fold(roots: Sequence[bytes]) -> bytes:
    """Join perfect subtrees, largest first, into the root over all of them."""
    reached = roots[-1]
    for root in reversed(roots[:-1]):
        reached = node_hash(root, reached)
    return reached
