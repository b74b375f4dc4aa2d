"""The log's trees against the definitions of RFC 6962, written down naively."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.protocol import merkle
from ecolink.protocol.merkle import Frontier, Perfect, consistency_ranges, inclusion_ranges, leaf_hash, prove, root_of
from ecolink.protocol.refusal import Refused

# The eight leaves and the roots over the first 0..8 of them that certificate transparency's own tests use.
KNOWN_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
KNOWN_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(leaves):
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = largest_power_below(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m, leaves):
    if len(leaves) <= 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m, leaves, whole):
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def largest_power_below(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def looking_up_in(leaves):
    def subtree(part: Perfect):
        start = part.number << part.level
        end = start + (1 << part.level)
        assert end <= len(leaves), "only full subtrees may be asked for"
        return naive_root(leaves[start:end])

    return subtree


def leaves_of(size):
    return [leaf_hash(b"leaf %d" % n) for n in range(size)]


sizes = st.integers(1, 300)


def test_roots_are_those_of_certificate_transparency():
    leaves = [leaf_hash(bytes.fromhex(text)) for text in KNOWN_LEAVES]
    assert [root_of(leaves[:n]).hex() for n in range(9)] == KNOWN_ROOTS


@given(sizes)
def test_a_root_is_what_the_recursive_definition_says(size):
    leaves = leaves_of(size)
    assert root_of(leaves) == naive_root(leaves)


@given(st.lists(st.integers(0, 70), max_size=8))
def test_a_log_grown_in_steps_and_laid_away_between_them_has_the_same_root(steps):
    leaves = leaves_of(sum(steps))
    tree, done = Frontier(), 0
    for step in steps:
        tree = Frontier.from_hex(tree.size, tree.to_hex())
        tree.extend(leaves[done : done + step])
        done += step
    assert (tree.size, tree.root()) == (len(leaves), naive_root(leaves))


def test_a_frontier_with_the_wrong_number_of_peaks_is_not_read():
    with pytest.raises(ValueError, match="peaks"):
        Frontier.from_hex(3, ["00" * 32])


@given(sizes, st.integers(1, 4))
def test_filled_subtrees_are_told_once_each_as_they_fill(size, watch):
    leaves = leaves_of(size)
    tree, filled = Frontier(), []
    for at in range(0, size, 7):
        filled += tree.extend(leaves[at : at + 7], watch=watch)
    levels = range(watch, size.bit_length(), watch)
    expected = {Perfect(level, index) for level in levels for index in range(size >> level)}
    assert {part for part, _ in filled} == expected
    assert len(filled) == len(expected)
    subtree = looking_up_in(leaves)
    assert all(root == subtree(part) for part, root in filled)


@given(st.data())
def test_inclusion_is_proven_as_in_the_rfc_and_verifies(data):
    size = data.draw(sizes)
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    proof = prove(inclusion_ranges(index, size), looking_up_in(leaves))
    assert proof == naive_path(index, leaves)
    merkle.verify_inclusion(leaves[index], index, size, proof, naive_root(leaves))


@given(st.data())
def test_consistency_is_proven_as_in_the_rfc_and_verifies(data):
    size = data.draw(sizes)
    old = data.draw(st.integers(1, size))
    leaves = leaves_of(size)
    proof = prove(consistency_ranges(old, size), looking_up_in(leaves))
    assert proof == naive_subproof(old, leaves, True)
    merkle.verify_consistency(old, naive_root(leaves[:old]), size, naive_root(leaves), proof)


@given(st.data())
def test_a_proof_for_another_leaf_index_size_or_root_is_refused(data):
    size = data.draw(st.integers(2, 100))
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    root = naive_root(leaves)
    proof = naive_path(index, leaves)
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))
    wrong = [
        (leaves[other], index, size, proof, root),
        (leaves[index], other, size, proof, root),
        (leaves[index], index, size, proof[:-1], root),
        (leaves[index], index, size, [*proof, root], root),
        (leaves[index], index, size, proof, leaves[0]),
        (leaves[index], size, size, proof, root),
        (leaves[index], index, size, [*proof[:-1], leaves[other]], root) if proof[-1] != leaves[other] else None,
    ]
    for case in filter(None, wrong):
        with pytest.raises(Refused) as refused:
            merkle.verify_inclusion(*case)
        assert refused.value.reason == "bad-proof"


@given(st.data())
def test_a_log_that_changed_its_past_cannot_prove_consistency(data):
    size = data.draw(st.integers(2, 100))
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    leaves = leaves_of(size)
    rewritten = [*leaves]
    rewritten[changed] = leaf_hash(b"another story")
    for proof in (naive_subproof(old, leaves, True), naive_subproof(old, rewritten, True)):
        with pytest.raises(Refused) as refused:
            merkle.verify_consistency(old, naive_root(leaves[:old]), size, naive_root(rewritten), proof)
        assert refused.value.reason == "bad-proof"


@given(st.data())
def test_a_consistency_proof_of_the_wrong_length_is_refused(data):
    size = data.draw(st.integers(2, 100))
    old = data.draw(st.integers(1, size - 1))
    leaves = leaves_of(size)
    proof = naive_subproof(old, leaves, True)
    for wrong in (proof[:-1], [*proof, leaves[0]], []):
        with pytest.raises(Refused, match="bad-proof"):
            merkle.verify_consistency(old, naive_root(leaves[:old]), size, naive_root(leaves), wrong)


def test_two_logs_of_one_size_are_consistent_only_if_they_are_the_same():
    ours, theirs = naive_root(leaves_of(5)), naive_root([*leaves_of(4), leaf_hash(b"other")])
    merkle.verify_consistency(5, ours, 5, ours, [])
    with pytest.raises(Refused, match="bad-proof"):
        merkle.verify_consistency(5, ours, 5, theirs, [])
    with pytest.raises(Refused, match="bad-proof"):
        merkle.verify_consistency(5, ours, 5, ours, [ours])


def test_the_empty_log_is_the_beginning_of_every_log_and_has_one_root():
    merkle.verify_consistency(0, merkle.EMPTY_ROOT, 5, naive_root(leaves_of(5)), [])
    with pytest.raises(Refused, match="bad-proof"):
        merkle.verify_consistency(0, leaves_of(1)[0], 5, naive_root(leaves_of(5)), [])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_nobody_can_ask_for_the_proof_of_a_leaf_that_is_not_there(index, size):
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_ranges(index, size)


@pytest.mark.parametrize(("old", "size"), [(-1, 3), (4, 3)])
def test_nobody_can_ask_for_consistency_with_a_log_that_never_was(old, size):
    with pytest.raises(ValueError, match="never had"):
        consistency_ranges(old, size)
    with pytest.raises(Refused, match="bad-proof"):
        merkle.verify_consistency(old, merkle.EMPTY_ROOT, size, merkle.EMPTY_ROOT, [])
