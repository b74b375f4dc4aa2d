from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ecolink.protocol.threads import Node, descends, order


def digest(number: int) -> str:
    # Digests fall in no order of age, as real ones do.
    return f"{(number * 7919 + 13) % 10_007:064x}"


@st.composite
def threads(draw: st.DrawFn) -> list[Node]:
    """A thread of up to a dozen statements, each naming some of the earlier ones as parents."""
    size = draw(st.integers(1, 12))
    nodes = []
    for number in range(size):
        parents = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        rank = draw(st.integers(0, 2))
        nodes.append(Node(digest(number), tuple(digest(parent) for parent in sorted(parents)), rank))
    return nodes


def names(nodes: Sequence[Node]) -> list[str]:
    return [node.digest for node in nodes]


@given(threads(), st.randoms(use_true_random=False))
def test_two_bureaus_order_a_thread_alike_whatever_arrived_first(thread, shuffler):
    here = order(thread)
    shuffled = list(thread)
    shuffler.shuffle(shuffled)
    assert order(shuffled) == here


@given(threads())
def test_no_statement_stands_before_one_of_its_parents(thread):
    placed = names(order(thread).nodes)
    assert sorted(placed) == sorted(names(thread))
    for node in thread:
        assert all(placed.index(parent) < placed.index(node.digest) for parent in node.parents)


@given(threads())
def test_among_those_ready_the_lowest_rank_goes_first_and_then_the_smallest_digest(thread):
    taken: set[str] = set()
    for node in order(thread):
        ready = [other for other in thread if other.digest not in taken and taken.issuperset(other.parents)]
        assert node == min(ready, key=lambda other: (other.rank, other.digest))
        taken.add(node.digest)


@given(threads(), st.data())
def test_a_part_that_holds_its_own_past_keeps_its_order(thread, data):
    placed = order(thread)
    some = data.draw(st.sampled_from(placed.nodes))
    past = placed.past(some.digest)
    assert order([*past, some]).nodes == (*past, some)
    assert placed.saw_all_before(some.digest) == (past == placed.nodes[: placed.nodes.index(some)])


@given(threads(), st.data())
def test_the_order_knows_who_descends_from_whom(thread, data):
    placed = order(thread)
    one = data.draw(st.sampled_from(thread)).digest
    other = data.draw(st.sampled_from(thread)).digest
    assert placed.descends(one, other) == descends(thread, one, other)
    assert placed.crossed(one, other) == (
        one != other and not descends(thread, one, other) and not descends(thread, other, one)
    )


@given(threads(), st.data())
def test_what_lacks_a_predecessor_waits_and_the_missing_one_is_named(thread, data):
    lost = data.draw(st.sampled_from(thread)).digest
    placed = order([node for node in thread if node.digest != lost])
    heirs = {node.digest for node in thread if descends(thread, node.digest, lost)}
    assert {node.digest for node in placed.waiting} == heirs
    assert placed.missing == ({lost} if heirs else frozenset())


def test_the_heads_are_what_nobody_has_answered_yet():
    root, left, right = Node(digest(0), ()), Node(digest(1), (digest(0),)), Node(digest(2), (digest(0),))
    assert set(order([root, left, right]).heads()) == {left.digest, right.digest}
    both = Node(digest(3), (left.digest, right.digest))
    assert order([root, left, right, both]).heads() == (both.digest,)


def test_what_is_not_held_descends_from_nothing_and_hides_nothing():
    answer = Node(digest(2), (digest(1), digest(0)))
    assert descends([answer], answer.digest, digest(0))
    assert not descends([answer], answer.digest, digest(3))
    assert not descends([answer], digest(4), digest(0))


def test_a_digest_given_twice_counts_once_and_a_parent_of_itself_is_no_parent():
    odd = Node(digest(0), (digest(0),))
    assert order([odd, odd]).nodes == (odd,)


def test_a_conversation_of_ten_thousand_lines_is_ordered_without_trouble():
    chain = [Node(digest(number), (digest(number - 1),) if number else ()) for number in range(10_000)]
    assert order(chain[::-1]).nodes == tuple(chain)
