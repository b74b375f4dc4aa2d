"""Bureaus keep each other's checkpoints, so that nobody can show two pasts."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from ecolink.audit import witness
from ecolink.audit.models import PeerCheckpoint
from ecolink.audit.witness import Outcome
from ecolink.protocol import leaves, merkle
from ecolink.protocol.checkpoint import origin_of, seal_checkpoint
from ecolink.protocol.keys import SigningKey, Use, VerifyKey
from ecolink.protocol.merkle import consistency_ranges, prove, root_of
from ecolink.protocol.refusal import Refused

SHOUNING, QINGYUAN, JINGNING = "350924000000", "331126000000", "331127000000"
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
KEY = SigningKey.generate()
LOG_KEY = KEY.verify_key(QINGYUAN, Use.LOG, NOW)
LEAVES = [leaves.hash_of("received", f"{n:064x}") for n in range(200)]
REWRITTEN = [leaves.hash_of("received", f"{n + 1:064x}") for n in range(200)]


def note(size, past=LEAVES, log_epoch=1):
    return seal_checkpoint(origin_of(QINGYUAN, log_epoch), size, root_of(past[:size]), KEY)


def consistency(pair, past=LEAVES):
    ranges = consistency_ranges(pair.old_size, pair.new_size)
    return prove(ranges, lambda part: root_of(past[part.number << part.level : part.number + 1 << part.level]))


def keep(database, text, minutes=0, told_by=QINGYUAN, keys=(LOG_KEY,)):
    with database.begin() as session:
        return witness.keep(session, text, log_keys=keys, told_by=told_by, now=NOW + timedelta(minutes=minutes)).outcome


def verify(database, past=LEAVES):
    verdicts = {}
    with database.begin() as session:
        for pair in witness.unproven(session, QINGYUAN):
            proven = witness.accept_consistency(session, pair, consistency(pair, past), NOW)
            verdicts[pair.old_size, pair.new_size] = proven
    return verdicts


def states(database):
    with database.read() as session:
        return {row.size: row.state for row in session.scalars(select(PeerCheckpoint))}


def test_the_first_checkpoint_of_a_log_is_believed_and_later_ones_wait_for_proof(database):
    assert keep(database, note(5)) == Outcome.KEPT
    assert keep(database, note(9), 10) == Outcome.KEPT
    assert states(database) == {5: "verified", 9: "kept"}
    assert verify(database) == {(5, 9): True}
    assert states(database) == {5: "verified", 9: "verified"}
    assert verify(database) == {}


def test_the_same_checkpoint_again_changes_nothing(database):
    keep(database, note(5))
    assert keep(database, note(5), 60) == Outcome.KNOWN
    assert states(database) == {5: "verified"}


def test_of_many_checkpoints_within_minutes_the_newest_stays(database):
    keep(database, note(5))
    for minute, size in ((1, 6), (2, 7), (9, 9)):
        assert keep(database, note(size), minute) == Outcome.KEPT
        assert states(database) == {5: "verified", size: "kept"}
    keep(database, note(10), 10)
    keep(database, note(11), 11)
    keep(database, note(12), 12)
    assert states(database) == {5: "verified", 10: "kept", 12: "kept"}


def test_checkpoints_that_overtook_each_other_are_no_matter(database):
    keep(database, note(5))
    keep(database, note(9), 1)
    assert keep(database, note(7), 1) == Outcome.PASSED_OVER
    assert states(database) == {5: "verified", 9: "kept"}


def test_a_proof_fetched_for_a_checkpoint_that_gave_way_proves_nothing_of_the_newer(database):
    keep(database, note(5))
    keep(database, note(9), 1)
    with database.read() as session:
        [pair] = witness.unproven(session, QINGYUAN)
    keep(database, note(12, REWRITTEN), 2)
    with database.begin() as session:
        assert witness.accept_consistency(session, pair, consistency(pair), NOW)
    assert states(database) == {5: "verified", 12: "kept"}


def test_a_checkpoint_of_one_size_with_two_roots_is_a_fork_and_both_notes_are_held(database):
    keep(database, note(5))
    keep(database, note(9), 10)
    assert keep(database, note(5, REWRITTEN), 20) == Outcome.FORKED
    with database.read() as session:
        rows = session.scalars(select(PeerCheckpoint).where(PeerCheckpoint.size == 5))
        assert sorted(row.state for row in rows) == ["forked", "verified"]


def test_a_log_that_rewrote_its_past_is_found_out_by_the_proof_it_cannot_give(database):
    keep(database, note(5))
    keep(database, note(9, REWRITTEN), 10)
    assert verify(database, REWRITTEN) == {(5, 9): False}
    assert states(database) == {5: "verified", 9: "forked"}


def test_an_owner_without_a_proof_has_shown_two_pasts(database):
    keep(database, note(5))
    keep(database, note(9), 10)
    with database.begin() as session:
        [pair] = witness.unproven(session, QINGYUAN)
        assert not witness.accept_consistency(session, pair, [], NOW)


def test_what_a_third_bureau_passes_on_is_held_against_the_owners_log(database):
    keep(database, note(50))
    assert keep(database, note(30), 1, told_by=JINGNING) == Outcome.KEPT
    assert keep(database, note(40, REWRITTEN), 1, told_by=JINGNING) == Outcome.KEPT
    assert verify(database) == {(30, 50): True, (40, 50): False}


def test_every_later_checkpoint_is_proven_against_the_last_verified_one(database):
    for at, size in enumerate((5, 20, 60, 150)):
        keep(database, note(size), at * 10)
    assert set(verify(database)) == {(5, 20), (5, 60), (5, 150)}
    keep(database, note(100), 50, told_by=JINGNING)
    assert verify(database) == {(100, 150): True}


def test_a_new_log_after_a_restore_is_a_log_of_its_own(database):
    keep(database, note(50))
    assert keep(database, note(3, REWRITTEN, log_epoch=2), 1) == Outcome.KEPT
    assert verify(database) == {}


def test_a_checkpoint_signed_by_no_valid_log_key_is_refused(database):
    other = SigningKey.generate().verify_key(QINGYUAN, Use.LOG, NOW)
    revoked = VerifyKey.from_jwk(KEY.jwk(), issuer=QINGYUAN, use=Use.LOG, not_before=NOW, revoked_at=NOW)
    for keys in ((), (other,), (revoked,), (KEY.verify_key(SHOUNING, Use.LOG, NOW),)):
        with pytest.raises(Refused):
            keep(database, note(5), keys=keys)
    assert states(database) == {}


def test_after_a_key_change_either_valid_key_will_do(database):
    other = SigningKey.generate().verify_key(QINGYUAN, Use.LOG, NOW)
    assert keep(database, note(5), keys=(other, LOG_KEY)) == Outcome.KEPT


def test_a_bureau_attests_to_the_newest_it_holds_and_to_what_it_held_before_a_theft(database):
    for at, size in enumerate((5, 20, 60)):
        keep(database, note(size), at * 10)
    keep(database, note(60, REWRITTEN), 40)
    with database.read() as session:
        [newest] = witness.holdings(session)
        assert (newest.checkpoint.split("\n")[1], newest.since) == ("60", NOW + timedelta(minutes=20))
        both = witness.holdings(session, [NOW + timedelta(minutes=15)])
        assert [held.checkpoint.split("\n")[1] for held in both] == ["60", "20"]
        assert merkle.EMPTY_ROOT.hex() not in {held.checkpoint for held in both}


def test_however_much_of_one_bureaus_log_waits_what_waits_of_anothers_is_found(database):
    """And the first that waits is the first to be proven, whatever its size."""
    keep(database, note(1))
    for at in range(1, 130):
        keep(database, note(130 - at), at, told_by=JINGNING)
    for at, size in ((1, 150), (2, 190)):
        text = seal_checkpoint(origin_of(SHOUNING, 1), size, root_of(LEAVES[:size]), KEY)
        keep(database, text, at * 20, told_by=SHOUNING, keys=(KEY.verify_key(SHOUNING, Use.LOG, NOW),))
    with database.read() as session:
        assert sorted(witness.unproven_bureaus(session)) == sorted([SHOUNING, QINGYUAN])
        assert [(pair.old_size, pair.new_size) for pair in witness.unproven(session, SHOUNING)] == [(150, 190)]
        assert [pair.new_size for pair in witness.unproven(session, QINGYUAN, limit=3)] == [129, 128, 127]
        assert witness.unproven(session, JINGNING) == []
