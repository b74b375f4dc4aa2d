"""Secrets at rest: sealed to the node's own key, so that whoever holds the database alone cannot read them.

Each is sealed by itself: a fresh P-256 key agrees with the node's seal key on an AES-256-GCM key (ECDH-ES, HKDF with
SHA-256) that is used once. What the secret is about is bound to it, so that no row can lend its secret to another.
"""

from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_POINT_BYTES: Final = 33
_PURPOSE: Final = b"ecolink secret at rest 1"
_NONCE: Final = bytes(12)
"""The key is used once, so its nonce need not change."""


class VaultError(ValueError):
    """What is kept does not open: another key sealed it, it is about something else, or it was changed."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals secrets of this node and opens them again."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    """The P-256 key things are sealed to: the node's seal key."""

    def seal(self, secret: bytes, about: str) -> bytes:
        """Return `secret` as it may be stored; `about` says what it belongs to, and is needed to open it."""
        once = ec.generate_private_key(ec.SECP256R1())
        point = once.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        key = _agree(once, self.private.public_key(), point)
        return point + key.encrypt(_NONCE, secret, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Return the secret that was sealed `about` the same.

        Raises:
            VaultError: it does not open.

        """
        point, box = sealed[:_POINT_BYTES], sealed[_POINT_BYTES:]
        try:
            once = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            return _agree(self.private, once, point).decrypt(_NONCE, box, about.encode())
        except (InvalidTag, ValueError) as fault:
            raise VaultError from fault


def _agree(private: ec.EllipticCurvePrivateKey, public: ec.EllipticCurvePublicKey, point: bytes) -> AESGCM:
    shared = private.exchange(ec.ECDH(), public)
    return AESGCM(HKDF(SHA256(), length=32, salt=point, info=_PURPOSE).derive(shared))
