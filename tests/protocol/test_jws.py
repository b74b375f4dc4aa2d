"""Every leniency known from general libraries is refused here; joserfc is the second opinion.

Where joserfc accepts what we refuse, the case says so: those are the reasons for having a layer of our own.
"""

import hmac
import json
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from ecolink.protocol import base64url, jws
from ecolink.protocol.keys import SigningKey, Use
from ecolink.protocol.refusal import Reason, Refused
from tests.support.bureaus import NOW, QINGYUAN, SHOUNING, keyring

TYP = "ecolink-statement+jws"
KEY = SHOUNING.key()
SAID = {"iss": SHOUNING.code, "body": {"facts": "杉木"}}
PAYLOAD = json.dumps(SAID).encode()
TOKEN = jws.sign(TYP, SAID, KEY)
HEADER = {"alg": "ES256", "kid": KEY.kid, "typ": TYP}
FIND = keyring()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def sign_text(data, key=KEY):
    """Sign `header.payload` as it stands."""
    return data + b"." + base64url.encode(key.sign(data))


def signed(header=HEADER, payload=PAYLOAD, key=KEY):
    """Sign anything at all, as someone would who does not care for our rules."""
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    return sign_text(base64url.encode(written) + b"." + base64url.encode(payload), key)


def segments(token=TOKEN):
    return token.split(b".")


def reason(token, **changes):
    with pytest.raises(Refused) as refused:
        jws.open_token(token, **({"typ": TYP, "find_key": FIND} | changes))
    return refused.value.reason


def joserfc_accepts(token):
    try:
        joserfc.deserialize_compact(token, ECKey.import_key(KEY.jwk()), algorithms=["ES256"])
    except (JoseError, ValueError, TypeError):  # it also trips over a header that is no object
        return False
    return True


def next_last(text):
    """Set the lowest spare bit of the last character."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + bytes([alphabet[alphabet.index(text[-1]) | 1]])


def hs256_with_public_key(encoding, form):
    """The classic: the verifier's own public key used as an HMAC secret."""
    secret = KEY.private.public_key().public_bytes(encoding, form)
    data = base64url.encode(json.dumps(HEADER | {"alg": "HS256"}).encode()) + b"." + base64url.encode(PAYLOAD)
    return data + b"." + base64url.encode(hmac.digest(secret, data, "sha256"))


def es256_by_p384():
    """A P-384 key signing under the name of ES256."""
    private = ec.generate_private_key(ec.SECP384R1())
    data = base64url.encode(json.dumps(HEADER).encode()) + b"." + base64url.encode(PAYLOAD)
    r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))
    return data + b"." + base64url.encode(r.to_bytes(48) + s.to_bytes(48))


def test_a_token_opens_to_what_was_said_and_who_said_it():
    opened = jws.open_token(TOKEN, typ=TYP, find_key=FIND)
    assert opened.payload == SAID
    assert (opened.kid, opened.key.issuer) == (KEY.kid, SHOUNING.code)
    assert opened.digest == sha256(TOKEN.rpartition(b".")[0]).hexdigest() == jws.digest_of(TOKEN)


def test_joserfc_reads_our_tokens_and_we_read_its():
    theirs = joserfc.serialize_compact(HEADER, PAYLOAD, ECKey.import_key(KEY.private), algorithms=["ES256"])
    assert jws.open_token(theirs.encode(), typ=TYP, find_key=FIND).payload == SAID
    ours = joserfc.deserialize_compact(TOKEN, ECKey.import_key(KEY.jwk()), algorithms=["ES256"])
    assert json.loads(ours.payload) == SAID
    assert ours.headers() == HEADER


H, P, S = segments()
DER = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
PEM = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

BOTH_REFUSE = {
    "one segment": (H, Reason.BAD_TOKEN),
    "two segments": (H + b"." + P, Reason.BAD_TOKEN),
    "four segments": (TOKEN + b"." + S, Reason.BAD_TOKEN),
    "a fourth, empty segment": (TOKEN + b".", Reason.BAD_TOKEN),
    "nothing": (b"", Reason.BAD_TOKEN),
    "leading blank": (b" " + TOKEN, Reason.BAD_BASE64),
    "trailing newline": (TOKEN + b"\n", Reason.BAD_BASE64),
    "newline inside": (H[:9] + b"\n" + H[9:] + b"." + P + b"." + S, Reason.BAD_BASE64),
    "padding": (TOKEN + b"==", Reason.BAD_BASE64),
    "spare bits in the signature": (H + b"." + P + b"." + next_last(S), Reason.BAD_BASE64),
    "signed with padding": (sign_text(H + b"." + base64url.encode(b'{"iss":"1"}') + b"="), Reason.BAD_BASE64),
    "signed with spare bits": (sign_text(H + b"." + next_last(base64url.encode(b'{"iss":"1"}'))), Reason.BAD_BASE64),
    "signed with a line break": (sign_text(H + b"." + P[:8] + b"\n" + P[8:]), Reason.BAD_BASE64),
    "alg none": (signed(HEADER | {"alg": "none"}), Reason.WRONG_ALGORITHM),
    "alg none without signature": (
        base64url.encode(json.dumps(HEADER | {"alg": "none"}).encode()) + b"." + P + b".",
        Reason.WRONG_ALGORITHM,
    ),
    "alg None": (signed(HEADER | {"alg": None}), Reason.WRONG_ALGORITHM),
    "alg es256": (signed(HEADER | {"alg": "es256"}), Reason.WRONG_ALGORITHM),
    "alg ES384": (signed(HEADER | {"alg": "ES384"}), Reason.WRONG_ALGORITHM),
    "HS256 keyed with the DER public key": (hs256_with_public_key(*DER), Reason.WRONG_ALGORITHM),
    "HS256 keyed with the PEM public key": (hs256_with_public_key(*PEM), Reason.WRONG_ALGORITHM),
    "a P-384 signature under ES256": (es256_by_p384(), Reason.BAD_SIGNATURE),
    "no signature": (H + b"." + P + b".", Reason.BAD_SIGNATURE),
    "someone else's signature": (signed(key=QINGYUAN.key()), Reason.BAD_SIGNATURE),
    "another payload": (H + b"." + base64url.encode(PAYLOAD + b" ") + b"." + S, Reason.BAD_SIGNATURE),
    "unknown crit": (signed(HEADER | {"crit": ["exp"], "exp": 1}), Reason.BAD_HEADER),
    "no alg": (signed({"kid": KEY.kid, "typ": TYP}), Reason.BAD_HEADER),
    "a header that is no object": (signed(b'["alg","kid","typ"]'), Reason.BAD_HEADER),
    "a header that is no JSON": (signed(b"{"), Reason.BAD_HEADER),
}

ONLY_JOSERFC_ACCEPTS = {
    "doubled alg": (signed(b'{"alg":"none",' + json.dumps(HEADER)[1:].encode()), Reason.BAD_HEADER),
    "doubled kid": (
        signed(json.dumps(HEADER)[:-1].encode() + b',"kid":"' + KEY.kid.encode() + b'"}'),
        Reason.BAD_HEADER,
    ),
    "jku": (signed(HEADER | {"jku": "https://keys.example/"}), Reason.BAD_HEADER),
    "x5u": (signed(HEADER | {"x5u": "https://keys.example/"}), Reason.BAD_HEADER),
    "jwk": (signed(HEADER | {"jwk": QINGYUAN.key().jwk()}), Reason.BAD_HEADER),
    "empty crit": (signed(HEADER | {"crit": []}), Reason.BAD_HEADER),
    "no typ": (signed({"alg": "ES256", "kid": KEY.kid}), Reason.BAD_HEADER),
    "no kid": (signed({"alg": "ES256", "typ": TYP}), Reason.BAD_HEADER),
    "header beyond its size": (signed(HEADER | {"typ": "x" * 300}), Reason.BAD_HEADER),
    "another typ": (signed(HEADER | {"typ": "ecolink-batch+jws"}), Reason.WRONG_TYPE),
    "typ in capitals": (signed(HEADER | {"typ": TYP.upper()}), Reason.WRONG_TYPE),
    "a kid nobody pinned": (signed(HEADER | {"kid": "A" * 43}), Reason.UNKNOWN_KEY),
    "doubled member in the payload": (
        signed(payload=b'{"iss":"1","iss":"' + SHOUNING.code.encode() + b'"}'),
        Reason.BAD_JSON,
    ),
    "NaN in the payload": (signed(payload=b'{"iss":"350924000000","n":NaN}'), Reason.BAD_JSON),
    "a lone surrogate in the payload": (signed(payload=b'{"iss":"350924000000","n":"\\ud800"}'), Reason.BAD_JSON),
    "U+0000 in the payload": (signed(payload=b'{"iss":"350924000000","n":"\\u0000"}'), Reason.BAD_JSON),
    "5,000 digits in the payload": (
        signed(payload=b'{"iss":"350924000000","n":' + b"9" * 5000 + b"}"),
        Reason.BAD_JSON,
    ),
    "10,000 brackets in the payload": (signed(payload=b"[" * 10_000), Reason.BAD_JSON),
    "a payload that is no object": (signed(payload=b'["iss"]'), Reason.BAD_JSON),
    "a payload that is not UTF-8": (signed(payload=b'{"iss":"\xff"}'), Reason.BAD_JSON),
    "an empty payload": (signed(payload=b""), Reason.BAD_JSON),
    "no issuer": (signed(payload=b"{}"), Reason.WRONG_ISSUER),
    "another bureau's name": (signed(payload=b'{"iss":"331126000000"}'), Reason.WRONG_ISSUER),
}


@pytest.mark.parametrize(("token", "expected"), BOTH_REFUSE.values(), ids=BOTH_REFUSE)
def test_what_joserfc_refuses_is_refused_here(token, expected):
    assert not joserfc_accepts(token)
    assert reason(token) == expected


@pytest.mark.parametrize(("token", "expected"), ONLY_JOSERFC_ACCEPTS.values(), ids=ONLY_JOSERFC_ACCEPTS)
def test_what_joserfc_lets_pass_is_refused_here(token, expected):
    assert joserfc_accepts(token)
    assert reason(token) == expected


@pytest.mark.parametrize("change", [{"kid": 5}, {"kid": None}, {"kid": [KEY.kid]}, {"typ": None}, {"typ": {}}])
def test_a_header_whose_members_are_not_text_is_refused(change):
    assert reason(signed(HEADER | change)) == Reason.BAD_HEADER


def test_bureau_b_signing_as_bureau_c_is_refused():
    impostor = jws.sign(TYP, {"iss": SHOUNING.code}, QINGYUAN.key())
    assert reason(impostor) == Reason.WRONG_ISSUER


def test_a_log_key_cannot_sign_a_statement():
    find = keyring(SHOUNING.pinned("log", Use.LOG))
    assert reason(jws.sign(TYP, SAID, SHOUNING.key("log")), find_key=find) == Reason.WRONG_KEY_USE


def test_a_key_is_only_looked_for_among_those_pinned():
    asked = []
    assert reason(signed(HEADER | {"kid": "stranger"}), find_key=asked.append) == Reason.UNKNOWN_KEY
    assert asked == ["stranger"]


def test_an_oversized_token_is_refused_before_anything_is_read():
    assert reason(b"." * 65_537) == Reason.TOO_LARGE
    assert reason(TOKEN, max_bytes=len(TOKEN) - 1) == Reason.TOO_LARGE
    assert jws.open_token(TOKEN, typ=TYP, find_key=FIND, max_bytes=len(TOKEN)).payload == SAID


def test_the_checks_come_in_the_order_the_protocol_gives_them():
    """A token with everything wrong is refused for the first thing; with that mended, for the second; and so on."""
    header, payload = b'{"alg":"none","alg":"none"}', b"["
    everything = signed(header, payload, QINGYUAN.key()) + b"=.x"
    steps = {
        everything: Reason.BAD_TOKEN,
        everything.removesuffix(b".x"): Reason.BAD_BASE64,
        signed(header, payload, QINGYUAN.key()): Reason.BAD_HEADER,
        signed({"alg": "none", "kid": "x", "typ": "x"}, payload, QINGYUAN.key()): Reason.WRONG_ALGORITHM,
        signed({"alg": "ES256", "kid": "x", "typ": "x"}, payload, QINGYUAN.key()): Reason.WRONG_TYPE,
        signed({"alg": "ES256", "kid": "x", "typ": TYP}, payload, QINGYUAN.key()): Reason.UNKNOWN_KEY,
        signed(HEADER, payload, QINGYUAN.key()): Reason.BAD_SIGNATURE,
        signed(HEADER, payload): Reason.BAD_JSON,
        signed(HEADER, b"{}"): Reason.WRONG_ISSUER,
    }
    assert reason(everything, max_bytes=len(everything) - 1) == Reason.TOO_LARGE
    assert [reason(token) for token in steps] == list(steps.values())


ALL_THERE_ARE = [*(token for token, _ in (BOTH_REFUSE | ONLY_JOSERFC_ACCEPTS).values()), TOKEN, b"." * 65_537]


@given(st.lists(st.sampled_from(ALL_THERE_ARE), max_size=12))
def test_tokens_opened_together_are_opened_or_refused_as_each_by_itself(tokens):
    def alone(token):
        try:
            return jws.open_token(token, typ=TYP, find_key=FIND)
        except Refused as refused:
            return refused

    together = jws.open_tokens(tokens, typ=TYP, find_key=FIND)
    assert [told_of(each) for each in together] == [told_of(alone(token)) for token in tokens]
    assert [each.token for each in together if isinstance(each, jws.Opened)] == [one for one in tokens if one == TOKEN]


def told_of(opened):
    return (opened.reason, opened.detail) if isinstance(opened, Refused) else opened


def test_the_twin_of_a_signature_verifies_but_makes_no_second_document():
    """ECDSA signatures come in pairs (r, s) and (r, n - s); identity is over header and payload only."""
    r, s = base64url.decode(S)[:32], int.from_bytes(base64url.decode(S)[32:])
    twin = H + b"." + P + b"." + base64url.encode(r + (ORDER - s).to_bytes(32))
    assert twin != TOKEN
    assert jws.open_token(twin, typ=TYP, find_key=FIND).digest == jws.open_token(TOKEN, typ=TYP, find_key=FIND).digest


@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_a_changed_byte_anywhere_is_refused(position, difference):
    changed = bytearray(TOKEN)
    changed[position] ^= difference
    with pytest.raises(Refused):
        jws.open_token(bytes(changed), typ=TYP, find_key=FIND)


@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_refused_without_another_exception(raw):
    with pytest.raises(Refused):
        jws.open_token(raw, typ=TYP, find_key=FIND)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_signed_bytes_are_refused_or_read_without_another_exception(header, payload):
    for token in (signed(header), signed(payload=payload)):
        with pytest.raises(Refused):
            jws.open_token(token, typ=TYP, find_key=FIND)


def test_a_stored_token_is_read_again_without_its_key():
    stored = jws.reread(TOKEN, typ=TYP)
    assert (stored.digest, stored.kid, stored.payload) == (jws.digest_of(TOKEN), KEY.kid, SAID)
    with pytest.raises(Refused, match="wrong-type"):
        jws.reread(TOKEN, typ="ecolink-batch+jws")


def test_a_self_signed_token_is_believed_only_with_the_key_it_brings():
    stranger = SigningKey.generate()
    token = jws.sign(TYP, {"iss": SHOUNING.code}, stranger)

    def opened(key):
        def keys_inside(said):
            return keyring(key.verify_key(said["iss"], Use.SIGN, NOW))

        return jws.open_self_signed(token, typ=TYP, keys_inside=keys_inside, max_bytes=1000)

    assert opened(stranger).kid == stranger.kid
    with pytest.raises(Refused, match="unknown-key"):
        opened(SigningKey.generate())
    with pytest.raises(Refused, match="wrong-issuer"):
        jws.open_self_signed(
            token,
            typ=TYP,
            keys_inside=lambda _: keyring(stranger.verify_key(QINGYUAN.code, Use.SIGN, NOW)),
            max_bytes=1000,
        )


def test_a_payload_that_json_cannot_carry_is_not_signed():
    for value in (float("nan"), float("inf"), "\ud800"):
        with pytest.raises(ValueError, match=r"JSON|surrogates"):
            jws.sign(TYP, {"iss": SHOUNING.code, "n": value}, KEY)
