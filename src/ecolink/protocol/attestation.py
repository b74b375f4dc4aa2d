"""An attestation: what a bureau's evidence log says now, and which checkpoints of other logs it holds since when.

Two bureaus give each other one at every start and every ten minutes. It passes on the checkpoints of third bureaus, so
that nobody can show two pasts; it tells a restored node that its own log was longer once; and kept for years, it
is another bureau's signed word that a leaf existed before a certain day, whatever becomes of the keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ecolink.kit.times import to_seconds, to_text
from ecolink.protocol import claims, jws
from ecolink.protocol.checkpoint import MAX_CHECKPOINT_CHARS
from ecolink.protocol.keys import FindKey, SigningKey
from ecolink.protocol.refusal import Reason, Refused

TYP = "ecolink-attestation+jws"
MAX_BYTES = 262_144
MAX_HOLDINGS = 200


@dataclass(frozen=True, slots=True)
class Holding:
    """A checkpoint the issuer holds, and since when by its clock (UTC)."""

    checkpoint: str = field(repr=False)
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """A verified attestation."""

    token: bytes = field(repr=False)
    digest: str
    kid: str
    iss: str
    aud: str
    iat: datetime
    checkpoint: str = field(repr=False)
    """The issuer's own log, as a signed note."""
    holds: tuple[Holding, ...] = field(repr=False)


def seal_attestation(
    *, iss: str, aud: str, now: datetime, checkpoint: str, holds: Sequence[Holding], key: SigningKey
) -> bytes:
    """Return the attestation of `iss` for `aud`; of more holdings than fit, the first ones."""
    payload = {
        "iss": iss,
        "aud": aud,
        "iat": to_seconds(now),
        "checkpoint": checkpoint,
        "holds": [{"checkpoint": held.checkpoint, "since": to_text(held.since)} for held in holds[:MAX_HOLDINGS]],
    }
    return jws.sign(TYP, payload, key)


def open_attestation(
    token: bytes, *, find_key: FindKey, us: str | None, sender: str | None, received_at: datetime | None = None
) -> Attestation:
    """Verify an attestation; None skips a check, as in `open_receipt`. The notes inside are not verified yet.

    Raises:
        Refused: the first check that failed.

    """
    opened = jws.open_between(
        token, typ=TYP, find_key=find_key, us=us, sender=sender, received_at=received_at, max_bytes=MAX_BYTES
    )
    said = opened.payload
    return Attestation(
        token=token,
        digest=opened.digest,
        kid=opened.kid,
        iss=claims.unit(said, "iss"),
        aud=claims.unit(said, "aud"),
        iat=claims.seconds(said, "iat"),
        checkpoint=claims.text(said, "checkpoint", most=MAX_CHECKPOINT_CHARS),
        holds=tuple(map(_holding, claims.items(said, "holds", most=MAX_HOLDINGS))),
    )


def _holding(said: object) -> Holding:
    if not isinstance(said, dict):
        raise Refused(Reason.INVALID_CLAIM, "a holding is not an object")
    return Holding(claims.text(said, "checkpoint", most=MAX_CHECKPOINT_CHARS), claims.moment(said, "since"))
