"""A receipt is the recipient's signed word on every entry of a batch."""

import json
from datetime import timedelta

import pytest

from ecolink.kit.canonical import sha256_hex
from ecolink.protocol import base64url, jws
from ecolink.protocol.limits import MAX_ENTRIES, MAX_EPOCH, MAX_RECEIPT_BYTES
from ecolink.protocol.receipt import TYP, Outcome, Verdict, open_receipt, seal_receipt
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane
from tests.support.bureaus import JINGNING, NOW, QINGYUAN, SHOUNING, keyring

FIND = keyring()
ONE, TWO, THREE = (sha256_hex(word) for word in (b"one", b"two", b"three"))
VERDICTS = (
    Verdict(ONE, Outcome.STORED),
    Verdict(TWO, Outcome.DUPLICATE),
    Verdict(THREE, Outcome.REFUSED, Reason.CLASSIFICATION),
)


def receipt(**changes):
    said = {
        "iss": QINGYUAN.code,
        "aud": SHOUNING.code,
        "batch": sha256_hex(b"batch"),
        "lane": Lane.CASE,
        "epoch": 1,
        "received_at": NOW,
        "verdicts": VERDICTS,
        "head_seq": 3,
        "head_chain": b"\5" * 32,
        "checkpoint": "ecolink.log/331126000000/1\n7\nroot\n",
        "key": QINGYUAN.key(),
    }
    return seal_receipt(**(said | changes))


def opened(token, **changes):
    return open_receipt(token, **({"find_key": FIND, "us": SHOUNING.code, "sender": QINGYUAN.code} | changes))


def reason(call, *arguments, **named):
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return refused.value.reason


def payload():
    return json.loads(base64url.decode(receipt().split(b".")[1]))


def test_the_sender_reads_what_became_of_each_entry():
    read = opened(receipt())
    assert read.verdicts == VERDICTS
    assert [verdict.reason for verdict in read.verdicts] == [None, None, "classification"]
    assert (read.batch, read.lane, read.epoch, read.received_at) == (sha256_hex(b"batch"), Lane.CASE, 1, NOW)
    assert (read.head_seq, read.head_chain) == (3, b"\5" * 32)
    assert read.checkpoint.startswith("ecolink.log/331126000000/1\n")


def test_received_at_is_kept_to_the_millisecond():
    assert opened(receipt(received_at=NOW + timedelta(microseconds=123_456))).received_at == NOW + timedelta(
        milliseconds=123
    )


def test_a_receipt_for_another_or_from_another_is_refused():
    assert reason(opened, receipt(), us=JINGNING.code) == "wrong-audience"
    assert reason(opened, receipt(), sender=JINGNING.code) == "wrong-sender"
    assert reason(opened, receipt(iss=JINGNING.code), sender=None) == "wrong-issuer"


def test_a_receipt_under_a_revoked_key_is_refused():
    find = keyring(QINGYUAN.pinned(revoked_at=NOW))
    assert reason(opened, receipt(), find_key=find, received_at=NOW) == "key-revoked"


def test_five_hundred_refusals_fit_their_limit():
    verdicts = [Verdict(sha256_hex(str(n).encode()), Outcome.REFUSED, "x" * 64) for n in range(MAX_ENTRIES)]
    token = receipt(verdicts=verdicts, checkpoint="x" * 2_000)
    assert len(token) <= MAX_RECEIPT_BYTES
    assert opened(token).verdicts == tuple(verdicts)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch", "x"),
        ("lane", "fast"),
        ("epoch", 0),
        ("epoch", MAX_EPOCH + 1),
        ("received_at", 1_763_776_800),
        ("received_at", "2026-11-22T10:00:00"),
        ("verdicts", []),
        ("verdicts", ["stored"]),
        ("verdicts", [{"digest": ONE, "verdict": "lost"}]),
        ("verdicts", [{"digest": "x", "verdict": "stored"}]),
        ("verdicts", [{"digest": ONE, "verdict": "stored", "reason": "classification"}]),
        ("verdicts", [{"digest": ONE, "verdict": "refused", "reason": ""}]),
        ("verdicts", [{"digest": ONE, "verdict": "refused", "reason": "x" * 65}]),
        ("verdicts", [{"digest": ONE, "verdict": "stored"}] * 501),
        ("head_seq", -1),
        ("head_seq", "3"),
        ("head_chain", "05"),
        ("checkpoint", ""),
        ("checkpoint", "x" * 2_001),
    ],
)
def test_a_member_of_another_type_or_form_is_refused(name, value):
    assert reason(opened, jws.sign(TYP, payload() | {name: value}, QINGYUAN.key())) == "invalid-claim"


@pytest.mark.parametrize(
    "name", ["batch", "lane", "epoch", "received_at", "verdicts", "head_seq", "head_chain", "checkpoint"]
)
def test_a_receipt_without_a_member_is_refused_by_name(name):
    said = payload()
    del said[name]
    with pytest.raises(Refused, match=f"missing-claim: {name} is absent"):
        opened(jws.sign(TYP, said, QINGYUAN.key()))


def test_a_refusal_without_reason_is_refused():
    verdicts = [{"digest": ONE, "verdict": "refused"}]
    assert reason(opened, jws.sign(TYP, payload() | {"verdicts": verdicts}, QINGYUAN.key())) == "missing-claim"
