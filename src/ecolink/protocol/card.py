"""A card: a bureau introduces its node; two people then compare the fingerprint by phone.

A card is signed by a key found inside it, so it proves only that it is of one piece. Nothing on it is
believed before the fingerprint was compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha512
from typing import Any
from urllib.parse import urlsplit

from ecolink.kit.times import to_seconds
from ecolink.protocol import claims, jws, limits, manifest
from ecolink.protocol.keys import FindKey, SigningKey, Use
from ecolink.protocol.manifest import Document, Manifest
from ecolink.protocol.refusal import Reason, Refused

TYP = "ecolink-card+jws"

_GROUPS = 12
_BYTES_PER_GROUP = 5
_DIGITS_PER_GROUP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card that is of one piece; `manifest` is the verified head of its chain."""

    token: bytes = field(repr=False)
    digest: str
    iss: str
    name_zh: str
    name_en: str
    region: str
    """GB/T 2260 code of the region: six digits."""
    federation_url: str
    duty_phone: str
    versions: tuple[int, ...]
    limits: Mapping[str, int] = field(hash=False)
    manifests: tuple[Document, ...] = field(repr=False)
    manifest: Manifest = field(repr=False)
    iat: datetime

    @property
    def fingerprint(self) -> str:
        """What two people read to each other by phone."""
        return fingerprint(self.iss, self.manifest.digest)


def own_limits() -> dict[str, int]:
    """Return the limits of this node, in bytes or in number, as its card states them."""
    return {
        "statement_bytes": limits.MAX_STATEMENT_BYTES,
        "private_bytes": limits.MAX_PRIVATE_BYTES,
        "push_bytes": limits.MAX_PUSH_BYTES,
        "entries": limits.MAX_ENTRIES,
    }


def build_card(  # noqa: PLR0913 - a card has many lines
    *,
    iss: str,
    name_zh: str,
    name_en: str,
    region: str,
    federation_url: str,
    duty_phone: str,
    manifests: Sequence[Document],
    now: datetime,
    key: SigningKey,
    versions: Sequence[int] = (limits.VERSION,),
    limits_: Mapping[str, int] | None = None,
) -> bytes:
    """Return the signed card; `key` is the signing key in force, `manifests` the whole chain."""
    payload = {
        "iss": iss,
        "name_zh": name_zh,
        "name_en": name_en,
        "region": region,
        "federation_url": federation_url,
        "duty_phone": duty_phone,
        "versions": list(versions),
        "limits": dict(own_limits() if limits_ is None else limits_),
        "manifests": manifest.as_text(manifests),
        "iat": to_seconds(now),
    }
    return jws.sign(TYP, payload, key)


def open_card(token: bytes, received_at: datetime | None = None) -> Card:
    """Check that a card is of one piece: its chain verifies, and the key in force signed it.

    With `received_at` (UTC, our clock) that key must also have been valid then.

    Raises:
        Refused: the first check that failed.

    """
    heads: list[Manifest] = []

    def keys_inside(said: dict[str, Any]) -> FindKey:
        issuer = claims.unit(said, "iss")
        heads.append(manifest.verify(manifest.from_text(said.get("manifests")), issuer=issuer, pinned_head=None))
        signer = heads[0].current(Use.SIGN)
        return {signer.kid: signer}.get

    opened = jws.open_self_signed(token, typ=TYP, keys_inside=keys_inside, max_bytes=limits.MAX_CARD_BYTES)
    said = opened.payload
    if received_at is not None:
        opened.key.refuse_unless_valid(received_at)
    return Card(
        token=token,
        digest=opened.digest,
        iss=claims.unit(said, "iss"),
        name_zh=claims.text(said, "name_zh", most=100),
        name_en=claims.text(said, "name_en", most=100),
        region=_region(said),
        federation_url=_address(said),
        duty_phone=claims.text(said, "duty_phone", most=32),
        versions=_versions(said),
        limits=_limits(said),
        manifests=tuple(manifest.from_text(said["manifests"])),
        manifest=heads[0],
        iat=claims.seconds(said, "iat"),
    )


def fingerprint(unit_code: str, manifest_head_digest: str) -> str:
    """Return 12 groups of 5 decimal digits that stand for a bureau and its keys.

    Each group is 5 bytes of SHA-512 taken modulo 100,000: about 199 bits in all, short enough to be read out by phone
    and too long to be forged.
    """
    value = sha512(f"ecolink fingerprint 1\n{unit_code}\n{manifest_head_digest}\n".encode()).digest()
    groups = (
        value[start : start + _BYTES_PER_GROUP] for start in range(0, _GROUPS * _BYTES_PER_GROUP, _BYTES_PER_GROUP)
    )
    return " ".join(f"{int.from_bytes(group) % 10**_DIGITS_PER_GROUP:0{_DIGITS_PER_GROUP}}" for group in groups)


def _region(said: Mapping[str, Any]) -> str:
    value = claims.text(said, "region")
    if len(value) != 6 or not (value.isascii() and value.isdigit()):  # noqa: PLR2004 - GB/T 2260
        raise claims.wrong(said, "region", "six digits")
    return value


def _address(said: Mapping[str, Any]) -> str:
    """Read where the node answers. Whether we may connect there is for the client to judge."""
    value = claims.text(said, "federation_url")
    try:
        parts = urlsplit(value)
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
        fits = parts.scheme in {"https", "http"} and bool(parts.hostname) and plain and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise claims.wrong(said, "federation_url", "an https address without user, query or fragment")
    return value


def _versions(said: Mapping[str, Any]) -> tuple[int, ...]:
    versions = claims.items(said, "versions", least=1, most=16)
    if not all(type(version) is int and version >= 1 for version in versions):
        raise claims.wrong(said, "versions", "whole numbers from 1")
    return tuple(versions)


def _limits(said: Mapping[str, Any]) -> dict[str, int]:
    stated = claims.members(said, "limits")
    if not all(type(value) is int and value >= 1 for value in stated.values()):
        raise Refused(Reason.INVALID_CLAIM, "limits are whole numbers from 1")
    return stated
