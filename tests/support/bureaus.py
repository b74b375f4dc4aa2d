"""Fictional bureaus with keys that are the same in every run, and the papers they write to each other."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from ecolink.kit.ids import new_id
from ecolink.protocol import manifest
from ecolink.protocol.keys import FindKey, SigningKey, Use, VerifyKey
from ecolink.protocol.manifest import Document
from ecolink.protocol.sealing import seal
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward, Statement

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
"""Ten in the morning at Shouning."""

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The number of points on P-256."""


class RepeatableKey(SigningKey):
    """A key anyone can make again from its label, and whose signatures are the same each time (RFC 6979)."""

    __slots__ = ()

    def __init__(self, label: str) -> None:
        scalar = int.from_bytes(sha256(f"ecolink test key: {label}".encode()).digest()) % (_ORDER - 1) + 1
        super().__init__(ec.derive_private_key(scalar, ec.SECP256R1()))

    def sign(self, data: bytes) -> bytes:
        """Sign without chance."""
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32) + s.to_bytes(32)


@dataclass(frozen=True)
class Bureau:
    """One bureau: its unit code and its keys by label."""

    code: str
    name: str

    def key(self, label: str = "sign") -> RepeatableKey:
        """Return a private key of this bureau; `sign` is its first signing key, `next` the committed one."""
        return RepeatableKey(f"{self.name} {label}")

    def pinned(self, label: str = "sign", use: Use = Use.SIGN, **times: datetime) -> VerifyKey:
        """Return the public half of a key as others pin it."""
        return VerifyKey.from_jwk(
            self.key(label).jwk(), issuer=self.code, use=use, **{"not_before": NOW - timedelta(days=1), **times}
        )

    def first_manifest(self, now: datetime = NOW) -> Document:
        """Return this bureau's first key manifest."""
        return manifest.new_manifest(
            iss=self.code,
            now=now,
            sign_key=self.key("sign"),
            log_key=self.key("log"),
            seal_key=self.key("seal"),
            next_kid=self.key("next").kid,
        )


SHOUNING = Bureau("350924000000", "Shouning")
QINGYUAN = Bureau("331126000000", "Qingyuan")
JINGNING = Bureau("331127000000", "Jingning")


def keyring(*keys: VerifyKey) -> FindKey:
    """Return a look-up among these pinned keys; without any, the signing keys of the three bureaus."""
    pinned = keys or tuple(bureau.pinned() for bureau in (SHOUNING, QINGYUAN, JINGNING))
    return {key.kid: key for key in pinned}.get


def draft(**changes: Any) -> Draft:
    """Return a lead request to Qingyuan, not yet sealed."""
    said: dict[str, Any] = {
        "aud": (QINGYUAN.code,),
        "type": "lead.requested.v1",
        "thread": new_id(NOW),
        "lane": Lane.CASE,
        "classification": "internal",
        "handling": Handling(code=HandlingCode.H0, onward=Onward.NONE),
        "purpose": "查办盗伐林木案",
        "legal_basis": "公安机关办理刑事案件程序规定第三百四十六条",
        "author_role": "liaison_officer",
        "approver": {"name": "林一鸣", "role": "approver"},
        "retain_until": NOW + timedelta(days=3 * 365),
        "deliver_by": NOW + timedelta(days=30),
        "body": {"letter_number": "寿公协〔2026〕1号", "facts": "下党乡杉木被盗伐 6.2 立方米"},
    }
    return Draft(**(said | changes))


def sealed(author: Bureau = SHOUNING, **changes: Any) -> Statement:
    """Return a sealed lead request from `author`."""
    return seal(draft(**changes), iss=author.code, jti=new_id(NOW), iat=NOW, key=author.key())
