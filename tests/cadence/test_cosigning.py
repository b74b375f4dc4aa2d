"""Who has signed one document: a set of words, in whatever order they came."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.cadence.cosigning import Cosigning, Objection
from ecolink.protocol.limits import CLOCK_SKEW

NOW = datetime(2026, 7, 1, tzinfo=UTC)
A, B, C = "350924000000", "331126000000", "330329000000"
DOCUMENT = Cosigning.begin("0" * 64, A, [A, B, C], NOW)
MOMENTS = st.integers(0, 5).map(lambda hours: NOW + timedelta(hours=hours))
SIGNATURES = st.tuples(st.sampled_from([A, B, C]), MOMENTS, st.none())
OBJECTIONS = st.tuples(st.sampled_from([A, B, C]), MOMENTS, st.sampled_from(["too soon", "wrong record"]))


def tell(document: Cosigning, words: list[tuple[str, datetime, str | None]]) -> Cosigning:
    for party, at, reason in words:
        document = document.sign(party, at) if reason is None else document.object(party, at, reason)
    return document


@given(st.lists(SIGNATURES | OBJECTIONS, max_size=8), st.randoms())
def test_whatever_order_words_arrive_in_the_document_is_signed_alike(words, random) -> None:
    shuffled = list(words)
    random.shuffle(shuffled)
    assert tell(DOCUMENT, words) == tell(DOCUMENT, shuffled)
    assert tell(DOCUMENT, words) == tell(DOCUMENT, words + shuffled)


@given(st.lists(SIGNATURES | OBJECTIONS, max_size=8))
def test_it_is_complete_when_each_party_signed_and_from_the_moment_of_the_last_first_signature(words) -> None:
    document = tell(DOCUMENT, words)
    firsts = [min([at for who, at, reason in words if who == party and not reason], default=None) for party in (B, C)]
    assert document.completed_at == (None if None in firsts else max(firsts))
    assert document.missing == {party for party, at in zip((B, C), firsts, strict=True) if at is None}
    assert not document.objections.keys() & document.signatures.keys()


def test_its_author_signed_it_by_writing_it() -> None:
    assert DOCUMENT.signatures == {A: NOW}
    assert DOCUMENT.missing == {B, C}
    assert DOCUMENT.author == DOCUMENT.sign(B, NOW).author == A
    assert DOCUMENT.object(A, NOW, "a second thought") == DOCUMENT


def test_of_several_objections_the_latest_stands_until_the_party_signs() -> None:
    later = NOW + timedelta(hours=1)
    document = DOCUMENT.object(B, later, "wrong record").object(B, NOW, "too soon")
    assert document.objections == {B: Objection(later, "wrong record")}
    assert document.sign(B, NOW).objections == {}


def test_a_signature_a_little_older_than_the_document_counts_from_the_document() -> None:
    assert DOCUMENT.sign(B, NOW - CLOCK_SKEW).signatures[B] == NOW
    with pytest.raises(ValueError, match="before it was written"):
        DOCUMENT.sign(B, NOW - CLOCK_SKEW - timedelta(seconds=1))
    with pytest.raises(ValueError, match="before it was written"):
        DOCUMENT.object(B, NOW - CLOCK_SKEW - timedelta(seconds=1), "too soon")


def test_a_stranger_has_no_word_in_it() -> None:
    for word in (lambda: DOCUMENT.sign("1" * 12, NOW), lambda: DOCUMENT.object("1" * 12, NOW, "no")):
        with pytest.raises(ValueError, match="no party"):
            word()
