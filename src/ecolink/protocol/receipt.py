"""A receipt: the recipient's signed word on what became of each entry of a batch.

'stored' means durably held. Verdicts are final; a batch sent again is answered with the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ecolink.kit.times import to_text
from ecolink.protocol import claims, jws
from ecolink.protocol.claims import Claims
from ecolink.protocol.keys import FindKey, SigningKey
from ecolink.protocol.limits import MAX_ENTRIES, MAX_RECEIPT_BYTES
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Lane

TYP = "ecolink-receipt+jws"


class Outcome(StrEnum):
    """What became of an entry."""

    STORED = "stored"
    """Durably held."""
    DUPLICATE = "duplicate"
    """Held already, with this digest."""
    REFUSED = "refused"
    """Not accepted, for the reason given; the sequence number is spent."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one entry; `reason` is there if and only if it was refused."""

    digest: str
    verdict: Outcome
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A verified receipt."""

    token: bytes = field(repr=False)
    digest: str
    kid: str
    iss: str
    aud: str
    batch: str
    """The digest of the batch it answers."""
    lane: Lane
    epoch: int
    received_at: datetime
    """When the batch came, by the recipient's clock, in UTC. Deadlines run from here."""
    verdicts: tuple[Verdict, ...] = field(repr=False)
    head_seq: int
    head_chain: bytes
    checkpoint: str = field(repr=False)
    """The recipient's evidence log at that moment, as a signed note."""


_MAX_CHECKPOINT = 2_000


def seal_receipt(  # noqa: PLR0913 - a receipt has many lines
    *,
    iss: str,
    aud: str,
    batch: str,
    lane: Lane,
    epoch: int,
    received_at: datetime,
    verdicts: Sequence[Verdict],
    head_seq: int,
    head_chain: bytes,
    checkpoint: str,
    key: SigningKey,
) -> bytes:
    """Return the signed receipt for the batch with digest `batch`."""
    payload = {
        "iss": iss,
        "aud": aud,
        "batch": batch,
        "lane": lane,
        "epoch": epoch,
        "received_at": to_text(received_at),
        "verdicts": [_written(verdict) for verdict in verdicts],
        "head_seq": head_seq,
        "head_chain": head_chain.hex(),
        "checkpoint": checkpoint,
    }
    return jws.sign(TYP, payload, key)


def open_receipt(
    token: bytes, *, find_key: FindKey, us: str | None, sender: str | None, received_at: datetime | None = None
) -> Receipt:
    """Verify a receipt token.

    `us` must be its audience, `sender` its issuer, and its key valid at `received_at` (UTC, our clock, when
    the receipt came); None skips the check.

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
        max_bytes=MAX_RECEIPT_BYTES,
    )
    return _read(token, opened.digest, opened.kid, opened.payload)


def read_receipt(token: bytes) -> Receipt:
    """Read a receipt again that this node signed, or verified before it stored it. The signature is not looked at.

    Raises:
        Refused: the bytes are no receipt; the store was damaged.

    """
    kept = jws.reread(token, typ=TYP, max_bytes=MAX_RECEIPT_BYTES)
    return _read(token, kept.digest, kept.kid, kept.payload)


def _read(token: bytes, digest: str, kid: str, said: Claims) -> Receipt:
    return Receipt(
        token=token,
        digest=digest,
        kid=kid,
        iss=claims.unit(said, "iss"),
        aud=claims.unit(said, "aud"),
        batch=claims.digest(said, "batch"),
        lane=claims.choice(said, "lane", Lane),
        epoch=claims.epoch(said),
        received_at=claims.moment(said, "received_at"),
        verdicts=tuple(map(_verdict, claims.items(said, "verdicts", least=1, most=MAX_ENTRIES))),
        head_seq=claims.whole(said, "head_seq"),
        head_chain=bytes.fromhex(claims.digest(said, "head_chain")),
        checkpoint=claims.text(said, "checkpoint", most=_MAX_CHECKPOINT),
    )


def _written(verdict: Verdict) -> dict[str, str]:
    written = {"digest": verdict.digest, "verdict": verdict.verdict}
    return written if verdict.reason is None else {**written, "reason": verdict.reason}


def _verdict(said: object) -> Verdict:
    if not isinstance(said, dict):
        raise Refused(Reason.INVALID_CLAIM, "a verdict is not an object")
    outcome = claims.choice(said, "verdict", Outcome)
    if outcome is Outcome.REFUSED:
        return Verdict(claims.digest(said, "digest"), outcome, claims.text(said, "reason", most=64))
    if said.get("reason") is not None:
        raise Refused(Reason.INVALID_CLAIM, f"reason is given with the verdict {outcome}")
    return Verdict(claims.digest(said, "digest"), outcome)
