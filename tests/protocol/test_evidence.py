"""An evidence file proves one thread to a third party, and a changed byte anywhere is found."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.protocol import evidence
from ecolink.protocol.batch import GENESIS, chain
from ecolink.protocol.card import fingerprint
from ecolink.protocol.evidence import LeafProof, StatementRecord, Trust
from ecolink.protocol.evidence.trust import Keys
from ecolink.protocol.jws import digest_of
from ecolink.protocol.keys import SigningKey, Use
from ecolink.protocol.merkle import inclusion_ranges
from ecolink.protocol.receipt import Outcome, Verdict, seal_receipt
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Draft, Lane
from tests.protocol.evidence_story import QINGYUAN, SHOUNING, Bureau, Story, codes

TOLD = Story.told()
FILE = TOLD.file()
TRUST = TOLD.trust()


def test_a_whole_thread_verifies_from_either_sides_export():
    for exporter in (TOLD.shouning, TOLD.qingyuan):
        report = TOLD.verify(exporter)
        assert report.ok, report.first_wrong
        assert report.findings == ()
        assert (report.thread, report.made_by) == (TOLD.thread, exporter.unit_code)


@pytest.mark.parametrize("first", [SHOUNING, QINGYUAN])
def test_a_key_that_another_bureau_lists_as_its_logs_is_still_the_one_its_own_bureau_signs_with(first):
    shouning = Bureau(SHOUNING)
    qingyuan = Bureau(QINGYUAN, log=shouning.sign)
    heads = sorted([shouning.head, qingyuan.head], key=lambda head: head.iss != first)
    found = Keys({head.iss: head for head in heads}).find(shouning.sign.kid)
    assert (found.issuer, found.use) == (SHOUNING, Use.SIGN)


def test_the_report_tells_the_thread_move_by_move():
    lines = evidence.verify(FILE, TRUST).lines
    assert [line.iss for line in lines] == [SHOUNING, QINGYUAN, SHOUNING]
    first = lines[0]
    assert (first.type, first.aud, first.private, first.log_index) == ("lead.noted.v1", (QINGYUAN,), "shown", 0)
    [told] = first.deliveries
    assert (told.recipient, told.outcome) == (QINGYUAN, Outcome.STORED)
    assert told.received_at == first.iat + timedelta(minutes=1)
    assert [line.jti for line in lines] == [each.jti for each in TOLD.statements]
    assert [line.private for line in lines] == ["shown", "none", "none"]


def test_the_report_says_whose_keys_it_relied_on():
    bureaus = (TOLD.shouning, TOLD.qingyuan)
    assert evidence.verify(FILE, TRUST).fingerprints == {
        each.unit_code: fingerprint(each.unit_code, each.head.digest) for each in bureaus
    }


def test_words_that_crossed_are_told_by_their_authors_clocks_and_after_what_they_answer():
    story = Story()
    story.wait(hours=2)
    first = story.say(story.shouning)
    crossed = []
    for _ in range(5):  # so many that their digests are not in this order by chance
        story.wait(minutes=-15)
        crossed.insert(0, story.say(story.shouning, parents=(first.digest,)))
    story.wait(minutes=-30)
    answer = story.say(story.qingyuan, parents=tuple(each.digest for each in crossed))
    assert answer.iat < min(each.iat for each in crossed)
    content = story.content()
    report = story.verify(statements=[content.statements[place] for place in (6, 3, 1, 0, 5, 2, 4)])
    assert report.ok, report.first_wrong
    assert [line.digest for line in report.lines] == [each.digest for each in (first, *crossed, answer)]


def test_what_answers_a_missing_word_is_told_all_the_same():
    content = TOLD.content()
    report = TOLD.verify(statements=content.statements[1:])
    assert codes(report) == ["missing-parent"]
    assert [line.digest for line in report.lines] == [each.digest for each in TOLD.statements[1:]]


# The file itself.


@settings(max_examples=300)
@given(st.data())
def test_no_single_byte_of_the_file_can_be_changed(data):
    at = data.draw(st.integers(0, len(FILE) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda other: other != FILE[at]))
    assert not evidence.verify(FILE[:at] + bytes([byte]) + FILE[at + 1 :], TRUST).ok


@given(st.data())
def test_no_byte_can_be_cut_out_or_put_in(data):
    at = data.draw(st.integers(0, len(FILE) - 1))
    assert not evidence.verify(FILE[:at] + FILE[at + 1 :], TRUST).ok
    byte = data.draw(st.binary(min_size=1, max_size=1))
    assert not evidence.verify(FILE[:at] + byte + FILE[at:], TRUST).ok


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b"null", b"\xff", b'{"form":"ecolink.evidence/2"}', b"[" * 100_000, FILE[:-1], FILE + b"\n"],
)
def test_what_is_no_evidence_file_is_told_so_and_never_raises(raw):
    report = evidence.verify(raw, TRUST)
    assert not report.ok
    assert report.first_wrong.subject == "file"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda each: (
            st.lists(each, max_size=3)
            | st.dictionaries(
                st.sampled_from(["thread", "made_by", "statements", "leaves", "token", "x"]), each, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_a_malformed_content_never_raises(value):
    said = json.loads(FILE)
    content = value if not isinstance(value, dict) else {**said["content"], **value}
    assert not evidence.verify(dumps({**said, "content": content}), TRUST).ok or content == said["content"]


def test_an_export_sealed_by_somebody_else_is_refused():
    stranger = SigningKey.generate()
    report = evidence.verify(evidence.write(TOLD.content(), stranger), TRUST)
    assert codes(report) == ["unknown-key"]
    assert codes(evidence.verify(evidence.write(TOLD.content(), TOLD.qingyuan.sign), TRUST)) == ["wrong-issuer"]


def test_a_seal_cannot_be_moved_to_another_file():
    said, other = json.loads(FILE), json.loads(Story.told().file())
    assert not evidence.verify(dumps({**said, "content": other["content"]}), TRUST).ok


# Whom we believe.


def test_keys_found_only_inside_the_file_never_make_it_valid():
    report = evidence.verify(FILE, Trust())
    assert codes(report)[:2] == ["untrusted-bureau", "untrusted-bureau"]


def test_one_trusted_side_is_not_enough():
    report = evidence.verify(FILE, Trust.given([TOLD.shouning.card()]))
    assert codes(report)[0] == "untrusted-bureau"
    assert report.first_wrong.subject == QINGYUAN


def test_fingerprints_read_out_by_phone_will_do_for_cards():
    heads = {each.unit_code: fingerprint(each.unit_code, each.head.digest) for each in (TOLD.shouning, TOLD.qingyuan)}
    assert evidence.verify(FILE, Trust.given(fingerprints=heads)).ok
    spaced = {unit: text.replace(" ", "  ") for unit, text in heads.items()}
    assert evidence.verify(FILE, Trust.given(fingerprints=spaced)).ok
    wrong = {**heads, QINGYUAN: heads[SHOUNING]}
    assert codes(evidence.verify(FILE, Trust.given(fingerprints=wrong)))[0] == "untrusted-bureau"


def test_an_old_fingerprint_vouches_for_keys_that_follow_from_it():
    story = Story()
    before = {
        each.unit_code: fingerprint(each.unit_code, each.head.digest) for each in (story.shouning, story.qingyuan)
    }
    story.say(story.shouning)
    story.qingyuan.rotate(story.now)
    story.say(story.qingyuan)
    assert evidence.verify(story.file(), Trust.given(fingerprints=before)).ok


def test_a_card_newer_than_the_file_brings_the_newer_keys():
    story = Story.told()
    raw = story.file()
    story.qingyuan.lose_key(story.now + timedelta(days=60), since=story.now - timedelta(days=1))
    assert evidence.verify(raw, Trust.given([story.shouning.card()], {QINGYUAN: ""})).first_wrong
    report = evidence.verify(raw, story.trust())
    assert "time-unproven" in codes(report), (
        "an exporter cannot hide a theft by leaving out the manifest that tells of it"
    )


def test_a_card_of_other_keys_under_the_same_code_contradicts_the_file():
    report = evidence.verify(FILE, Trust.given([TOLD.shouning.card(), Bureau(QINGYUAN).card()]))
    assert codes(report)[0] == "manifest-fork"


# The thread.


def test_a_statement_left_out_of_the_middle_is_missed():
    content = TOLD.content()
    kept = [content.statements[0], content.statements[2]]
    assert codes(TOLD.verify(statements=kept)) == ["missing-parent"]


def test_a_statement_of_another_thread_does_not_belong():
    other = Story(shouning=TOLD.shouning, qingyuan=TOLD.qingyuan)
    other.say(other.shouning)
    content = TOLD.content()
    strange = StatementRecord(other.statements[0].token)
    assert "wrong-thread" in codes(TOLD.verify(statements=[*content.statements, strange]))


def test_a_statement_shown_twice_is_told():
    content = TOLD.content()
    assert codes(TOLD.verify(statements=[*content.statements, content.statements[0]])) == ["doubled"]


def test_a_forged_statement_does_not_verify():
    forged = Bureau(QINGYUAN)
    story = Story(shouning=TOLD.shouning, qingyuan=forged)
    story.thread = TOLD.thread
    story.say(forged, receipted=False)
    content = TOLD.content()
    report = TOLD.verify(statements=[*content.statements, StatementRecord(story.statements[0].token)])
    assert codes(report) == ["unknown-key"]


def test_each_statement_that_does_not_verify_is_told_by_its_place():
    content = TOLD.content()
    bad = StatementRecord(content.statements[0].token[:-4] + b"AAAA")
    report = TOLD.verify(statements=[bad, *content.statements[1:], bad])
    told = [finding.subject for finding in report.findings if finding.code == "bad-signature"]
    assert told == ["statement 1", "statement 4"]


@pytest.mark.parametrize(
    ("what", "name"), [("batches", "batch"), ("receipts", "receipt"), ("attestations", "attestation")]
)
def test_each_other_document_that_does_not_verify_is_told_by_its_place(what, name):
    report = TOLD.verify(**{what: [*getattr(TOLD, what), b"no.token.", b"no.token."]})
    count = len(getattr(TOLD, what))
    assert [finding.subject for finding in report.findings] == [f"{name} {count + 1}", f"{name} {count + 2}"]


def test_two_statements_under_one_id_are_equivocation():
    story = Story.told()
    content = story.content()
    twin = Story(shouning=story.shouning, qingyuan=story.qingyuan, now=story.now - timedelta(minutes=10))
    twin.thread = story.thread

    last = story.statements[-1]
    members = {name: getattr(last, name) for name in Draft.__dataclass_fields__ if name not in {"private", "body"}}
    other = seal(
        Draft(**members, body={"text": "another"}), iss=SHOUNING, jti=last.jti, iat=last.iat, key=story.shouning.sign
    )
    report = story.verify(statements=[*content.statements, StatementRecord(other.token)])
    assert "equivocation" in codes(report)


# Private parts.


def test_a_private_part_can_be_withheld_and_everything_else_still_verifies():
    content = TOLD.content()
    hidden = StatementRecord(content.statements[0].token, withheld=True)
    report = TOLD.verify(statements=[hidden, *content.statements[1:]])
    assert report.ok
    assert codes(report, "note") == ["withheld"]
    assert report.lines[0].private == "withheld"


def test_a_private_part_that_is_simply_gone_is_missed():
    content = TOLD.content()
    gone = StatementRecord(content.statements[0].token)
    assert codes(TOLD.verify(statements=[gone, *content.statements[1:]])) == ["private-missing"]


def test_a_private_part_with_other_data_is_not_the_one_that_was_signed():
    content = TOLD.content()
    other = StatementRecord(content.statements[0].token, dumps({"data": {"name": "陈某"}, "salt": "0" * 32}))
    assert codes(TOLD.verify(statements=[other, *content.statements[1:]]))[0] == "private-mismatch"


def erased(story, **changes):
    statement = story.statements[0]
    stone = {
        "form": "ecolink.tombstone/1",
        "unit_code": SHOUNING,
        "statement": statement.digest,
        "private": statement.private_digest,
        "by": "lin",
        "reason": "retention-over",
        "at": "2029-11-22T10:00:00.000+08:00",
        **changes,
    }
    return StatementRecord(statement.token, tombstone=stone)


def test_an_erasure_with_its_tombstone_in_the_log_is_lawful():
    story = Story.told()
    record = erased(story)
    story.shouning.append("erasure", sha256_hex(dumps(record.tombstone)))
    report = story.verify(statements=[record, *story.content().statements[1:]])
    assert report.ok, report.first_wrong
    assert codes(report, "note") == ["lawfully-erased"]
    [note] = report.findings
    assert report.lines[0].private == "erased"
    told = ("lin", "2029-11-22T10:00:00.000+08:00", "retention-over")
    assert all(word in note.detail_en and word in note.detail_zh for word in told)


def test_an_erasure_that_is_not_in_the_log_is_not_lawful():
    story = Story.told()
    report = story.verify(statements=[erased(story), *story.content().statements[1:]])
    assert codes(report) == ["unlogged-erasure"]


def test_an_erasure_that_only_another_bureau_logged_is_not_lawful():
    story = Story.told()
    content, theirs, record = story.content(), story.qingyuan, erased(story)
    theirs.append("erasure", sha256_hex(dumps(record.tombstone)))
    (kind, digest), at = theirs.logs[1][-1], len(theirs.logs[1]) - 1
    proof = LeafProof(len(content.checkpoints), kind, digest, at, theirs.prove(inclusion_ranges(at, at + 1), 1))
    report = story.verify(
        statements=[record, *content.statements[1:]],
        checkpoints=[*content.checkpoints, theirs.note()],
        leaves=[*content.leaves, proof],
    )
    assert codes(report) == ["unlogged-erasure"]


@pytest.mark.parametrize("change", [{"statement": "00" * 32}, {"private": "00" * 32}, {"unit_code": QINGYUAN}])
def test_a_tombstone_of_something_else_excuses_nothing(change):
    story = Story.told()
    record = erased(story, **change)
    story.shouning.append("erasure", sha256_hex(dumps(record.tombstone)))
    assert codes(story.verify(statements=[record, *story.content().statements[1:]])) == ["wrong-tombstone"]


# Receipts and channels.


def test_a_statement_without_a_receipt_is_unconfirmed_and_no_fault():
    story = Story.told()
    story.say(story.shouning, receipted=False)
    report = story.verify()
    assert report.ok, report.first_wrong
    assert codes(report, "note") == ["unconfirmed"]


def test_a_refused_statement_is_shown_as_refused_and_excuses_its_absence_on_the_other_side():
    story = Story.told()
    refused = story.say(story.shouning, receipted=False)
    story.deliver(story.shouning, refused, Outcome.REFUSED, "expired")
    story.say(story.shouning)
    report = story.verify()
    assert report.ok, report.first_wrong
    assert codes(report, "note") == ["refused"]
    held = [record for record in story.content().statements if record.token != refused.token]
    assert story.verify(story.qingyuan, statements=held).ok


def test_what_was_refused_first_and_stored_later_is_delivered_since_then():
    story = Story()
    statement = story.say(story.shouning, receipted=False)
    story.deliver(story.shouning, statement, Outcome.REFUSED, "expired")
    stored_at = story.now + timedelta(hours=1)
    story.deliver(story.shouning, statement, at=stored_at)
    story.deliver(story.shouning, statement, Outcome.DUPLICATE, at=stored_at + timedelta(hours=1))
    story.deliver(story.shouning, statement, Outcome.REFUSED, "expired", at=stored_at + timedelta(hours=2))
    report = story.verify()
    assert report.ok, report.first_wrong
    [told] = report.lines[0].deliveries
    assert (told.outcome, told.received_at, told.reason) == (Outcome.STORED, stored_at, None)


def test_of_what_was_refused_twice_the_last_reason_counts():
    story = Story()
    statement = story.say(story.shouning, receipted=False)
    story.deliver(story.shouning, statement, Outcome.REFUSED, "expired")
    story.deliver(story.shouning, statement, Outcome.REFUSED, "key-revoked", at=story.now + timedelta(hours=1))
    [told] = story.verify().lines[0].deliveries
    assert (told.outcome, told.reason) == (Outcome.REFUSED, "key-revoked")


def receipt_of_first(story, **changes):
    """Return a receipt of the first batch, in which something is otherwise."""
    statement = story.statements[0]
    said = {
        "iss": QINGYUAN,
        "aud": SHOUNING,
        "batch": digest_of(story.batches[0]),
        "lane": Lane.CASE,
        "epoch": 1,
        "received_at": story.now,
        "verdicts": [Verdict(statement.digest, Outcome.STORED)],
        "head_seq": 1,
        "head_chain": chain(GENESIS, 1, statement.digest),
        "checkpoint": story.qingyuan.note(),
        "key": story.qingyuan.sign,
    }
    return seal_receipt(**(said | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"head_seq": 2, "head_chain": bytes(32)}, []),
        ({"head_seq": 1, "head_chain": bytes(32)}, ["receipt-mismatch"]),
        ({"head_seq": 0, "head_chain": GENESIS}, ["receipt-mismatch"]),
        ({"lane": Lane.BULK}, ["receipt-mismatch"]),
        ({"epoch": 2}, ["receipt-mismatch"]),
        ({"verdicts": [Verdict("00" * 32, Outcome.STORED)]}, ["receipt-mismatch"]),
    ],
)
def test_a_receipt_answers_its_batch_in_every_member(changes, expected):
    story = Story()
    story.say(story.shouning, receipted=False)
    story.deliver(story.shouning, story.statements[0])
    receipt = receipt_of_first(story, **changes)
    content = story.content()
    report = story.verify(receipts=[receipt])
    assert [code for code in codes(report) if code != "not-in-log"] == expected
    assert content.batches == story.batches


def test_a_receipt_without_its_batch_confirms_nothing():
    assert codes(TOLD.verify(batches=TOLD.batches[1:])) == ["receipt-without-batch"]


def test_a_receipt_put_beside_another_batch_does_not_answer_it():
    other = Story(shouning=TOLD.shouning, qingyuan=TOLD.qingyuan)
    other.thread = TOLD.thread
    statement = other.say(other.shouning, receipted=False)
    other.deliver(other.shouning, statement)

    false = seal_receipt(
        iss=QINGYUAN,
        aud=SHOUNING,
        batch=digest_of(TOLD.batches[0]),
        lane=Lane.CASE,
        epoch=1,
        received_at=TOLD.now,
        verdicts=[Verdict(statement.digest, Outcome.STORED)],
        head_seq=1,
        head_chain=bytes(32),
        checkpoint=TOLD.qingyuan.note(),
        key=TOLD.qingyuan.sign,
    )
    assert "receipt-mismatch" in codes(TOLD.verify(receipts=[*TOLD.receipts, false]))


def test_a_sender_that_gave_one_place_to_two_statements_is_found_out():
    story = Story.told()
    story.channels[SHOUNING] = (1, story.channels[SHOUNING][1])
    story.say(story.shouning)
    assert codes(story.verify()) == ["channel-fork"]


def test_each_batch_that_gives_a_place_anew_is_told():
    story = Story.told()
    first = story.channels[SHOUNING]
    for _ in range(2):
        story.channels[SHOUNING] = (1, first[1])
        story.say(story.shouning)
    assert codes(story.verify()) == ["channel-fork", "channel-fork"]


def test_a_statement_received_after_its_key_was_revoked_does_not_count():
    story = Story()
    statement = story.say(story.shouning, receipted=False)
    thief = story.shouning.sign
    story.shouning.lose_key(story.now, since=None)
    story.shouning.sign, kept = thief, story.shouning.sign
    story.deliver(story.shouning, statement)
    story.shouning.sign = kept
    assert "key-revoked" in codes(story.verify())


def test_a_statement_nobody_receipted_is_judged_by_the_day_it_says():
    story = Story()
    thief = story.shouning.sign
    story.shouning.lose_key(story.now, since=None)
    story.shouning.sign, kept = thief, story.shouning.sign
    story.say(story.shouning, receipted=False)
    story.shouning.sign = kept
    assert codes(story.verify()) == ["key-revoked"]


def test_a_statement_that_was_refused_for_its_revoked_key_is_no_fault_of_the_file():
    story = Story()
    thief = story.shouning.sign
    story.shouning.lose_key(story.now, since=None)
    kept, story.shouning.sign = story.shouning.sign, thief
    statement = story.say(story.shouning, receipted=False)
    story.shouning.sign = kept
    story.deliver(story.shouning, statement, Outcome.REFUSED, "key-revoked")
    report = story.verify()
    assert report.ok, report.first_wrong
    assert codes(report, "note") == ["refused"]
