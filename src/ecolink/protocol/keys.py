"""P-256 keys: the ones we sign with and the pinned ones we believe.

A key's name (`kid`) is its RFC 7638 thumbprint, so a name can never be given to another key.
Signatures are the raw 64 bytes r||s of RFC 7518 section 3.4.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from ecolink.kit import canonical
from ecolink.protocol import base64url
from ecolink.protocol.limits import CLOCK_SKEW
from ecolink.protocol.refusal import Reason, Refused

SIGNATURE_BYTES = 64
_COORDINATE_BYTES = 32
_ECDSA = ec.ECDSA(hashes.SHA256())
_ECDSA_OF_DIGEST = ec.ECDSA(Prehashed(hashes.SHA256()))


class Use(StrEnum):
    """What a key in the manifest is for; a key has one use only."""

    SIGN = "sign"
    """Documents of the exchange."""
    LOG = "log"
    """Checkpoints of the evidence log."""
    SEAL = "seal"
    """Bundles sealed to this bureau (ECDH)."""


class SigningKey:
    """A private P-256 key of ours."""

    __slots__ = ("_jwk", "kid", "private")

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        """Take a P-256 key; any other curve is refused.

        Raises:
            Refused: `bad-key`.

        """
        _refuse_other_curves(private.curve)
        self.private = private
        self._jwk = jwk_of(private.public_key())
        self.kid = thumbprint(self._jwk)

    @classmethod
    def generate(cls) -> Self:
        """Return a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes | None) -> Self:
        """Read a key from PKCS #8 PEM.

        Raises:
            ValueError: the text is no key, or the passphrase is wrong.
            TypeError: a passphrase is needed and absent, or given and not needed.
            Refused: `bad-key`, it is a key of another kind.

        """
        private = serialization.load_pem_private_key(pem, passphrase)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise Refused(Reason.BAD_KEY, "not an elliptic-curve key")
        return cls(private)

    def to_pem(self, passphrase: bytes | None) -> bytes:
        """Return the key as PKCS #8 PEM, encrypted when a passphrase is given."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption(),
        )

    def jwk(self) -> dict[str, str]:
        """Return the public half as a JWK: exactly `kty`, `crv`, `x`, `y`."""
        return dict(self._jwk)

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte signature of `data` under ES256."""
        r, s = decode_dss_signature(self.private.sign(data, _ECDSA))
        return r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES)

    def verify_key(self, issuer: str, use: Use, not_before: datetime, not_after: datetime | None = None) -> "VerifyKey":
        """Return the public half as a pinned key of `issuer`."""
        return VerifyKey.from_jwk(self._jwk, issuer=issuer, use=use, not_before=not_before, not_after=not_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyKey:
    """A public key pinned for one bureau and one use, with the times (UTC) between which it is believed."""

    issuer: str
    kid: str
    use: Use
    public: ec.EllipticCurvePublicKey = field(compare=False, repr=False)
    jwk: Mapping[str, str] = field(hash=False, repr=False)
    not_before: datetime
    not_after: datetime | None = None
    revoked_at: datetime | None = None
    compromised_since: datetime | None = None
    """From here on a signature alone proves nothing about when it was made."""

    def __post_init__(self) -> None:
        """Refuse a key of another curve, however it came here."""
        _refuse_other_curves(self.public.curve)

    @classmethod
    def from_jwk(
        cls,
        jwk: Mapping[str, str],
        *,
        issuer: str,
        use: Use,
        not_before: datetime,
        not_after: datetime | None = None,
        revoked_at: datetime | None = None,
        compromised_since: datetime | None = None,
    ) -> Self:
        """Pin the key in `jwk`; its point is parsed once in the life of the process.

        Raises:
            Refused: `bad-key`.

        """
        return cls(
            issuer=issuer,
            kid=thumbprint(jwk),
            use=use,
            public=public_of(jwk),
            jwk=jwk,
            not_before=not_before,
            not_after=not_after,
            revoked_at=revoked_at,
            compromised_since=compromised_since,
        )

    def verify(self, data: bytes, raw_signature: bytes) -> None:
        """Return if `raw_signature` (r||s) is this key's over `data`.

        Raises:
            Refused: `bad-signature`.

        """
        self.verify_digest(sha256(data).digest(), raw_signature)

    def verify_digest(self, digest: bytes, raw_signature: bytes) -> None:
        """Return if `raw_signature` (r||s) is this key's over the data whose SHA-256 is `digest`.

        Raises:
            Refused: `bad-signature`.

        """
        if len(raw_signature) != SIGNATURE_BYTES:
            raise Refused(Reason.BAD_SIGNATURE, f"a signature has {SIGNATURE_BYTES} bytes, not {len(raw_signature)}")
        r = int.from_bytes(raw_signature[:_COORDINATE_BYTES])
        s = int.from_bytes(raw_signature[_COORDINATE_BYTES:])
        try:
            self.public.verify(encode_dss_signature(r, s), digest, _ECDSA_OF_DIGEST)
        except InvalidSignature:
            raise Refused(Reason.BAD_SIGNATURE, f"not signed by key {self.kid}") from None

    def refuse_unless_valid(self, at: datetime) -> None:
        """Return if the key is believed for what was received at `at` (UTC, our clock).

        The start is given the clock skew the protocol tolerates; an end is an end.

        Raises:
            Refused: `key-revoked`, `key-not-yet-valid` or `key-expired`.

        """
        if self.revoked_at is not None and at >= self.revoked_at:
            raise Refused(Reason.KEY_REVOKED, f"key {self.kid} was revoked at {self.revoked_at.isoformat()}")
        if at + CLOCK_SKEW < self.not_before:
            raise Refused(Reason.KEY_NOT_YET_VALID, f"key {self.kid} is valid from {self.not_before.isoformat()}")
        if self.not_after is not None and at >= self.not_after:
            raise Refused(Reason.KEY_EXPIRED, f"key {self.kid} was valid until {self.not_after.isoformat()}")


FindKey = Callable[[str], VerifyKey | None]
"""Look a key up by its kid among the pinned ones."""


def jwk_of(public: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Return the JWK of a P-256 public key (RFC 7518 section 6.2.1)."""
    point = public.public_numbers()
    return {
        "crv": "P-256",
        "kty": "EC",
        "x": base64url.encode(point.x.to_bytes(_COORDINATE_BYTES)).decode(),
        "y": base64url.encode(point.y.to_bytes(_COORDINATE_BYTES)).decode(),
    }


def public_of(jwk: Mapping[str, str]) -> ec.EllipticCurvePublicKey:
    """Return the public key a JWK stands for.

    Raises:
        Refused: `bad-key`: other members than `kty`, `crv`, `x`, `y`, another curve, or a point off the curve.

    """
    _refuse_other_jwks(jwk)
    return _point(jwk["x"], jwk["y"])


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the key's name: the RFC 7638 thumbprint (SHA-256) as 43 characters of base64url."""
    _refuse_other_jwks(jwk)
    return base64url.encode(sha256(canonical.dumps(dict(jwk))).digest()).decode()


def _refuse_other_jwks(jwk: Mapping[str, str]) -> None:
    if set(jwk) != {"crv", "kty", "x", "y"} or jwk["kty"] != "EC" or jwk["crv"] != "P-256":
        raise Refused(Reason.BAD_KEY, "a key is a JWK with exactly kty EC, crv P-256, x and y")
    if not all(type(member) is str and member.isascii() for member in jwk.values()):
        raise Refused(Reason.BAD_KEY, "the coordinates of a key are base64url text")


def _refuse_other_curves(curve: ec.EllipticCurve) -> None:
    if not isinstance(curve, ec.SECP256R1):
        raise Refused(Reason.BAD_KEY, f"a key on {curve.name}, not on P-256")


@lru_cache(maxsize=4096)
def _point(x: str, y: str) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicNumbers(_coordinate(x), _coordinate(y), ec.SECP256R1()).public_key()
    except ValueError:
        raise Refused(Reason.BAD_KEY, "the point of a key is not on P-256") from None


def _coordinate(text: str) -> int:
    try:
        value = base64url.decode(text.encode())
    except Refused as refused:
        raise Refused(Reason.BAD_KEY, f"a coordinate of a key: {refused.detail}") from None
    if len(value) != _COORDINATE_BYTES:
        raise Refused(Reason.BAD_KEY, f"a coordinate of a key has {_COORDINATE_BYTES} bytes")
    return int.from_bytes(value)
