"""What an exchange is and how it stands, judged by what is known of its packages and signatures."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ecolink.cadence.cosigning import Cosigning
from ecolink.exchanges.quarterly.rules import (
    Contribution,
    State,
    begin_signing,
    counting,
    period_before,
    period_of,
    span,
    state_of,
    thread_of,
    unanswered,
)
from ecolink.protocol.kinds.exchange import exchange_digest

SHOUNING, QINGYUAN, SONGXI = "350924000000", "331126000000", "350724000000"
PARTIES = (SHOUNING, QINGYUAN)
KEY = "shouning-qingyuan/quarterly/2026-Q4"
NOON = datetime(2026, 12, 30, 4, 0, tzinfo=UTC)


def package(author: str, digest: str, *, after: timedelta = timedelta(0), **changes: object) -> Contribution:
    return Contribution(digest=digest, author=author, submitted_at=NOON + after, **changes)  # type: ignore[arg-type]


def test_every_party_finds_the_same_thread_without_a_word() -> None:
    thread = thread_of(KEY, PARTIES)
    assert thread == thread_of(KEY, PARTIES[::-1]) == str(UUID(thread))
    assert UUID(thread).version == 7
    assert UUID(thread).variant == "specified in RFC 4122"
    began = datetime(2026, 9, 30, 16, 0, tzinfo=UTC)
    assert UUID(thread).int >> 80 == began.timestamp() * 1000, "the quarter began at midnight in Shanghai"


def test_a_period_reaches_from_its_first_midnight_in_shanghai_to_the_next_ones() -> None:
    first, after = span(period_of(KEY))
    assert first.astimezone(UTC) == datetime(2026, 9, 30, 16, 0, tzinfo=UTC)
    assert after.astimezone(UTC) == datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    assert period_before(period_of("a/quarterly/2026-Q1")) == period_of("a/quarterly/2025-Q4")


def test_another_obligation_or_other_parties_have_another_thread() -> None:
    others = {
        thread_of(KEY, PARTIES),
        thread_of("shouning-qingyuan/joint/2026-Q4", PARTIES),
        thread_of("shouning-qingyuan/quarterly/2026-Q3", PARTIES),
        thread_of(KEY, (SHOUNING, SONGXI)),
    }
    assert len(others) == 4
    assert len({thread[-23:] for thread in others}) == 4, "not by the time alone"


def test_there_was_no_exchange_before_1970_and_none_without_a_period() -> None:
    assert thread_of("a/quarterly/1970-Q2", PARTIES)
    for key in ("a/quarterly/1969-Q4", "a/quarterly", ""):
        with pytest.raises(ValueError, match=r".+"):
            thread_of(key, PARTIES)


def test_an_exchange_is_open_until_packages_come_and_complete_with_one_of_each_party() -> None:
    one, other = package(SHOUNING, "a"), package(QINGYUAN, "b")
    assert state_of([], PARTIES, []) is State.OPEN
    assert state_of([one], PARTIES, []) is State.PARTIAL
    assert state_of([one, other], PARTIES, []) is State.COMPLETE
    begun = begin_signing([one, other], PARTIES)
    assert state_of([one, other], PARTIES, [begun]) is State.COMPLETE
    signed = begun.sign(SHOUNING, NOON).sign(QINGYUAN, NOON)
    assert state_of([one], PARTIES, [begun, signed]) is State.SIGNED_OFF, "whatever comes later"


def test_signing_begins_with_one_package_of_each_party_and_dates_from_the_last() -> None:
    early, late = package(SHOUNING, "a"), package(QINGYUAN, "b", after=timedelta(hours=1))
    signing = begin_signing([late, early], PARTIES)
    assert (signing.digest, signing.author) == (exchange_digest(["a", "b"]), QINGYUAN)
    assert (signing.parties, signing.written_at) == ({*PARTIES}, NOON + timedelta(hours=1))
    assert (signing.signatures, signing.missing) == ({}, {*PARTIES})
    for packages in ([early], [early, package(SHOUNING, "c")], [early, late, package(SONGXI, "d")]):
        with pytest.raises(ValueError, match="one package of each party"):
            begin_signing(packages, PARTIES)


def test_of_packages_of_one_moment_the_larger_digest_is_taken_for_the_last() -> None:
    packages = [package(SHOUNING, "b"), package(QINGYUAN, "a")]
    assert begin_signing(packages, PARTIES).author == begin_signing(packages[::-1], PARTIES).author == SHOUNING


def test_a_party_has_answered_once_it_read_and_where_something_was_said_fed_back() -> None:
    def theirs(**known: object) -> list[str]:
        return unanswered([package(QINGYUAN, "b", **known), package(SHOUNING, "a")], by=SHOUNING)

    assert theirs() == [QINGYUAN]
    assert theirs(read_by=frozenset({SHOUNING})) == [QINGYUAN]
    assert theirs(fed_back_by=frozenset({SHOUNING})) == [QINGYUAN]
    assert theirs(read_by=frozenset({SHOUNING}), fed_back_by=frozenset({SHOUNING})) == []
    assert theirs(nothing_to_report=True) == [QINGYUAN]
    assert theirs(nothing_to_report=True, read_by=frozenset({SHOUNING})) == []
    assert unanswered([package(SONGXI, "c"), package(QINGYUAN, "b")], by=SHOUNING) == [QINGYUAN, SONGXI]


def signing(digest: str, *signers: str, at: timedelta = timedelta(0), written: timedelta = timedelta(0)) -> Cosigning:
    begun = Cosigning(digest, SHOUNING, frozenset(PARTIES), NOON + written)
    for signer in signers:
        begun = begun.sign(signer, NOON + at)
    return begun


def test_the_first_signing_that_all_signed_counts_and_else_the_one_that_is_furthest_on() -> None:
    hour = timedelta(hours=1)
    whole, later = signing("a", *PARTIES), signing("b", *PARTIES, at=hour)
    half, anew = signing("c", SHOUNING), signing("d", SHOUNING, at=hour, written=hour)
    nobodys = signing("e", written=2 * hour)
    assert counting([later, half, whole, nobodys]) == [whole]
    assert counting([anew, half, nobodys]) == [anew]
    assert counting([half, anew]) == [anew]
    assert counting([nobodys]) == []
    assert counting([]) == []


def test_of_signings_of_one_moment_the_same_one_counts_everywhere() -> None:
    whole = [signing("a", *PARTIES), signing("b", *PARTIES)]
    half = [signing("a", SHOUNING), signing("b", SHOUNING)]
    assert counting(whole) == counting(whole[::-1]) == [whole[0]]
    assert counting(half) == counting(half[::-1]) == [half[1]]
