"""Batches, chain values, receipts, heads and request tokens."""

from datetime import timedelta
from typing import Any

from ecolink.kit.canonical import sha256_hex
from ecolink.protocol import base64url, batch, heads, receipt, request
from ecolink.protocol.batch import GENESIS, chain, seal_batch
from ecolink.protocol.heads import ChannelHead, seal_heads
from ecolink.protocol.jws import digest_of
from ecolink.protocol.receipt import Outcome, Verdict, seal_receipt
from ecolink.protocol.refusal import Reason
from ecolink.protocol.request import seal_request
from ecolink.protocol.statement import Lane
from tests.support.bureaus import JINGNING, NOW, QINGYUAN, SHOUNING
from tests.vectors.cases.common import Case, case, fixed_id, header_for, moment, payload_of, sign_anything

_ENTRIES = [sha256_hex(word) for word in (b"one", b"two", b"three")]
_FORWARD = {"us": QINGYUAN.code, "sender": SHOUNING.code}
_BACK = {"us": SHOUNING.code, "sender": QINGYUAN.code}


def chain_cases() -> list[Case]:
    """Return the chain's value after each of a few entries."""
    cases, value = [], GENESIS
    for seq, digest in enumerate(_ENTRIES, 1):
        after = chain(value, seq, digest)
        cases.append(case(f"entry {seq}", {"value": after.hex()}, prev=value.hex(), seq=seq, digest=digest))
        value = after
    far = chain(value, 2**53 - 1, _ENTRIES[0]).hex()
    return [*cases, case("a far entry", {"value": far}, prev=value.hex(), seq=2**53 - 1, digest=_ENTRIES[0])]


def batch_cases() -> list[Case]:
    """Return batches."""
    first = seal_batch(**_batch())
    value = chain(GENESIS, 1, _ENTRIES[0])
    rest = seal_batch(**_batch(first_seq=2, prev=value, entries=_ENTRIES[1:]))
    learned = {"last_seq": 3, "head": chain(chain(value, 2, _ENTRIES[1]), 3, _ENTRIES[2]).hex()}
    said = payload_of(first)
    changes: dict[str, Any] = {
        "an unknown lane": {"lane": "fast"},
        "epoch 0": {"epoch": 0},
        "sequence number 0": {"first_seq": 0},
        "a sequence number as text": {"first_seq": "1"},
        "prev too short": {"prev": "00"},
        "no entries": {"entries": []},
        "an entry in capitals": {"entries": [_ENTRIES[0].upper()]},
        "501 entries": {"entries": [sha256_hex(str(n).encode()) for n in range(501)]},
    }
    absent = {name: value for name, value in said.items() if name != "aud"}
    return [
        _case("three entries", learned | {"digest": digest_of(first)}, first, **_FORWARD),
        _case("the last two of them", learned, rest, **_FORWARD),
        _case("addressed to someone else", Reason.WRONG_AUDIENCE, first, us=JINGNING.code, sender=SHOUNING.code),
        _case("sent by someone else", Reason.WRONG_SENDER, first, us=QINGYUAN.code, sender=JINGNING.code),
        _case("no audience", Reason.WRONG_AUDIENCE, _shouning(batch.TYP, absent), **_FORWARD),
        _case(
            "an array as audience",
            Reason.WRONG_AUDIENCE,
            _shouning(batch.TYP, said | {"aud": [said["aud"]]}),
            **_FORWARD,
        ),
        _case("a revoked key", Reason.KEY_REVOKED, seal_batch(**_batch(key=SHOUNING.key("stolen"))), **_FORWARD),
        *[
            _case(name, Reason.INVALID_CLAIM, _shouning(batch.TYP, said | change), **_FORWARD)
            for name, change in changes.items()
        ],
    ]


def receipt_cases() -> list[Case]:
    """Return receipts."""
    verdicts = [
        Verdict(_ENTRIES[0], Outcome.STORED),
        Verdict(_ENTRIES[1], Outcome.DUPLICATE),
        Verdict(_ENTRIES[2], Outcome.REFUSED, Reason.CLASSIFICATION),
    ]
    token = seal_receipt(
        iss=QINGYUAN.code,
        aud=SHOUNING.code,
        batch=sha256_hex(b"batch"),
        lane=Lane.CASE,
        epoch=1,
        received_at=NOW,
        verdicts=verdicts,
        head_seq=3,
        head_chain=b"\5" * 32,
        checkpoint="ecolink.log/331126000000/1\n7\nAAAA\n",
        key=QINGYUAN.key(),
    )
    said = payload_of(token)
    written = [[verdict.digest, verdict.verdict, verdict.reason] for verdict in verdicts]
    changes: dict[str, tuple[Any, Reason]] = {
        "an unknown verdict": ([{"digest": _ENTRIES[0], "verdict": "lost"}], Reason.INVALID_CLAIM),
        "refused without reason": ([{"digest": _ENTRIES[0], "verdict": "refused"}], Reason.MISSING_CLAIM),
        "stored with a reason": ([{"digest": _ENTRIES[0], "verdict": "stored", "reason": "x"}], Reason.INVALID_CLAIM),
        "no verdicts": ([], Reason.INVALID_CLAIM),
    }
    return [
        _case(
            "one stored, one duplicate, one refused", {"verdicts": written, "digest": digest_of(token)}, token, **_BACK
        ),
        _case("addressed to someone else", Reason.WRONG_AUDIENCE, token, us=JINGNING.code, sender=QINGYUAN.code),
        *[
            _case(name, reason, _qingyuan(receipt.TYP, said | {"verdicts": value}), **_BACK)
            for name, (value, reason) in changes.items()
        ],
        _case(
            "received_at in seconds",
            Reason.INVALID_CLAIM,
            _qingyuan(receipt.TYP, said | {"received_at": said["epoch"]}),
            **_BACK,
        ),
    ]


def heads_cases() -> list[Case]:
    """Return documents of channel heads."""
    token = seal_heads(
        iss=SHOUNING.code,
        aud=QINGYUAN.code,
        now=NOW,
        received=[ChannelHead(Lane.EMERGENCY, 1, 0, bytes(32))],
        sent=[ChannelHead(Lane.CASE, 2, 7, b"\7" * 32)],
        checkpoint="ecolink.log/350924000000/1\n7\nAAAA\n",
        key=SHOUNING.key(),
    )
    learned = {"received": [["emergency", 1, 0, "00" * 32]], "sent": [["case", 2, 7, "07" * 32]]}
    said = payload_of(token)
    wrong = said | {"sent": [{"lane": "case", "epoch": 1, "seq": -1, "chain": "00" * 32}]}
    return [
        _case("one channel each way", learned, token, **_FORWARD),
        _case("addressed to someone else", Reason.WRONG_AUDIENCE, token, us=JINGNING.code, sender=SHOUNING.code),
        _case("a negative sequence number", Reason.INVALID_CLAIM, _shouning(heads.TYP, wrong), **_FORWARD),
    ]


def request_cases() -> list[Case]:
    """Return request tokens with the call each came with; `body` is base64url."""
    call: dict[str, Any] = {"op": "batches.pull", "params": {"lane": "case", "epoch": 1, "after": 41}, "body": b"{}"}
    token = seal_request(iss=SHOUNING.code, aud=QINGYUAN.code, now=NOW, key=SHOUNING.key(), jti=fixed_id(1), **call)
    said = payload_of(token)
    learned = {"iss": SHOUNING.code, "jti": fixed_id(1)}

    def of(name: str, expect: object, token: bytes = token, **changes: Any) -> Case:
        inputs: dict[str, Any] = {"us": QINGYUAN.code, "now": NOW} | call | changes
        inputs |= {"now": moment(inputs["now"]), "body": base64url.encode(inputs["body"]).decode()}
        return case(name, expect, token=token.decode(), **inputs)

    return [
        of("the call it was made for", learned),
        of("parameters in another order", learned, params={"after": 41, "lane": "case", "epoch": 1}),
        of("another operation", Reason.REQUEST_MISMATCH, op="batches.push"),
        of("other parameters", Reason.REQUEST_MISMATCH, params={"lane": "case", "epoch": 1, "after": 42}),
        of("another body", Reason.REQUEST_MISMATCH, body=b"{ }"),
        of("another bureau", Reason.WRONG_AUDIENCE, us=JINGNING.code),
        of("a clock 300 seconds ahead", learned, now=NOW - timedelta(seconds=300)),
        of("a clock 301 seconds ahead", Reason.CLOCK_SKEW, now=NOW - timedelta(seconds=301)),
        of("a clock 359 seconds behind", learned, now=NOW + timedelta(seconds=359)),
        of("a clock 360 seconds behind", Reason.CLOCK_SKEW, now=NOW + timedelta(seconds=360)),
        of("a life of 61 seconds", Reason.REQUEST_LIFETIME, _shouning(request.TYP, said | {"exp": said["iat"] + 61})),
        of("no life at all", Reason.REQUEST_LIFETIME, _shouning(request.TYP, said | {"exp": said["iat"]})),
        of("a jti that is no UUIDv7", Reason.INVALID_CLAIM, _shouning(request.TYP, said | {"jti": "7"})),
    ]


def _batch(**changes: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "iss": SHOUNING.code,
        "aud": QINGYUAN.code,
        "lane": Lane.CASE,
        "epoch": 1,
        "first_seq": 1,
        "prev": GENESIS,
        "entries": _ENTRIES,
        "key": SHOUNING.key(),
    }
    return said | changes


def _case(name: str, expect: object, token: bytes, *, us: str, sender: str) -> Case:
    return case(name, expect, token=token.decode(), us=us, sender=sender, received_at=moment(NOW))


def _shouning(typ: str, said: dict[str, Any]) -> bytes:
    return sign_anything(header_for(typ), said)


def _qingyuan(typ: str, said: dict[str, Any]) -> bytes:
    return sign_anything(header_for(typ, QINGYUAN.key()), said, QINGYUAN.key())
