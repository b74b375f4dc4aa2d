"""Statements, and envelopes around a statement that is fine."""

import hmac
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ecolink.kit.canonical import dumps, sha256_hex
from ecolink.protocol import base64url
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.refusal import Reason
from ecolink.protocol.sealing import TYP, seal
from ecolink.protocol.statement import (
    AttachmentRef,
    Draft,
    Handling,
    HandlingCode,
    Lane,
    Onward,
    Statement,
)
from tests.support.bureaus import JINGNING, NOW, QINGYUAN, SHOUNING, draft
from tests.vectors.cases.common import (
    DAY,
    Case,
    case,
    fixed_id,
    fixed_salts,
    header_for,
    moment,
    payload_of,
    sign_anything,
    sign_text,
)

_PERSON = {"persons": [{"category": "suspect", "name": "钟大山", "identity_number": "350924199001010000"}]}
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def lead(number: int = 1, key: SigningKey | None = None, **changes: Any) -> Statement:
    """Return a sealed lead request from Shouning to Qingyuan, the same each time."""
    said: Draft = draft(**({"thread": fixed_id(100)} | changes))
    return seal(said, iss=SHOUNING.code, jti=fixed_id(number), iat=NOW, key=key or SHOUNING.key(), salts=fixed_salts())


def statement_cases() -> list[Case]:
    """Return statements that are fine and statements that say something wrong."""
    return [*_fine(), *_not_for_us(), *_by_key(), *_private_parts(), *_wrong_claims()]


def envelope_cases() -> list[Case]:
    """Return every known leniency around a payload that is fine."""
    token = lead().token
    header, payload, signature = token.split(b".")
    said, good = payload_of(token), header_for(TYP)
    text = base64url.decode(payload)
    twin_r, twin_s = base64url.decode(signature)[:32], int.from_bytes(base64url.decode(signature)[32:])
    twin = b".".join([header, payload, base64url.encode(twin_r + (_ORDER - twin_s).to_bytes(32))])
    doubled = dumps(good)[:-1] + b',"kid":"' + good["kid"].encode() + b'"}'
    tokens = {
        "one segment": (header, Reason.BAD_TOKEN),
        "two segments": (header + b"." + payload, Reason.BAD_TOKEN),
        "four segments": (token + b"." + signature, Reason.BAD_TOKEN),
        "a blank before": (b" " + token, Reason.BAD_BASE64),
        "a line break behind": (token + b"\n", Reason.BAD_BASE64),
        "padding": (token + b"==", Reason.BAD_BASE64),
        "a signature with spare bits": (token[:-1] + _with_spare_bit(token[-1:]), Reason.BAD_BASE64),
        "a signed line break": (
            sign_text(header + b"." + payload[:8] + b"\n" + payload[8:], SHOUNING.key()),
            Reason.BAD_BASE64,
        ),
        "alg none": (sign_anything(good | {"alg": "none"}, said), Reason.WRONG_ALGORITHM),
        "alg none, unsigned": (
            base64url.encode(dumps(good | {"alg": "none"})) + b"." + payload + b".",
            Reason.WRONG_ALGORITHM,
        ),
        "HS256 keyed with the DER public key": (_hs256(said), Reason.WRONG_ALGORITHM),
        "ES384": (sign_anything(good | {"alg": "ES384"}, said), Reason.WRONG_ALGORITHM),
        "unknown crit": (sign_anything(good | {"crit": ["exp"], "exp": 1}, said), Reason.BAD_HEADER),
        "jku": (sign_anything(good | {"jku": "https://keys.example/"}, said), Reason.BAD_HEADER),
        "x5u": (sign_anything(good | {"x5u": "https://keys.example/"}, said), Reason.BAD_HEADER),
        "jwk": (sign_anything(good | {"jwk": SHOUNING.key().jwk()}, said), Reason.BAD_HEADER),
        "kid twice": (sign_anything(doubled, said), Reason.BAD_HEADER),
        "no typ": (sign_anything({"alg": "ES256", "kid": good["kid"]}, said), Reason.BAD_HEADER),
        "no kid": (sign_anything({"alg": "ES256", "typ": TYP}, said), Reason.BAD_HEADER),
        "a header that is no object": (sign_anything([], said), Reason.BAD_HEADER),
        "another type": (sign_anything(good | {"typ": "ecolink-batch+jws"}, said), Reason.WRONG_TYPE),
        "a kid nobody pinned": (sign_anything(good | {"kid": "A" * 43}, said), Reason.UNKNOWN_KEY),
        "a log key": (
            sign_anything(header_for(TYP, SHOUNING.key("log")), said, SHOUNING.key("log")),
            Reason.WRONG_KEY_USE,
        ),
        "no signature": (header + b"." + payload + b".", Reason.BAD_SIGNATURE),
        "r and s zero": (header + b"." + payload + b"." + base64url.encode(bytes(64)), Reason.BAD_SIGNATURE),
        "someone else's signature": (sign_anything(good, said, QINGYUAN.key()), Reason.BAD_SIGNATURE),
        "another payload": (header + b"." + base64url.encode(text + b" ") + b"." + signature, Reason.BAD_SIGNATURE),
        "a member twice in the payload": (sign_anything(good, text[:-1] + b',"lane":"case"}'), Reason.BAD_JSON),
        "NaN in the payload": (sign_anything(good, text[:-1] + b',"n":NaN}'), Reason.BAD_JSON),
        "a lone surrogate in the payload": (sign_anything(good, text[:-1] + b',"n":"\\ud800"}'), Reason.BAD_JSON),
        "U+0000 in the payload": (sign_anything(good, text[:-1] + b',"n":"\\u0000"}'), Reason.BAD_JSON),
        "5,000 digits in the payload": (
            sign_anything(good, text[:-1] + b',"n":' + b"9" * 5000 + b"}"),
            Reason.BAD_JSON,
        ),
        "1,000 brackets in the payload": (sign_anything(good, text[:-1] + b',"n":' + b"[" * 1000), Reason.BAD_JSON),
        "a payload that is no object": (sign_anything(good, [said]), Reason.BAD_JSON),
        "another bureau's name": (sign_anything(good, said | {"iss": JINGNING.code}), Reason.WRONG_ISSUER),
        "no issuer": (sign_anything(good, _without(said, "iss")), Reason.WRONG_ISSUER),
        "one byte too long": (sign_anything(good, said | {"filler": "x" * 48_300}), Reason.TOO_LARGE),
    }
    return [
        _case("the token as it should be", {"digest": lead().digest}, token),
        _case("the twin of its signature: the same document", {"digest": lead().digest}, twin),
        *[_case(name, reason, each) for name, (each, reason) in tokens.items()],
    ]


def _fine() -> list[Case]:
    whole = lead(2, private=_PERSON, attachments=(AttachmentRef(sha256_hex(b"photo"), 5, "../现场.jpg", "image/jpeg"),))
    bulletin = lead(
        3, aud=(QINGYUAN.code, JINGNING.code), type="bulletin.issued.v1", lane=Lane.BULK, is_exercise=True,
        handling=Handling(code=HandlingCode.H3, onward=Onward.ASK, text="仅限六县联盟"), parents=(lead().digest,),
    )  # fmt: skip
    recall = lead(4, type="bulletin.recalled.v1", lane=Lane.CONTROL, recalls=fixed_id(3), deliver_by=None)
    newer = payload_of(lead(5).token) | {"type": "patrol.reported.v7", "hint": {"colour": "red"}, "supersedes": None}
    return [
        _case(
            "a lead with a private part", {"digest": whole.digest, "private_data": _PERSON}, whole.token, whole.private
        ),
        _case("its private part erased", {"digest": whole.digest, "private_data": None}, whole.token),
        _case("an exercise bulletin to two", {"digest": bulletin.digest}, bulletin.token),
        _case("the same, read by the other", {"digest": bulletin.digest}, bulletin.token, us=JINGNING.code),
        _case("a recall in the control lane", {"digest": recall.digest}, recall.token),
        _case("an unknown type, unknown members, a null", {}, sign_anything(header_for(TYP), newer)),
        _case("an auditor years later", {"digest": whole.digest}, whole.token, us=None, sender=None, received_at=None),
    ]


def _not_for_us() -> list[Case]:
    token, said = lead().token, payload_of(lead().token)
    signed_by_b = sign_anything(header_for(TYP, QINGYUAN.key()), said, QINGYUAN.key())
    return [
        _case("addressed to someone else", Reason.WRONG_AUDIENCE, token, us=JINGNING.code),
        _case("sent by someone else", Reason.WRONG_SENDER, token, sender=JINGNING.code),
        _case("B signs as C", Reason.WRONG_ISSUER, signed_by_b, sender=None),
        _case("no audience", Reason.MISSING_CLAIM, sign_anything(header_for(TYP), _without(said, "aud"))),
    ]


def _by_key() -> list[Case]:
    old, coming, stolen = (lead(key=SHOUNING.key(label)).token for label in ("old", "coming", "stolen"))
    return [
        _case("a key past its end", Reason.KEY_EXPIRED, old),
        _case("received before the key's end", {}, old, received_at=NOW - DAY / 2),
        _case("a key before its start", Reason.KEY_NOT_YET_VALID, coming),
        _case("within the clock skew of its start", {}, coming, received_at=NOW + DAY / 24 - DAY / 288),
        _case("a revoked key", Reason.KEY_REVOKED, stolen),
        _case("received before the revocation", {}, stolen, received_at=NOW - DAY / 2),
    ]


def _private_parts() -> list[Case]:
    whole, other = lead(2, private=_PERSON), lead(2, private=_PERSON | {"note": "x"})
    unsalted = b'{"data":{}}'
    named = payload_of(whole.token) | {"private": sha256_hex(unsalted)}
    return [
        _case("another private part", Reason.PRIVATE_MISMATCH, whole.token, other.private),
        _case("a private part nobody named", Reason.PRIVATE_UNEXPECTED, lead().token, whole.private),
        _case("a private part without salt", Reason.MISSING_CLAIM, sign_anything(header_for(TYP), named), unsalted),
    ]


def _wrong_claims() -> list[Case]:
    said = payload_of(lead().token)
    changes: dict[str, tuple[dict[str, Any], Reason]] = {
        "classification 机密": ({"classification": "机密"}, Reason.CLASSIFICATION),
        "classification secret": ({"classification": "secret"}, Reason.CLASSIFICATION),
        "classification confidential": ({"classification": "confidential"}, Reason.CLASSIFICATION),
        "two recipients in the case lane": ({"aud": [QINGYUAN.code, JINGNING.code]}, Reason.CASE_RECIPIENTS),
        "an exercise in the case lane": ({"is_exercise": True}, Reason.EXERCISE_LANE),
        "an exercise in the emergency lane": ({"is_exercise": True, "lane": "emergency"}, Reason.EXERCISE_LANE),
        "a request in the control lane": ({"lane": "control"}, Reason.CONTROL_LANE),
        "an unknown lane": ({"lane": "fast"}, Reason.INVALID_CLAIM),
        "the same recipient twice": ({"aud": [QINGYUAN.code] * 2, "lane": "bulk"}, Reason.INVALID_CLAIM),
        "the author as recipient": ({"aud": [SHOUNING.code, QINGYUAN.code], "lane": "bulk"}, Reason.INVALID_CLAIM),
        "an audience that is text": ({"aud": QINGYUAN.code}, Reason.INVALID_CLAIM),
        "H3 without words": ({"handling": {"code": "H3", "onward": "none"}}, Reason.MISSING_CLAIM),
        "an unknown handling code": ({"handling": {"code": "H4", "onward": "none"}}, Reason.INVALID_CLAIM),
        "a jti that is no UUIDv7": ({"jti": "7"}, Reason.INVALID_CLAIM),
        "a jti in capitals": ({"jti": fixed_id(0xAB).upper()}, Reason.INVALID_CLAIM),
        "iat with a fraction": ({"iat": said["iat"] + 0.5}, Reason.INVALID_CLAIM),
        "iat as text": ({"iat": "2026-11-22T10:00:00+08:00"}, Reason.INVALID_CLAIM),
        "a time without offset": ({"retain_until": "2029-11-21T10:00:00"}, Reason.INVALID_CLAIM),
        "a time with a blank": ({"retain_until": "2029-11-21 10:00:00+08:00"}, Reason.INVALID_CLAIM),
        "30 February": ({"retain_until": "2029-02-30T10:00:00+08:00"}, Reason.INVALID_CLAIM),
        "a type without version": ({"type": "lead.requested"}, Reason.INVALID_CLAIM),
        "a parent twice": ({"parents": ["0" * 64] * 2}, Reason.INVALID_CLAIM),
        "a parent in capitals": ({"parents": ["A" * 64]}, Reason.INVALID_CLAIM),
        "a short salt": ({"salt": "00"}, Reason.INVALID_CLAIM),
        "a blank purpose": ({"purpose": " "}, Reason.INVALID_CLAIM),
        "is_exercise as text": ({"is_exercise": "false"}, Reason.INVALID_CLAIM),
        "an attachment of negative size": (
            {"attachments": [{"digest": "0" * 64, "size": -1, "name": "x", "media_type": "x"}]},
            Reason.INVALID_CLAIM,
        ),
        "a body that is no object": ({"body": "facts"}, Reason.INVALID_CLAIM),
    }
    required = [name for name in said if name not in {"iss", "aud", "approver", "deliver_by"}]
    return [
        *[
            _case(name, reason, sign_anything(header_for(TYP), said | change))
            for name, (change, reason) in changes.items()
        ],
        *[
            _case(f"no {name}", Reason.MISSING_CLAIM, sign_anything(header_for(TYP), _without(said, name)))
            for name in required
        ],
    ]


def _case(name: str, expect: object, token: bytes, private: bytes | None = None, **changes: Any) -> Case:
    inputs: dict[str, Any] = {"us": QINGYUAN.code, "sender": SHOUNING.code, "received_at": NOW} | changes
    return case(
        name,
        expect,
        token=token.decode(),
        private=None if private is None else base64url.encode(private).decode(),
        **(inputs | {"received_at": moment(inputs["received_at"])}),
    )


def _without(said: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key != name}


def _with_spare_bit(last: bytes) -> bytes:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(last) | 1 :][:1]


def _hs256(said: dict[str, Any]) -> bytes:
    """Sign with the verifier's own public key as an HMAC secret, the classic."""
    secret = SHOUNING.key().private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signed = base64url.encode(dumps(header_for(TYP) | {"alg": "HS256"})) + b"." + base64url.encode(dumps(said))
    return signed + b"." + base64url.encode(hmac.digest(secret, signed, "sha256"))
