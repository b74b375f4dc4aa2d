"""A bundle crosses an air gap sealed, complete, and of the size it says."""

import io
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey

from ecolink.kit.canonical import dumps
from ecolink.kit.ids import new_id
from ecolink.protocol import base64url, bundle, jws
from ecolink.protocol.bundle import CHUNK_BYTES, LINE_TYP, MAX_LINE_BYTES, TYP, Item, Kind, item_of
from ecolink.protocol.keys import SigningKey, Use
from ecolink.protocol.refusal import Refused

SHOUNING, QINGYUAN = "350924000000", "331126000000"
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SIGN, SEAL = SigningKey.generate(), SigningKey.generate()
SIGN_PUBLIC = SIGN.verify_key(SHOUNING, Use.SIGN, NOW)
SEAL_PUBLIC = SEAL.verify_key(QINGYUAN, Use.SEAL, NOW)

DATA = [
    (Kind.BLOB, bytes(range(256)) * 10_000),
    (Kind.BATCH, b'{"batch":"..."}'),
    (Kind.RECEIPT, b"one"),
    (Kind.BLOB, b""),
    (Kind.BLOB, b"x" * CHUNK_BYTES),
]


def pack(data=DATA, announce=None, seal_key=SEAL_PUBLIC, key=SIGN, aud=QINGYUAN):
    by_digest = {sha256(raw).hexdigest(): raw for _, raw in data}
    items = announce or [item_of(kind, raw) for kind, raw in data]
    lines = bundle.write(
        items,
        lambda item: [by_digest.get(item.digest, b"")],
        iss=SHOUNING,
        aud=aud,
        jti=new_id(NOW),
        now=NOW,
        manifests=[(b"token",)],
        key=key,
        seal_key=seal_key,
    )
    return b"".join(lines)


def introduced_by(find_key):
    def introduce(unit_code, documents):
        assert (unit_code, documents) == (SHOUNING, [(b"token",)])
        return find_key

    return introduce


def unpack(raw, us=QINGYUAN, keys=None, find_key=None, at=NOW):
    contents, parts = bundle.read(
        io.BytesIO(raw).readline,
        us=us,
        seal_keys={SEAL.kid: SEAL} if keys is None else keys,
        introduce=introduced_by(find_key or {SIGN.kid: SIGN_PUBLIC}.get),
        received_at=at,
    )
    return contents, [(part.item.kind, part.read()) for part in parts]


def refusal_of(raw, **how):
    with pytest.raises(Refused) as refused:
        unpack(raw, **how)
    return refused.value.reason


FILE = pack()
LINES = FILE.splitlines(keepends=True)
SMALL = pack(DATA[1:4])


def seal_line(data, **header):
    said = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": SEAL.kid, "typ": LINE_TYP, **header}
    said = {name: value for name, value in said.items() if value is not None}
    key = ECKey.import_key(SEAL.jwk())
    return jwe.encrypt_compact(said, data, key, algorithms=["ECDH-ES", "A256GCM", "A128GCM", "DEF"]).encode() + b"\n"


def first_lines(items, **changes):
    payload = {"iss": SHOUNING, "aud": QINGYUAN, "jti": new_id(NOW), "iat": 1, "items": items, **changes}
    manifests = dumps({"iss": SHOUNING, "manifests": [["token"]]})
    return seal_line(manifests) + seal_line(jws.sign(TYP, payload, SIGN))


def test_everything_arrives_in_the_order_in_which_it_is_taken_in():
    contents, parts = unpack(FILE)
    assert (contents.iss, contents.aud, contents.iat) == (SHOUNING, QINGYUAN, NOW)
    assert [kind for kind, _ in parts] == ["receipt", "batch", "blob", "blob", "blob"]
    assert sorted(parts) == sorted(DATA)


def test_what_is_written_is_what_is_read():
    contents, parts = unpack(pack())
    assert [(item.kind, item.digest, item.size) for item in contents.items] == [
        (kind, sha256(raw).hexdigest(), len(raw)) for kind, raw in parts
    ]
    assert sorted(parts) == sorted(DATA)


def test_large_items_are_spread_over_lines_of_bounded_length():
    assert len(LINES) == 2 + 1 + 1 + 3 + 0 + 1
    assert max(map(len, LINES)) <= MAX_LINE_BYTES


def test_nothing_inside_can_be_read_without_the_recipients_key():
    assert b"batch" not in FILE
    assert SHOUNING.encode() not in FILE
    assert refusal_of(FILE, keys={}) == "bad-bundle"
    other = SigningKey.generate()
    assert refusal_of(FILE, keys={SEAL.kid: other}) == "bad-bundle"


def test_a_bundle_for_another_bureau_or_from_a_stranger_is_refused():
    assert refusal_of(FILE, us=SHOUNING) == "wrong-audience"
    assert refusal_of(FILE, find_key=lambda _: None) == "unknown-key"
    assert refusal_of(pack(key=SigningKey.generate())) == "unknown-key"


def test_a_bundle_signed_with_a_key_that_ended_is_refused():
    ended = SIGN.verify_key(SHOUNING, Use.SIGN, NOW, NOW + timedelta(days=1))
    assert refusal_of(FILE, find_key={SIGN.kid: ended}.get, at=NOW + timedelta(days=2)) == "key-expired"


def test_it_is_sealed_to_the_recipients_seal_key_and_to_no_other():
    for key in (SEAL.verify_key(QINGYUAN, Use.SIGN, NOW), SEAL.verify_key(SHOUNING, Use.SEAL, NOW)):
        with pytest.raises(Refused) as refused:
            pack(seal_key=key)
        assert refused.value.reason == "wrong-key-use"


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_line_lost_doubled_or_swapped_is_noticed(data):
    lines = list(LINES)
    at = data.draw(st.integers(1, len(lines) - 1))
    match data.draw(st.sampled_from(["lost", "doubled", "swapped"])):
        case "lost":
            del lines[at]
        case "doubled":
            lines.insert(at, lines[at])
        case "swapped":
            other = data.draw(st.integers(1, len(lines) - 1).filter(lambda n: n != at))
            lines[at], lines[other] = lines[other], lines[at]
    try:
        _, parts = unpack(b"".join(lines))
    except Refused:
        return
    assert sorted(parts) == sorted(DATA)


@given(st.data())
def test_no_byte_can_be_changed_and_none_cut_off(data):
    at = data.draw(st.integers(0, len(SMALL) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda other: other != SMALL[at]))
    assert refusal_of(SMALL[:at] + bytes([byte]) + SMALL[at + 1 :])
    assert refusal_of(SMALL[:at])


@pytest.mark.parametrize(
    "epk", [None, 5, {}, {"kty": "EC"}, {"kty": "EC", "crv": "P-2!6", "x": "A", "y": "A"}], ids=str
)
def test_a_line_with_an_odd_ephemeral_key_does_not_open(epk):
    header, *rest = SMALL.splitlines()[0].split(b".")
    said = {**json.loads(base64url.decode(header)), "epk": epk}
    assert refusal_of(b".".join([base64url.encode(dumps(said)), *rest]) + b"\n") == "bad-bundle"


def test_a_line_has_one_spelling():
    last = LINES[-1]
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = alphabet[alphabet.index(last[-2]) ^ 1 : (alphabet.index(last[-2]) ^ 1) + 1]
    assert refusal_of(FILE[:-2] + spare + b"\n") == "bad-base64"
    assert refusal_of(FILE[:-1] + b"=\n") == "bad-base64"


def test_whatever_was_left_unread_is_still_verified():
    item = item_of(Kind.BLOB, b"genuine")
    said = {"kind": item.kind, "digest": item.digest, "size": item.size}
    raw = first_lines([said]) + seal_line(b"forgery")
    _, parts = bundle.read(
        io.BytesIO(raw).readline,
        us=QINGYUAN,
        seal_keys={SEAL.kid: SEAL},
        introduce=introduced_by({SIGN.kid: SIGN_PUBLIC}.get),
        received_at=NOW,
    )
    next(parts)
    with pytest.raises(Refused):
        next(parts)


def test_more_than_was_announced_is_refused():
    assert refusal_of(FILE + seal_line(b"more")) == "bad-bundle"
    assert refusal_of(FILE + b"\n") == "bad-bundle"


@pytest.mark.parametrize(
    "item",
    [
        {"kind": "receipt", "size": 10**9},
        {"kind": "blob", "size": 3 * 1024**3},
        {"kind": "blob", "size": -1},
        {"kind": "zip", "size": 1},
    ],
    ids=str,
)
def test_items_beyond_the_limits_are_refused_before_any_byte_of_them_is_read(item):
    assert refusal_of(first_lines([{"digest": "00" * 32, **item}])) == "invalid-claim"


def test_bundles_of_too_many_items_or_bytes_are_refused():
    small = {"kind": "blob", "digest": "00" * 32, "size": 0}
    assert refusal_of(first_lines([{**small, "size": 2 * 1024**3}] * 9)) == "too-large"
    assert refusal_of(first_lines(["not an object"])) == "invalid-claim"
    with pytest.raises(Refused):
        pack(announce=[Item(Kind.BLOB, "00" * 32, 0)] * 5_001)
    with pytest.raises(Refused):
        pack(announce=[Item(Kind.RECEIPT, "00" * 32, 10**9)])


@pytest.mark.parametrize("kind", list(Kind))
def test_an_item_may_be_as_large_as_its_kind_may_be_and_no_larger(kind):
    most = bundle._MOST[kind]
    item = {"kind": kind, "digest": "00" * 32}
    assert refusal_of(first_lines([{**item, "size": most}])) == "bad-bundle"  # its bytes are not there
    assert refusal_of(first_lines([{**item, "size": most + 1}])) == "invalid-claim"
    with pytest.raises(Refused, match="an item of the bundle is larger than its kind may be") as refused:
        pack(announce=[Item(kind, "00" * 32, most + 1)])
    assert refused.value.reason == "too-large"


def test_a_bundle_may_be_full():
    most = bundle._MOST[Kind.BLOB]
    full = [{"kind": "blob", "digest": "00" * 32, "size": most}] * (bundle.MAX_BUNDLE_BYTES // most)
    assert bundle.MAX_BUNDLE_BYTES % most == 0
    assert refusal_of(first_lines(full)) == "bad-bundle"  # their bytes are not there
    small = {"kind": "blob", "digest": sha256(b"").hexdigest(), "size": 0}
    assert len(unpack(first_lines([small] * bundle.MAX_ITEMS))[1]) == bundle.MAX_ITEMS
    assert refusal_of(first_lines([*full, {**small, "size": 1}])) == "too-large"


def test_what_changed_on_our_own_disc_since_it_was_announced_is_not_sent():
    with pytest.raises(Refused) as refused:
        pack(announce=[Item(Kind.BLOB, "00" * 32, 4)])
    assert refused.value.reason == "bad-bundle"


def test_an_endless_line_is_cut_at_the_limit():
    asked = []

    def endless(most):
        asked.append(most)
        return b"a" * most

    with pytest.raises(Refused) as refused:
        bundle.read(endless, us=QINGYUAN, seal_keys={}, introduce=introduced_by({}.get), received_at=NOW)
    assert (refused.value.reason, asked) == ("bad-bundle", [MAX_LINE_BYTES + 1])


@pytest.mark.parametrize(
    "header",
    [
        {"enc": "A128GCM"},
        {"zip": "DEF"},
        {"typ": "JWE"},
        {"typ": None},
        {"kid": "nobody"},
        {"apu": "QQ"},
    ],
    ids=str,
)
def test_a_line_sealed_in_any_other_way_is_refused(header):
    assert refusal_of(seal_line(b"x" * 100, **header)) == "bad-bundle"


def test_a_sender_cannot_introduce_itself_as_one_and_sign_as_another():
    assert refusal_of(first_lines([], iss="331127000000")) == "wrong-issuer"
    assert refusal_of(seal_line(b"[]")) == "bad-bundle"
    assert refusal_of(seal_line(b'{"iss":"350924000000"}')) == "invalid-claim"


def test_what_is_no_bundle_at_all_is_refused():
    for raw in (b"", b"\n", b"hello\n", b".....\n", b"{}\n", b"PK\x03\x04" + bytes(100)):
        assert refusal_of(raw) in {"bad-bundle", "bad-base64", "bad-json"}
