"""The one order in which both nodes read a thread, whatever the order in which its statements came.

Every statement names its parents: the heads of the thread its author had applied. That gives a partial
order. Two statements of which neither descends from the other have *crossed*. `order` makes one line of
them: again and again it takes, among the statements whose parents have all been taken, the one with the
lowest rank (the precedence its feature prints), and among equals the one with the smallest digest. The
result depends on the set of statements alone.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Node:
    """One statement's place in its thread; `rank` says who goes first among those that crossed, lowest first."""

    digest: str
    parents: tuple[str, ...]
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """A thread in canonical order."""

    nodes: tuple[Node, ...]
    """Those whose whole past is here, in order."""
    waiting: tuple[Node, ...]
    """Those with a predecessor that is not here yet, by digest."""
    missing: frozenset[str]
    """Digests named as parents that nobody here has."""
    _place: Mapping[str, int] = field(repr=False)
    # Bit i of a node's past says that the node at place i is an ancestor: a set of small numbers that is
    # cheap to keep and to compare.
    _past: tuple[int, ...] = field(repr=False)

    def __iter__(self) -> Iterator[Node]:
        """Go through the ordered nodes."""
        return iter(self.nodes)

    def descends(self, later: str, earlier: str) -> bool:
        """Tell whether `later` has `earlier` among its ancestors. Both are digests of ordered nodes."""
        return bool(self._past[self._place[later]] >> self._place[earlier] & 1)

    def crossed(self, one: str, other: str) -> bool:
        """Tell whether neither of two different nodes descends from the other."""
        return one != other and not self.descends(one, other) and not self.descends(other, one)

    def past(self, digest: str) -> tuple[Node, ...]:
        """Return the ancestors of a node: all that its author had applied, in canonical order."""
        bits = self._past[self._place[digest]]
        return tuple(node for place, node in enumerate(self.nodes) if bits >> place & 1)

    def saw_all_before(self, digest: str) -> bool:
        """Tell whether a node's author had applied everything that stands before it in this order."""
        place = self._place[digest]
        return self._past[place] == (1 << place) - 1

    def heads(self) -> tuple[str, ...]:
        """Return the digests no ordered node descends from directly: what the next statement names as parents."""
        named = {parent for node in self.nodes for parent in node.parents}
        return tuple(node.digest for node in self.nodes if node.digest not in named)


def order(items: Sequence[Node]) -> Order:
    """Put a thread's statements in canonical order. A digest given twice counts once."""
    known = {item.digest: item for item in items}
    unmet = {digest: {parent for parent in node.parents if parent != digest} for digest, node in known.items()}
    children: dict[str, list[str]] = {}
    for digest, parents in unmet.items():
        for parent in parents:
            children.setdefault(parent, []).append(digest)

    ready = [(known[digest].rank, digest) for digest, parents in unmet.items() if not parents]
    heapq.heapify(ready)
    nodes: list[Node] = []
    past: list[int] = []
    place: dict[str, int] = {}
    while ready:
        _, digest = heapq.heappop(ready)
        node = known[digest]
        ancestors = 0
        for parent in node.parents:
            if parent != digest:
                ancestors |= past[place[parent]] | 1 << place[parent]
        place[digest] = len(nodes)
        nodes.append(node)
        past.append(ancestors)
        for child in children.get(digest, ()):
            unmet[child].discard(digest)
            if not unmet[child]:
                heapq.heappush(ready, (known[child].rank, child))

    waiting = tuple(known[digest] for digest in sorted(known.keys() - place.keys()))
    return Order(
        nodes=tuple(nodes),
        waiting=waiting,
        missing=frozenset(children.keys() - known.keys()),
        _place=place,
        _past=tuple(past),
    )


def descends(items: Sequence[Node], later: str, earlier: str) -> bool:
    """Tell whether `later` has `earlier` among its ancestors, as far as `items` show. Both are digests."""
    parents = {item.digest: item.parents for item in items}
    unread, seen = list(parents.get(later, ())), set[str]()
    while unread:
        digest = unread.pop()
        if digest == earlier:
            return True
        if digest not in seen:
            seen.add(digest)
            unread.extend(parents.get(digest, ()))
    return False
