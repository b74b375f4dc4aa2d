"""A channel's entries are numbered without gaps and chained one by one, however they are batched."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecolink.kit.canonical import sha256_hex
from ecolink.kit.times import to_text
from ecolink.protocol import base64url, jws
from ecolink.protocol.batch import GENESIS, TYP, chain, open_batch, pack, seal_batch, unpack
from ecolink.protocol.limits import MAX_BATCH_BYTES, MAX_ENTRIES, MAX_EPOCH, MAX_PUSH_BYTES
from ecolink.protocol.push import open_push
from ecolink.protocol.refusal import Refused
from ecolink.protocol.statement import Lane
from tests.support.bureaus import JINGNING, NOW, QINGYUAN, SHOUNING, keyring, sealed

FIND = keyring()
DIGESTS = [sha256_hex(bytes([n])) for n in range(5)]
STATEMENTS = [sealed(private={"persons": [{"name": "钟大山"}]}), sealed()]
PARTS = [(each.token, each.private) for each in STATEMENTS]


def batch(entries=DIGESTS, **changes):
    said = {
        "iss": SHOUNING.code,
        "aud": QINGYUAN.code,
        "lane": Lane.CASE,
        "epoch": 1,
        "first_seq": 1,
        "prev": GENESIS,
        "entries": entries,
        "key": SHOUNING.key(),
    }
    return seal_batch(**(said | changes))


def opened(token, **changes):
    return open_batch(token, **({"find_key": FIND, "us": QINGYUAN.code, "sender": SHOUNING.code} | changes))


def reason(call, *arguments, **named):
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return refused.value.reason


def test_the_recipient_reads_what_the_sender_sealed():
    token = batch(lane=Lane.EMERGENCY, epoch=3, first_seq=41, prev=b"\7" * 32)
    read = opened(token)
    assert (read.iss, read.aud, read.lane, read.epoch) == (SHOUNING.code, QINGYUAN.code, Lane.EMERGENCY, 3)
    assert (read.first_seq, read.last_seq, read.prev, read.entries) == (41, 45, b"\7" * 32, tuple(DIGESTS))
    assert (read.token, read.digest, read.kid) == (token, jws.digest_of(token), SHOUNING.key().kid)


def test_the_chain_is_sha256_over_value_number_and_digest():
    value = chain(GENESIS, 1, DIGESTS[0])
    assert value == sha256(bytes(32) + b"\0\0\0\0\0\0\0\1" + bytes.fromhex(DIGESTS[0])).digest()
    assert chain(value, 2, DIGESTS[1]) != chain(value, 3, DIGESTS[1])


@given(st.integers(1, 4))
def test_however_entries_are_batched_the_chain_is_the_same(cut):
    whole = opened(batch()).head()
    first = opened(batch(DIGESTS[:cut]))
    second = opened(batch(DIGESTS[cut:], first_seq=cut + 1, prev=first.head()))
    assert second.head() == whole


def test_a_batch_resealed_with_another_key_keeps_the_chain():
    find = keyring(SHOUNING.pinned(), SHOUNING.pinned("next"))
    resealed = opened(batch(key=SHOUNING.key("next")), find_key=find)
    assert resealed.head() == opened(batch()).head()
    assert resealed.digest != opened(batch()).digest


def test_a_batch_for_another_or_from_another_is_refused():
    assert reason(opened, batch(), us=JINGNING.code) == "wrong-audience"
    assert reason(opened, batch(), sender=JINGNING.code) == "wrong-sender"
    assert reason(opened, batch(iss=JINGNING.code), sender=None) == "wrong-issuer"
    assert opened(batch(), us=None, sender=None)


def test_a_batch_without_audience_is_refused():
    said = payload()
    del said["aud"]
    assert reason(opened, jws.sign(TYP, said, SHOUNING.key())) == "wrong-audience"
    assert reason(opened, jws.sign(TYP, said, SHOUNING.key()), us=None) == "missing-claim"


def test_a_batch_under_a_revoked_key_is_refused():
    find = keyring(SHOUNING.pinned(revoked_at=NOW))
    assert reason(opened, batch(), find_key=find, received_at=NOW) == "key-revoked"
    assert opened(batch(), find_key=find)


def payload():
    return json.loads(base64url.decode(batch().split(b".")[1]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lane", "fast"),
        ("lane", None),
        ("epoch", 0),
        ("epoch", "1"),
        ("epoch", True),
        ("epoch", MAX_EPOCH + 1),
        ("first_seq", 0),
        ("first_seq", -1),
        ("first_seq", 1.0),
        ("prev", ""),
        ("prev", "0" * 63),
        ("prev", "A" * 64),
        ("entries", []),
        ("entries", ["x"]),
        ("entries", [DIGESTS[0], DIGESTS[1].upper()]),
        ("entries", [DIGESTS[0], 5]),
        ("entries", [DIGESTS[0][:63], DIGESTS[1] + "0"]),
        ("entries", DIGESTS * 101),
        ("entries", {}),
    ],
)
def test_a_member_of_another_type_or_form_is_refused(name, value):
    token = jws.sign(TYP, payload() | {name: value}, SHOUNING.key())
    assert reason(opened, token) == "invalid-claim"


def test_five_hundred_entries_fit_their_limit():
    token = batch([sha256_hex(str(n).encode()) for n in range(MAX_ENTRIES)], first_seq=2**52, epoch=MAX_EPOCH)
    assert len(token) <= MAX_BATCH_BYTES
    assert opened(token).last_seq == 2**52 + MAX_ENTRIES - 1


def test_a_push_is_taken_apart_as_it_was_packed():
    token = batch([each.digest for each in STATEMENTS])
    raw = pack(token, PARTS)
    assert raw.isascii()
    assert unpack(raw) == (token, PARTS)
    read = opened(token)
    assert [(e.seq, e.digest, e.token, e.private) for e in read.pair(PARTS)] == [
        (1, STATEMENTS[0].digest, STATEMENTS[0].token, STATEMENTS[0].private),
        (2, STATEMENTS[1].digest, STATEMENTS[1].token, None),
    ]


def pushed(parts, **changes):
    """Open a push of the batch of `STATEMENTS` with `parts` beside it."""
    raw = pack(batch([each.digest for each in STATEMENTS]), parts)
    between = {"find_key": FIND, "us": QINGYUAN.code, "sender": SHOUNING.code, "received_at": NOW}
    return open_push(raw, **(between | changes))


def test_a_push_brings_each_statement_or_why_not_in_its_place():
    assert [(each.token, each.private) for each in pushed(PARTS).entries] == PARTS
    assert pushed(PARTS).batch.digest == opened(batch([each.digest for each in STATEMENTS])).digest
    kept, refused = pushed([PARTS[0], (forged(PARTS[1][0]), None)]).entries
    assert (kept.digest, refused.reason) == (STATEMENTS[0].digest, "bad-signature")


def test_what_is_filed_of_a_statement_is_what_its_author_said():
    first, second = pushed(PARTS).entries
    for filed, said in zip((first, second), STATEMENTS, strict=True):
        assert {name: getattr(filed, name) for name in filed._fields} == {
            name: getattr(said, name) for name in filed._fields
        }
    assert first.private_digest
    late = sealed(deliver_by=NOW, parents=("00" * 32,))
    filed = opened_alone(late)
    assert (filed.deliver_by, filed.parents, filed.aud) == (NOW, late.parents, late.aud)


def opened_alone(statement, **changes):
    """Return what becomes of a statement in a batch of its own."""
    raw = pack(batch([statement.digest], **changes), [(statement.token, statement.private)])
    [entry] = open_push(raw, find_key=FIND, us=QINGYUAN.code, sender=SHOUNING.code, received_at=NOW).entries
    return entry


def test_a_statement_that_came_too_late_or_in_another_lane_is_refused_in_its_place():
    late = opened_alone(sealed(deliver_by=NOW - timedelta(milliseconds=1)))
    assert (late.reason, to_text(NOW - timedelta(milliseconds=1)) in late.detail) == ("expired", True)
    astray = opened_alone(sealed(), lane=Lane.BULK)
    assert (astray.reason, astray.detail) == ("invalid-claim", "a statement of lane case in a batch of bulk")


def test_a_push_of_others_or_to_others_or_with_a_key_of_tomorrow_is_refused_as_a_whole():
    assert reason(pushed, PARTS, us=JINGNING.code) == "wrong-audience"
    assert reason(pushed, PARTS, sender=JINGNING.code) == "wrong-sender"
    assert reason(pushed, PARTS, received_at=NOW - timedelta(days=36_500)) == "key-not-yet-valid"


def test_a_statement_of_others_or_to_others_is_refused_in_its_place():
    assert opened_alone(sealed(aud=(JINGNING.code,))).reason == "wrong-audience"
    assert opened_alone(sealed(JINGNING)).reason == "wrong-sender"


def test_a_statement_by_a_key_that_is_not_in_force_is_refused_in_its_place():
    """The batch may be signed by a key in force, and what rides beside it by one that ended since."""
    fresh, ended = SHOUNING.pinned("next"), SHOUNING.pinned(not_after=NOW)
    raw = pack(batch([each.digest for each in STATEMENTS], key=SHOUNING.key("next")), PARTS)
    between = {"find_key": keyring(fresh, ended), "us": QINGYUAN.code, "sender": SHOUNING.code}
    late = open_push(raw, received_at=NOW, **between).entries
    assert [entry.reason for entry in late] == ["key-expired"] * len(PARTS)
    in_time = open_push(raw, received_at=NOW - timedelta(seconds=1), **between).entries
    assert [(entry.token, entry.private) for entry in in_time] == PARTS


def test_statements_that_are_not_the_batchs_entries_are_refused():
    other = sealed()
    for parts in (
        PARTS[:1],
        PARTS[::-1],
        [*PARTS, PARTS[0]],
        [PARTS[0], (other.token, None)],
        [PARTS[0], (forged(other.token), None)],
        [PARTS[0], (b"no token", None)],
    ):
        assert reason(pushed, parts) == "batch-mismatch"


def test_whoever_reads_a_share_of_a_push_looks_at_that_share():
    wrong = [PARTS[0], PARTS[0]]
    assert [each.digest for each in pushed(wrong, share=slice(0, None, 2)).entries] == [STATEMENTS[0].digest]
    assert [each.digest for each in pushed(PARTS, share=slice(1, None, 2)).entries] == [STATEMENTS[1].digest]
    assert reason(pushed, wrong, share=slice(1, None, 2)) == "batch-mismatch"
    assert reason(pushed, PARTS[:1], share=slice(0, None, 2)) == "batch-mismatch"


def forged(token):
    """Return the same words with the signature of others."""
    return token[: token.rindex(b".")] + sealed().token[-87:]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "bad-json"),
        (b"[]", "invalid-claim"),
        (b"{}", "missing-claim"),
        (b'{"batch":"x"}', "missing-claim"),
        (b'{"statements":[{"token":"x"}]}', "missing-claim"),
        (b'{"batch":1,"statements":[{"token":"x"}]}', "invalid-claim"),
        (b'{"batch":"x","statements":[]}', "invalid-claim"),
        (b'{"batch":"x","statements":["x"]}', "invalid-claim"),
        (b'{"batch":"x","statements":[{}]}', "missing-claim"),
        (b'{"batch":"x","statements":[{"token":"x"}]}', "missing-claim"),
        (b'{"batch":"x","statements":[{"private":null}]}', "missing-claim"),
        (b'{"batch":"x","statements":[{"token":null,"private":null}]}', "invalid-claim"),
        ('{"batch":"x","statements":[{"token":"林","private":null}]}'.encode(), "invalid-claim"),
        (b'{"batch":"x","statements":[{"token":"x","private":{}}]}', "invalid-claim"),
        (b'{"batch":"x","statements":[{"token":"x","private":"AA=="}]}', "bad-base64"),
        (b'{"batch":"x","statements":[{"token":"x","token":"y","private":null}]}', "bad-json"),
        (b'{"batch":"x","statements":[' + b'{"token":"x"},' * 500 + b'{"token":"x"}]}', "invalid-claim"),
        (b"[" * 100_000, "bad-json"),
        (b" " * (MAX_PUSH_BYTES + 1), "too-large"),
    ],
)
def test_a_push_of_another_form_is_refused(raw, expected):
    assert reason(unpack, raw) == expected


@given(st.binary(max_size=100))
def test_any_bytes_are_taken_apart_or_refused(raw):
    with pytest.raises(Refused):
        unpack(raw)


def test_a_limit_of_the_callers_own_is_kept():
    raw = pack(batch(), PARTS)
    assert reason(unpack, raw, max_bytes=len(raw) - 1) == "too-large"
    assert unpack(raw, max_bytes=len(raw))
