"""What logs, other bureaus' checkpoints and stolen keys do to an evidence file."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.protocol import evidence
from ecolink.protocol.attestation import Holding, seal_attestation
from ecolink.protocol.checkpoint import origin_of
from ecolink.protocol.evidence import GrowthProof, LeafProof
from ecolink.protocol.jws import digest_of
from ecolink.protocol.merkle import inclusion_ranges
from tests.protocol.evidence_story import QINGYUAN, SHOUNING, Bureau, Story, codes

# Everything is in the log.


def test_a_statement_without_proof_of_its_place_in_the_log_is_missed():
    story = Story.told()
    content = story.content()
    missing = story.statements[1].digest
    kept = [leaf for leaf in content.leaves if leaf.digest != missing]
    report = story.verify(leaves=kept)
    assert [(finding.code, finding.subject) for finding in report.findings] == [("not-in-log", missing)]


def test_a_receipt_without_proof_of_its_place_in_the_log_is_missed():
    story = Story.told()
    missing = digest_of(story.receipts[0])
    kept = [leaf for leaf in story.content().leaves if leaf.digest != missing]
    assert codes(story.verify(leaves=kept)) == ["not-in-log"]


def test_a_leaf_of_another_kind_is_no_proof_of_a_statement():
    story = Story.told()
    story.shouning.logs[1][0] = ("access", story.statements[0].digest)
    assert codes(story.verify()) == ["not-in-log"]


@pytest.mark.parametrize(
    "change", [{"index": 1}, {"kind": "received"}, {"checkpoint": 1}, {"checkpoint": 7}, {"proof": ()}]
)
def test_a_proof_that_does_not_lead_to_the_root_is_told(change):
    story = Story.told()
    first, *rest = story.content().leaves
    assert codes(story.verify(leaves=[replace(first, **change), *rest]))[:1] == ["bad-proof"]


def test_each_proof_that_does_not_hold_is_told():
    story = Story.told()
    content = story.content()
    bad = [replace(leaf, proof=()) for leaf in content.leaves[:2]]
    lost = replace(content.leaves[2], checkpoint=7)
    report = story.verify(leaves=[*bad, lost, *content.leaves[3:]])
    told = [finding.subject for finding in report.findings if finding.code == "bad-proof"]
    assert told == [leaf.digest for leaf in content.leaves[:3]]


def test_a_proof_in_the_other_bureaus_log_does_not_stand_for_one_in_the_exporters():
    story = Story.told()
    theirs = story.content(story.qingyuan)
    report = story.verify(checkpoints=theirs.checkpoints, leaves=theirs.leaves)
    assert set(codes(report)) == {"not-in-log"}


def test_a_checkpoint_its_bureau_did_not_sign_is_told():
    story = Story.told()
    story.shouning.log = story.qingyuan.log
    assert codes(story.verify())[0] == "bad-checkpoint"


def test_each_checkpoint_its_bureau_did_not_sign_is_told_wherever_it_stands():
    story = Story.told()
    true, story.qingyuan.log = story.qingyuan.log, story.shouning.log
    story.say(story.shouning)
    false = story.qingyuan.note()
    story.attest(story.qingyuan, story.shouning)
    story.qingyuan.log = true
    notes = story.content().checkpoints
    report = story.verify(checkpoints=[*notes, false, false])
    assert {code for code in codes(report) if code != "not-in-log"} == {"bad-checkpoint"}
    inside = [digest_of(story.receipts[-1]), digest_of(story.attestations[-1])]
    told = [finding.subject for finding in report.findings if finding.code == "bad-checkpoint"]
    assert told == ["checkpoint 2", "checkpoint 3", *(f"checkpoint in {digest}" for digest in inside)]


def test_a_checkpoint_of_a_bureau_nobody_knows_is_told():
    story = Story.told()
    stranger = Bureau("330000000000").note()
    report = story.verify(checkpoints=[*story.content().checkpoints, stranger, "of nobody"])
    assert [(finding.code, finding.subject) for finding in report.findings] == [
        ("bad-checkpoint", "checkpoint 2"),
        ("bad-checkpoint", "checkpoint 3"),
    ]


def test_what_an_attestation_holds_of_strangers_says_nothing_and_hides_nothing():
    story = Story.told()
    true = story.shouning.logs[1][2]
    story.shouning.logs[1][2] = ("noted", "00" * 32)
    other, since = story.shouning.note(), story.now
    story.shouning.logs[1][2] = true
    stranger = Bureau("330000000000").note()
    story.attestations.append(
        seal_attestation(
            iss=QINGYUAN,
            aud=SHOUNING,
            now=story.now,
            checkpoint=story.qingyuan.note(),
            holds=[Holding(stranger, since), Holding(other, since)],
            key=story.qingyuan.sign,
        )
    )
    assert codes(story.verify()) == ["log-fork"]


# No log shows two pasts.


def test_a_log_with_two_roots_of_one_size_is_a_fork():
    story = Story.told()
    story.attest(story.qingyuan, story.shouning)
    story.shouning.logs[1][2] = ("noted", "00" * 32)
    assert "log-fork" in codes(story.verify())


def test_the_other_sides_log_cannot_fork_either():
    story = Story.told()
    story.qingyuan.logs[1] = [("noted", "00" * 32)]
    story.attest(story.shouning, story.qingyuan)
    report = story.verify()
    assert [(found.code, found.subject) for found in report.findings] == [("log-fork", origin_of(QINGYUAN, 1))]


def test_what_another_bureau_holds_of_our_log_is_joined_to_what_we_show():
    story = Story.told()
    held = story.attest(story.qingyuan, story.shouning)
    story.say(story.shouning)
    assert story.verify(held=[held]).ok
    assert codes(story.verify(held=[held], growth=[])) == ["unproven-growth"]
    assert codes(story.verify(held=[held], growth=[GrowthProof(1, 0, ())]))[0] == "bad-proof"
    assert codes(story.verify(held=[held], growth=[GrowthProof(1, 9, ())]))[0] == "bad-proof"


def test_what_a_bureau_holds_of_its_own_log_or_of_ours_by_our_word_joins_nothing():
    """Of the logs held, those are looked at that another bureau holds of the exporter's; these come before one such."""
    story = Story.told()
    story.attest(story.shouning, story.shouning)
    story.attest(story.shouning, story.qingyuan)
    story.attest(story.qingyuan, story.qingyuan)
    story.say(story.shouning)
    assert story.verify().ok
    held = story.attest(story.qingyuan, story.shouning)
    story.say(story.shouning)
    assert codes(story.verify(held=[held], growth=[])) == ["unproven-growth"]


def test_each_proof_of_growth_that_does_not_hold_is_told():
    story = Story.told()
    held = story.attest(story.qingyuan, story.shouning)
    story.say(story.shouning)
    bad = [GrowthProof(1, 0, ()), GrowthProof(1, 9, ()), GrowthProof(9, 0, ())]
    report = story.verify(held=[held], growth=[*bad, *story.content(held=[held]).growth])
    assert [finding.subject for finding in report.findings] == ["growth 1-0", "growth 1-9", "growth 9-0"]


def test_a_log_shown_shorter_than_another_bureau_holds_it_is_told():
    story = Story.told()
    before = [list(log) for log in story.shouning.logs.values()]
    story.shouning.append("noted", "00" * 32)
    story.attest(story.qingyuan, story.shouning)
    story.shouning.logs[1] = before[0]
    assert codes(story.verify()) == ["log-shortened"]


# Restores.


def restored_story(*, declared=True):
    story = Story.told()
    kept = len(story.shouning.logs[1])
    story.shouning.append("noted", "00" * 32)
    story.attest(story.qingyuan, story.shouning)
    text = story.shouning.restore(kept, [], story.now)
    if declared:
        story.restores.append(text)
    story.say(story.qingyuan)
    return story


def test_a_restore_that_was_declared_is_a_declared_gap_and_no_tampering():
    report = restored_story().verify()
    assert report.ok, report.first_wrong
    assert codes(report, "caution") == ["declared-gap"]


def test_a_new_log_without_a_declaration_is_told():
    assert "undeclared-gap" in codes(restored_story(declared=False).verify())


def test_each_restore_is_declared_for_itself():
    story = restored_story()
    story.restores.append(story.shouning.restore(len(story.shouning.logs[2]), [], story.now))
    story.say(story.qingyuan)
    report = story.verify()
    assert report.ok, report.first_wrong
    assert codes(report, "caution") == ["declared-gap", "declared-gap"]
    first, second = story.restores
    assert [codes(story.verify(restores=kept)).count("undeclared-gap") for kept in ([first], [second], [])] == [1, 1, 2]


@pytest.mark.parametrize("closed", [None, 7, "no note", "of another bureau", "of the same log"])
def test_a_declaration_that_closes_no_earlier_log_of_the_exporter_declares_nothing(closed):
    story = Story.told()
    story.shouning.restore(len(story.shouning.logs[1]), [], story.now)
    notes = {"of another bureau": story.qingyuan.note, "of the same log": lambda: story.shouning.note(epoch=2)}
    said = {} if closed is None else {"closed": notes.get(str(closed), lambda: closed)()}
    text = dumps({**said, "held_by_peers": []}).decode()
    story.shouning.logs[2][0] = ("restore", sha256_hex(text.encode()))
    story.restores.append(text)
    assert codes(story.verify()) == ["undeclared-gap"]


def test_a_declaration_that_is_no_json_declares_nothing():
    story = Story.told()
    story.shouning.restore(len(story.shouning.logs[1]), [], story.now)
    story.shouning.logs[2][0] = ("restore", sha256_hex(b"restored"))
    story.restores.append("restored")
    assert codes(story.verify()) == ["undeclared-gap"]


def test_a_declaration_that_is_not_the_first_leaf_of_its_log_declares_nothing():
    story = restored_story()
    story.shouning.logs[2].insert(0, ("noted", "11" * 32))
    assert codes(story.verify())[0] == "undeclared-gap"


def test_a_log_that_grew_on_after_it_was_declared_closed_is_told():
    story = restored_story()
    story.shouning.logs[1].append(("noted", "22" * 32))
    assert "log-regrown" in codes(story.verify())


def test_another_bureau_that_began_anew_is_something_to_ask_it_about():
    story = Story.told()
    story.qingyuan.restore(len(story.qingyuan.logs[1]), [], story.now)
    story.say(story.shouning)
    report = story.verify()
    assert report.ok, report.first_wrong
    assert codes(report, "caution") == ["log-began-anew"]


# Stolen keys.


def lose_key_next_day(story: Story, bureau: Bureau) -> None:
    """Let a bureau find out a day later that its key was stolen an hour ago."""
    story.wait(days=1)
    bureau.lose_key(story.now, since=story.now - timedelta(hours=1))


def test_what_the_other_side_receipted_before_the_theft_is_proven_by_its_receipt():
    story = Story()
    story.say(story.shouning)
    lose_key_next_day(story, story.shouning)
    assert story.verify().ok


def test_what_was_receipted_at_the_moment_of_the_theft_is_time_unproven():
    story = Story()
    story.say(story.shouning)
    receipted = story.now + timedelta(minutes=1)
    story.wait(days=1)
    story.shouning.lose_key(story.now, since=receipted)
    assert codes(story.verify()) == ["time-unproven"]


def test_what_was_receipted_after_the_theft_is_time_unproven():
    story = Story()
    story.say(story.shouning)
    story.wait(days=1)
    story.shouning.lose_key(story.now, since=story.now - timedelta(days=2))
    report = story.verify()
    assert codes(report) == ["time-unproven"]
    assert "time unproven" in report.first_wrong.detail_en


def test_an_exporters_own_receipt_does_not_prove_the_time_of_what_it_received():
    story = Story()
    story.say(story.qingyuan)
    lose_key_next_day(story, story.qingyuan)
    assert codes(story.verify()) == ["time-unproven"]


def test_a_checkpoint_the_author_held_before_the_theft_proves_the_time():
    story = Story()
    story.say(story.qingyuan)
    story.wait(hours=1)
    held, since = story.shouning.note(), story.now
    lose_key_next_day(story, story.qingyuan)
    # Qingyuan says so with the key that came after: it held Shouning's log, with the statement in it, before.
    story.attestations.append(_attestation(story, held, since))
    assert story.verify(held=[held]).ok


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=1)], ids=["at its moment", "after it"])
def test_a_checkpoint_held_only_since_the_theft_proves_nothing(later):
    story = Story()
    story.say(story.qingyuan)
    held = story.shouning.note()
    story.wait(days=1)
    stolen = story.now - timedelta(hours=1)
    story.qingyuan.lose_key(story.now, since=stolen)
    story.attestations.append(_attestation(story, held, stolen + later))
    assert codes(story.verify(held=[held])) == ["time-unproven"]


@pytest.mark.parametrize("order", [1, -1], ids=["first said first", "first said last"])
def test_of_what_was_attested_twice_the_earlier_time_counts(order):
    story = Story()
    story.say(story.qingyuan)
    story.wait(hours=1)
    held, early = story.shouning.note(), story.now
    lose_key_next_day(story, story.qingyuan)
    story.attestations += [_attestation(story, held, since) for since in (early, story.now)][::order]
    assert story.verify(held=[held]).ok


def test_a_bureaus_receipt_for_its_own_statement_does_not_prove_its_time():
    story = Story()
    statement = story.say(story.qingyuan, receipted=False)
    lose_key_next_day(story, story.qingyuan)
    # With the key that came after the theft, Qingyuan claims to have received its own word long ago.
    story.deliver(story.shouning, statement, at=story.now - timedelta(hours=20))
    assert "time-unproven" in codes(story.verify())


def test_an_attestation_by_the_stolen_key_itself_proves_nothing():
    story = Story()
    story.say(story.qingyuan)
    held = story.attest(story.qingyuan, story.shouning)
    lose_key_next_day(story, story.qingyuan)
    assert codes(story.verify(held=[held])) == ["time-unproven"]


def test_a_checkpoint_held_before_the_statement_was_in_the_log_proves_nothing():
    story = Story()
    held, since = story.shouning.note(), story.now
    story.say(story.qingyuan)
    lose_key_next_day(story, story.qingyuan)
    story.attestations.append(_attestation(story, held, since))
    assert codes(story.verify(held=[held])) == ["time-unproven"]


def test_a_receipt_signed_with_a_key_stolen_later_needs_the_same():
    story = Story()
    story.say(story.shouning)
    story.wait(hours=1)
    held, since = story.shouning.note(), story.now
    lose_key_next_day(story, story.qingyuan)
    assert codes(story.verify()) == ["time-unproven"]
    story.attestations.append(_attestation(story, held, since))
    assert story.verify(held=[held]).ok


def test_a_key_that_is_only_revoked_leaves_the_past_as_it_was():
    story = Story.told()
    story.shouning.lose_key(story.now + timedelta(days=1), since=None)
    assert story.verify().ok


def test_an_export_sealed_with_a_key_that_was_already_stolen_is_not_relied_on():
    story = Story()
    story.say(story.shouning)
    thief = story.shouning.sign
    seal_day = story.now + timedelta(days=30)
    story.wait(days=40)
    story.shouning.lose_key(story.now, since=seal_day - timedelta(days=1))
    trust = story.trust()
    story.shouning.sign = thief
    assert codes(evidence.verify(story.file(made_at=seal_day), trust))[0] == "stolen-seal"


# Third bureaus.


def test_proofs_in_the_other_bureaus_log_may_ride_along():
    story = Story()
    story.qingyuan.append("noted", "00" * 32)
    story.say(story.shouning)
    content, theirs = story.content(), story.qingyuan
    at = theirs.logs[1].index(("received", story.statements[0].digest))
    proof = theirs.prove(inclusion_ranges(at, len(theirs.logs[1])), 1)
    extra = LeafProof(len(content.checkpoints), "received", story.statements[0].digest, at, proof)
    report = story.verify(checkpoints=[*content.checkpoints, theirs.note()], leaves=[*content.leaves, extra])
    assert report.ok, report.first_wrong
    assert (report.lines[0].log_index, at) == (0, 1)


def _attestation(story, held, since):
    return seal_attestation(
        iss=QINGYUAN,
        aud=SHOUNING,
        now=story.now,
        checkpoint=story.qingyuan.note(),
        holds=[Holding(held, since)],
        key=story.qingyuan.sign,
    )
