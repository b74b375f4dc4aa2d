"""What all cases share: fixed bureaus, fixed times, and a way to sign anything at all."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ecolink.kit.times import to_text
from ecolink.protocol import base64url
from ecolink.protocol.keys import SigningKey, Use, VerifyKey
from tests.support.bureaus import JINGNING, NOW, QINGYUAN, SHOUNING, RepeatableKey

Case = dict[str, Any]

DAY = timedelta(days=1)

PINNED: tuple[VerifyKey, ...] = (
    SHOUNING.pinned("sign"),
    QINGYUAN.pinned("sign"),
    JINGNING.pinned("sign"),
    SHOUNING.pinned("log", Use.LOG),
    SHOUNING.pinned("old", not_after=NOW - timedelta(hours=1)),
    SHOUNING.pinned("coming", not_before=NOW + timedelta(hours=1)),
    SHOUNING.pinned("stolen", revoked_at=NOW - timedelta(hours=1), compromised_since=NOW - timedelta(hours=2)),
)

LABELS = (
    *[(SHOUNING, label) for label in ("sign", "log", "seal", "next", "third", "old", "coming", "stolen")],
    *[(QINGYUAN, "sign"), (JINGNING, "sign")],
)


def fixed_id(number: int) -> str:
    """Return the UUIDv7 of `NOW` with this number at its end."""
    milliseconds = f"{round(NOW.timestamp() * 1000):012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}-7000-8000-{number:012x}"


def fixed_salts() -> Callable[[], str]:
    """Return a source of salts that is the same each time."""
    numbers = iter(range(1, 1000))
    return lambda: f"{next(numbers):032x}"


def case(name: str, expect: object, **inputs: object) -> Case:
    """Return a case; `expect` is a reason code or what is learned."""
    return {"name": name, **inputs, "expect": {"refused": str(expect)} if isinstance(expect, str) else expect}


def sign_text(signed: bytes, key: SigningKey) -> bytes:
    """Sign `header.payload` as it stands."""
    return signed + b"." + base64url.encode(key.sign(signed))


def sign_anything(header: object, payload: object, key: SigningKey | None = None) -> bytes:
    """Sign what no careful bureau would; bytes are taken as they are."""
    segments = [
        each if isinstance(each, bytes) else json.dumps(each, ensure_ascii=False, separators=(",", ":")).encode()
        for each in (header, payload)
    ]
    return sign_text(b".".join(map(base64url.encode, segments)), key or SHOUNING.key())


def payload_of(token: bytes) -> dict[str, Any]:
    """Return what a token of ours says."""
    said: dict[str, Any] = json.loads(base64url.decode(token.split(b".")[1]))
    return said


def header_for(typ: str, key: SigningKey | None = None) -> dict[str, str]:
    """Return the header a token of this type should have."""
    return {"alg": "ES256", "kid": (key or SHOUNING.key()).kid, "typ": typ}


def moment(at: datetime | None) -> str | None:
    """Return a time as cases write it."""
    return None if at is None else to_text(at)


def keys_file() -> Case:
    """Return the keys: those pinned and the private halves of all."""
    return {
        "about": "Fictional bureaus' keys. 'd' is the private scalar, base64url, 32 bytes.",
        "pinned": [
            {
                "issuer": key.issuer,
                "kid": key.kid,
                "use": key.use,
                "jwk": dict(key.jwk),
                "not_before": moment(key.not_before),
                "not_after": moment(key.not_after),
                "revoked_at": moment(key.revoked_at),
                "compromised_since": moment(key.compromised_since),
            }
            for key in PINNED
        ],
        "private": [
            {"issuer": bureau.code, "label": label, "kid": bureau.key(label).kid, "d": _scalar(bureau.key(label))}
            for bureau, label in LABELS
        ],
    }


def _scalar(key: RepeatableKey) -> str:
    return base64url.encode(key.private.private_numbers().private_value.to_bytes(32)).decode()
