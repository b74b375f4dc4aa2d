"""Checkpoints are signed notes that transparency-log tools can read, and nothing looser."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from ecolink.protocol.checkpoint import key_id, open_checkpoint, origin_of, seal_checkpoint
from ecolink.protocol.keys import SigningKey, Use, jwk_of
from ecolink.protocol.refusal import Refused

SHOUNING, QINGYUAN = "350924000000", "331126000000"
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
KEY = SigningKey.generate()
LOG_KEY = KEY.verify_key(SHOUNING, Use.LOG, NOW)
ORIGIN = origin_of(SHOUNING, 1)
ROOT = b"\xfb\xff" + bytes(range(2, 32))
NOTE = seal_checkpoint(ORIGIN, 20852163, ROOT, KEY)


def refusal_of(text, log_key=LOG_KEY, origin=ORIGIN):
    with pytest.raises(Refused) as refused:
        open_checkpoint(text, log_key=log_key, origin=origin)
    return refused.value.reason


def with_signature(change):
    body, line = NOTE.split("\n\n")
    name, text = line.rstrip("\n").rsplit(" ", 1)
    return f"{body}\n\n{name} {b64encode(change(b64decode(text))).decode()}\n"


def test_a_checkpoint_says_what_was_sealed():
    checkpoint = open_checkpoint(NOTE, log_key=LOG_KEY, origin=ORIGIN)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN, 20852163, ROOT)
    assert (checkpoint.unit_code, checkpoint.log_epoch, checkpoint.text) == (SHOUNING, 1, NOTE)


def test_the_text_is_a_c2sp_signed_note():
    body, signatures = NOTE.split("\n\n")
    assert body.split("\n") == [ORIGIN, "20852163", "+/8CAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]
    dash, name, signature = signatures.split(" ")
    assert (dash, name) == ("—", ORIGIN)
    raw = b64decode(signature)
    assert raw[:4] == key_id(KEY.jwk())
    KEY.private.public_key().verify(raw[4:], f"{body}\n".encode(), ec.ECDSA(hashes.SHA256()))


def test_key_ids_are_those_other_implementations_give_to_a_known_log():
    # rekor.sigstore.dev+c0d23d6a+Aj…: type byte 0x02, then the key in SPKI form.
    verifier = (
        "AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1eQXBogSMdGvXwBcK5AW5i0hrZLOC96l+"
        "smGNM7nwZ4QvFK/4sueRoVj//QP22Ni4Qt9DPfkWLc="
    )
    public = load_der_public_key(b64decode(verifier)[1:])
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert key_id(jwk_of(public)).hex() == "c0d23d6a"


def test_any_log_of_the_bureau_will_do_when_none_is_named():
    second = seal_checkpoint(origin_of(SHOUNING, 2), 1, ROOT, KEY)
    assert open_checkpoint(second, log_key=LOG_KEY).log_epoch == 2
    assert refusal_of(second) == "bad-checkpoint"


def test_a_checkpoint_of_another_bureaus_log_is_refused():
    assert refusal_of(seal_checkpoint(origin_of(QINGYUAN, 1), 1, ROOT, KEY), origin=None) == "bad-checkpoint"


def test_a_checkpoint_by_another_key_is_refused():
    assert refusal_of(seal_checkpoint(ORIGIN, 1, ROOT, SigningKey.generate())) == "bad-checkpoint"
    # and also when the other key is given the right name
    forged = with_signature(lambda raw: raw[:4] + SigningKey.generate().private.sign(b"x", ec.ECDSA(hashes.SHA256())))
    assert refusal_of(forged) == "bad-signature"


def test_a_signing_key_cannot_vouch_for_a_log():
    assert refusal_of(NOTE, log_key=KEY.verify_key(SHOUNING, Use.SIGN, NOW)) == "wrong-key-use"


def test_a_size_or_root_other_than_the_signed_one_is_refused():
    assert refusal_of(NOTE.replace("20852163", "20852164")) == "bad-signature"
    assert refusal_of(NOTE.replace("+/8C", "+/8D")) == "bad-signature"


def padded_der(raw):
    r, s = decode_dss_signature(raw[4:])
    r_bytes, s_bytes = (b"\x00" + n.to_bytes(33) for n in (r, s))  # one leading zero too many
    parts = b"".join(b"\x02" + bytes([len(n)]) + n for n in (r_bytes, s_bytes))
    return raw[:4] + b"\x30" + bytes([len(parts)]) + parts


LOOSE = {
    "leading zero": NOTE.replace("20852163", "020852163"),
    "signed size": NOTE.replace("20852163", "+20852163"),
    "wide digits": NOTE.replace("20852163", "\uff12\uff10852163"),
    "size beyond what JSON keeps": NOTE.replace("20852163", str(2**53)),
    "carriage returns": NOTE.replace("\n", "\r\n"),
    "no last newline": NOTE[:-1],
    "one more newline": NOTE + "\n",
    "a blank line before": "\n" + NOTE,
    "an extension line": NOTE.replace("\n\n", "\nextension\n\n"),
    "two signatures": NOTE + NOTE.split("\n\n")[1],
    "no signature": NOTE.split("\n\n")[0] + "\n\n",
    "a hyphen for the dash": NOTE.replace("—", "-"),
    "another name beside the signature": NOTE.replace(f"— {ORIGIN}", "— ecolink.log/350924000000/2"),
    "two spaces": NOTE.replace("— ", "—  "),
    "root without padding": NOTE.replace("Hh8=", "Hh8"),
    "root with spare bits": NOTE.replace("Hh8=", "Hh9="),
    "short root": NOTE.replace("+/8CAwQF", ""),
    "base64url": NOTE.replace("+/8C", "-_8C"),
    "trailing bytes after the signature": with_signature(lambda raw: raw + b"\0"),
    "signature with padded numbers": with_signature(padded_der),
    "raw instead of DER": with_signature(lambda raw: raw[:4] + b"\1" * 64),
    "empty signature": with_signature(lambda raw: raw[:4]),
    "epoch zero": NOTE.replace(f"{SHOUNING}/1", f"{SHOUNING}/0"),
    "too long": NOTE + " " * 600,
    "nothing": "",
}


@pytest.mark.parametrize("text", LOOSE.values(), ids=LOOSE.keys())
def test_a_loosely_written_checkpoint_is_refused(text):
    assert text != NOTE
    assert refusal_of(text) == "bad-checkpoint"


@given(st.data())
def test_no_single_character_can_be_changed(data):
    at = data.draw(st.integers(0, len(NOTE) - 1))
    other = data.draw(st.characters().filter(lambda c: c != NOTE[at]))
    refusal_of(NOTE[:at] + other + NOTE[at + 1 :])


def test_the_other_signature_of_the_same_curve_point_proves_no_other_state():
    # ECDSA has two signatures for each; both are over the same size and root, which is all that counts.
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

    def flip(raw):
        r, s = decode_dss_signature(raw[4:])
        return raw[:4] + encode_dss_signature(r, order - s)

    assert open_checkpoint(with_signature(flip), log_key=LOG_KEY) == open_checkpoint(NOTE, log_key=LOG_KEY)


def test_a_checkpoint_says_no_time_so_the_key_is_not_judged_by_one():
    old = KEY.verify_key(SHOUNING, Use.LOG, NOW - timedelta(days=9), NOW - timedelta(days=1))
    assert open_checkpoint(NOTE, log_key=old).size == 20852163
