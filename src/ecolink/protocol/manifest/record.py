"""What a manifest is, and how its keys are written and read."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ecolink.kit import canonical
from ecolink.kit.times import to_text
from ecolink.protocol import claims
from ecolink.protocol.claims import Claims
from ecolink.protocol.keys import Use, VerifyKey, thumbprint
from ecolink.protocol.refusal import Reason, Refused

TYP = "ecolink-keys+jws"

Document = tuple[bytes, ...]
"""A manifest on the wire: one or two tokens over the same payload, the new key's first."""

_MAX_KEYS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A verified manifest at the head of its chain."""

    document: Document = field(repr=False)
    iss: str
    version: int
    prev: str | None
    """The digest of the manifest before; None for the first."""
    digest: str
    """SHA-256 over the payload, the same for both tokens."""
    keys: tuple[VerifyKey, ...]
    next: str
    """What the next signing key must hash to: SHA-256 of its kid."""
    iat: datetime
    previous: "Manifest | None" = field(default=None, repr=False)

    @property
    def chain(self) -> tuple["Manifest", ...]:
        """All manifests from the first to this one."""
        return (*(self.previous.chain if self.previous else ()), self)

    def current(self, use: Use) -> VerifyKey:
        """Return the key in force for `use`: the last one listed."""
        return next(key for key in reversed(self.keys) if key.use is use)

    def find(self, kid: str) -> VerifyKey | None:
        """Return the key with this kid, in force or not."""
        return next((key for key in self.keys if key.kid == kid), None)


def commitment(kid: str) -> str:
    """Return what a manifest says about the next signing key before showing it."""
    return canonical.sha256_hex(kid.encode())


def write_key(key: VerifyKey) -> dict[str, Any]:
    """Return a key's entry in the list."""
    times = {
        "not_before": key.not_before,
        "not_after": key.not_after,
        "revoked_at": key.revoked_at,
        "compromised_since": key.compromised_since,
    }
    return {"kid": key.kid, "use": key.use, "jwk": dict(key.jwk)} | {
        name: to_text(moment) for name, moment in times.items() if moment is not None
    }


def read_keys(said: Claims, issuer: str) -> tuple[VerifyKey, ...]:
    """Read the list of keys of a manifest of `issuer`.

    Raises:
        Refused: `bad-key`, `manifest-broken`, `missing-claim`, `invalid-claim`.

    """
    keys = tuple(_key(entry, issuer) for entry in claims.items(said, "keys", least=1, most=_MAX_KEYS))
    if len({key.kid for key in keys}) != len(keys):
        raise Refused(Reason.MANIFEST_BROKEN, "a key is listed twice")
    return keys


def _key(said: object, issuer: str) -> VerifyKey:
    if not isinstance(said, dict):
        raise Refused(Reason.INVALID_CLAIM, "a key is not an object")
    jwk = claims.members(said, "jwk")
    if claims.text(said, "kid") != thumbprint(jwk):
        raise Refused(Reason.BAD_KEY, "a kid is not its key's thumbprint")
    revoked_at = claims.maybe_moment(said, "revoked_at")
    compromised_since = claims.maybe_moment(said, "compromised_since")
    if compromised_since is not None and revoked_at is None:
        raise Refused(Reason.MANIFEST_BROKEN, "a compromised key is revoked")
    return VerifyKey.from_jwk(
        jwk,
        issuer=issuer,
        use=claims.choice(said, "use", Use),
        not_before=claims.moment(said, "not_before"),
        not_after=claims.maybe_moment(said, "not_after"),
        revoked_at=revoked_at,
        compromised_since=compromised_since,
    )
