"""Channel heads: how far one bureau stands with another in every channel, signed.

Two bureaus compare them at every start and every ten minutes; that is how a node restored from an old backup is
noticed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ecolink.kit.times import to_seconds
from ecolink.protocol import claims, jws
from ecolink.protocol.claims import Claims
from ecolink.protocol.keys import FindKey, SigningKey
from ecolink.protocol.limits import MAX_HEADS_BYTES
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane

TYP = "ecolink-heads+jws"

_MAX_HEADS = 200
_MAX_CHECKPOINT = 2_000


@dataclass(frozen=True, slots=True)
class ChannelHead:
    """The last entry of one channel and the chain's value after it; an empty channel has seq 0."""

    lane: Lane
    epoch: int
    seq: int
    chain: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Verified heads, as `iss` sees its channels with `aud`."""

    token: bytes = field(repr=False)
    digest: str
    kid: str
    iss: str
    aud: str
    iat: datetime
    received: tuple[ChannelHead, ...]
    """Channels from `aud` to `iss`."""
    sent: tuple[ChannelHead, ...]
    """Channels from `iss` to `aud`."""
    checkpoint: str = field(repr=False)


def seal_heads(
    *,
    iss: str,
    aud: str,
    now: datetime,
    received: Sequence[ChannelHead],
    sent: Sequence[ChannelHead],
    checkpoint: str,
    key: SigningKey,
) -> bytes:
    """Return the signed heads of all channels between `iss` and `aud`."""
    payload = {
        "iss": iss,
        "aud": aud,
        "iat": to_seconds(now),
        "received": [_written(head) for head in received],
        "sent": [_written(head) for head in sent],
        "checkpoint": checkpoint,
    }
    return jws.sign(TYP, payload, key)


def open_heads(
    token: bytes, *, find_key: FindKey, us: str | None, sender: str | None, received_at: datetime | None = None
) -> Heads:
    """Verify a document of heads; None skips a check, as in `open_batch`.

    Raises:
        Refused: the first check that failed.

    """
    opened = jws.open_between(
        token,
        typ=TYP,
        find_key=find_key,
        us=us,
        sender=sender,
        received_at=received_at,
        max_bytes=MAX_HEADS_BYTES,
    )
    said = opened.payload
    return Heads(
        token=token,
        digest=opened.digest,
        kid=opened.kid,
        iss=claims.unit(said, "iss"),
        aud=claims.unit(said, "aud"),
        iat=claims.seconds(said, "iat"),
        received=_heads(said, "received"),
        sent=_heads(said, "sent"),
        checkpoint=claims.text(said, "checkpoint", most=_MAX_CHECKPOINT),
    )


def _written(head: ChannelHead) -> dict[str, str | int]:
    return {"lane": head.lane, "epoch": head.epoch, "seq": head.seq, "chain": head.chain.hex()}


def _heads(said: Claims, name: str) -> tuple[ChannelHead, ...]:
    return tuple(map(_head, claims.items(said, name, most=_MAX_HEADS)))


def _head(said: object) -> ChannelHead:
    if not isinstance(said, dict):
        raise Refused(Reason.INVALID_CLAIM, "a channel head is not an object")
    return ChannelHead(
        lane=claims.choice(said, "lane", Lane),
        epoch=claims.epoch(said),
        seq=claims.whole(said, "seq"),
        chain=bytes.fromhex(claims.digest(said, "chain")),
    )
