"""Only P-256, each key under the name that is its thumbprint."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey

from ecolink.protocol import base64url
from ecolink.protocol.keys import SigningKey, Use, VerifyKey, jwk_of, public_of, thumbprint
from ecolink.protocol.limits import CLOCK_SKEW
from ecolink.protocol.refusal import Refused
from tests.support.bureaus import NOW, SHOUNING

DAY = timedelta(days=1)
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def reason(call, *arguments, **named):
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return refused.value.reason


def test_a_signature_is_verified_and_any_other_is_refused():
    key = SigningKey.generate()
    pinned = key.verify_key(SHOUNING.code, Use.SIGN, NOW)
    signature = key.sign(b"bytes")
    assert len(signature) == 64
    pinned.verify(b"bytes", signature)
    assert reason(pinned.verify, b"other bytes", signature) == "bad-signature"
    assert reason(pinned.verify, b"bytes", SigningKey.generate().sign(b"bytes")) == "bad-signature"


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(63),
        bytes(64),
        bytes(65),
        bytes(31) + b"\1" + bytes(32),
        bytes(63) + b"\1",
        N.to_bytes(32) + b"\1" * 32,
        b"\1" * 32 + N.to_bytes(32),
        b"\xff" * 64,
    ],
    ids=["empty", "63 bytes", "r = s = 0", "65 bytes", "s = 0", "r = 0", "r = n", "s = n", "r, s beyond n"],
)
def test_r_and_s_out_of_range_are_refused(signature):
    assert reason(SHOUNING.pinned().verify, b"bytes", signature) == "bad-signature"


def test_a_der_signature_is_not_taken_for_a_raw_one():
    der = SHOUNING.key().private.sign(b"bytes", ec.ECDSA(SHA256()))
    assert reason(SHOUNING.pinned().verify, b"bytes", der) == "bad-signature"


def test_the_kid_is_the_thumbprint_that_other_libraries_compute():
    key = SigningKey.generate()
    assert key.kid == ECKey.import_key(key.jwk()).thumbprint()
    assert len(key.kid) == 43
    # The example of RFC 7517 appendix A.1 is on P-256; its thumbprint computed by joserfc.
    example = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }
    assert thumbprint(example) == ECKey.import_key(example).thumbprint()


def test_a_private_key_survives_its_pem_with_and_without_passphrase():
    key = SigningKey.generate()
    for passphrase in (None, b"correct horse"):
        again = SigningKey.from_pem(key.to_pem(passphrase), passphrase)
        assert again.kid == key.kid
    with pytest.raises(ValueError, match=r"(?i)password|decrypt"):
        SigningKey.from_pem(key.to_pem(b"correct horse"), b"wrong")
    with pytest.raises(TypeError):
        SigningKey.from_pem(key.to_pem(b"correct horse"), None)


def test_a_private_key_of_another_kind_is_refused():
    assert reason(SigningKey, ec.generate_private_key(ec.SECP384R1())) == "bad-key"
    assert reason(SigningKey, ec.generate_private_key(ec.SECP256K1())) == "bad-key"
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert reason(SigningKey.from_pem, pem, None) == "bad-key"


def test_a_p384_key_cannot_be_pinned_by_any_way():
    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    assert reason(VerifyKey, issuer="1", kid="1", use=Use.SIGN, public=public, jwk={}, not_before=NOW) == "bad-key"
    point = public.public_numbers()
    jwk = {
        "kty": "EC",
        "crv": "P-384",
        "x": base64url.encode(point.x.to_bytes(48)).decode(),
        "y": base64url.encode(point.y.to_bytes(48)).decode(),
    }
    assert reason(public_of, jwk) == "bad-key"
    assert reason(public_of, jwk | {"crv": "P-256"}) == "bad-key"


GOOD = SHOUNING.key().jwk()


@pytest.mark.parametrize(
    "jwk",
    [
        {**GOOD, "crv": "P-521"},
        {**GOOD, "kty": "oct"},
        {**GOOD, "d": "AA"},
        {**GOOD, "alg": "ES256"},
        {name: value for name, value in GOOD.items() if name != "y"},
        {**GOOD, "y": GOOD["x"]},
        {**GOOD, "x": GOOD["x"] + "="},
        {**GOOD, "x": "AAAA"},
        {**GOOD, "x": ""},
        {**GOOD, "x": 5},
        {**GOOD, "x": "\ud800"},
        {**GOOD, "x": base64url.encode(b"\xff" * 32).decode()},
        {**GOOD, "x": "A" * 43, "y": "A" * 43},
    ],
    ids=lambda jwk: " ".join(f"{name}={str(value)[:8]!a}" for name, value in jwk.items()),
)
def test_a_jwk_that_is_not_exactly_a_p256_point_is_refused(jwk):
    assert reason(VerifyKey.from_jwk, jwk, issuer=SHOUNING.code, use=Use.SIGN, not_before=NOW) == "bad-key"


def test_the_point_of_a_pinned_key_is_parsed_once():
    assert SHOUNING.pinned().public is SHOUNING.pinned().public


def test_a_public_key_reads_as_it_was_written():
    key = SigningKey.generate()
    assert jwk_of(public_of(key.jwk())) == key.jwk()


@pytest.mark.parametrize(
    ("times", "at", "verdict"),
    [
        ({}, NOW, None),
        ({"not_before": NOW}, NOW - CLOCK_SKEW, None),
        ({"not_before": NOW}, NOW - CLOCK_SKEW - timedelta(seconds=1), "key-not-yet-valid"),
        ({"not_after": NOW}, NOW - timedelta(seconds=1), None),
        ({"not_after": NOW}, NOW, "key-expired"),
        ({"revoked_at": NOW}, NOW - timedelta(seconds=1), None),
        ({"revoked_at": NOW}, NOW, "key-revoked"),
        ({"revoked_at": NOW, "not_after": NOW - DAY}, NOW, "key-revoked"),
        ({"revoked_at": NOW, "compromised_since": NOW - DAY}, NOW - timedelta(hours=1), None),
    ],
)
def test_a_key_is_judged_at_the_moment_of_receipt(times, at, verdict):
    key = SHOUNING.pinned(**times)
    if verdict is None:
        key.refuse_unless_valid(at)
    else:
        assert reason(key.refuse_unless_valid, at) == verdict


def test_pinned_keys_can_be_compared_and_kept_in_a_set():
    assert {SHOUNING.pinned(), SHOUNING.pinned()} == {SHOUNING.pinned()}
    assert SHOUNING.pinned() != SHOUNING.pinned("next")
