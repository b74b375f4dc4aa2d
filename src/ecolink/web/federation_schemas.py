"""What the administration of the exchange takes and gives."""

from datetime import datetime
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ecolink.federation.applying import Parked
from ecolink.federation.models import Alarm
from ecolink.federation.peers import Peer, PeerState
from ecolink.federation.queues import QueueStatus
from ecolink.protocol.keys import Use, VerifyKey
from ecolink.protocol.limits import MAX_CARD_BYTES

_CODE = "331126000000"
_FINGERPRINT = "12345 67890 12345 67890 12345 67890 12345 67890 12345 67890 12345 67890"
_AT = "2026-11-22T02:00:00Z"
_ID = "01a2012f-69e0-7771-bd6c-1d833c732d08"
_KID = "7UbQGVYdI31ZELCbCGtkNaGRPDU8owg-WswP3S1qmsI"


class CardIn(BaseModel):
    """Another bureau's card, as its administrator handed it over."""

    model_config = ConfigDict(extra="forbid")

    card: str = Field(min_length=1, max_length=MAX_CARD_BYTES, examples=["eyJhbGciOiJFUzI1NiIs..."])


class FingerprintIn(BaseModel):
    """The fingerprint as it was read out; blanks do not matter."""

    model_config = ConfigDict(extra="forbid")

    fingerprint: str = Field(min_length=1, max_length=200, examples=[_FINGERPRINT])


class ReasonIn(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500, examples=["looked into with the duty officer at Qingyuan"])


class RetryIn(BaseModel):
    """Which statement to try again; all that were set aside when absent."""

    model_config = ConfigDict(extra="forbid")

    statement: str | None = Field(default=None, max_length=36, examples=[_ID])


class RevokeIn(BaseModel):
    """Why the signing key is revoked, and since when it may have been in other hands."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500, examples=["the backup disc of the server room is missing"])
    compromised_since: AwareDatetime | None = Field(default=None, examples=[_AT])


class CardOut(BaseModel):
    """This node's card."""

    unit_code: str = Field(examples=[_CODE])
    card: str = Field(examples=["eyJhbGciOiJFUzI1NiIs..."])
    fingerprint: str = Field(examples=[_FINGERPRINT])


class PeerOut(BaseModel):
    """Another bureau's node."""

    unit_code: str = Field(examples=[_CODE])
    name_zh: str = Field(examples=["庆元县公安局"])
    name_en: str = Field(examples=["Qingyuan County Public Security Bureau"])
    state: PeerState
    duty_phone: str = Field(examples=["0578-0000002"])
    federation_url: str = Field(examples=["https://ecolink.qingyuan.example"])
    fingerprint: str = Field(examples=[_FINGERPRINT])
    manifest_version: int = Field(examples=[1])
    activated_at: datetime | None = Field(examples=[_AT])
    suspended_reason: str | None = Field(examples=[None])
    last_contact_at: datetime | None = Field(examples=[_AT])
    clock_skew_s: int | None = Field(
        examples=[0], description="The peer's clock minus ours, in seconds, at the last contact."
    )

    @classmethod
    def of(cls, peer: Peer) -> Self:
        """Show a peer."""
        return cls(**{name: getattr(peer, name) for name in cls.model_fields})


class KeyOut(BaseModel):
    """One public key of a manifest."""

    kid: str = Field(examples=[_KID])
    use: Use
    not_before: datetime = Field(examples=[_AT])
    not_after: datetime | None = Field(examples=[None])
    revoked_at: datetime | None = Field(examples=[None])
    compromised_since: datetime | None = Field(examples=[None])

    @classmethod
    def of(cls, key: VerifyKey) -> Self:
        """Show a key."""
        return cls(**{name: getattr(key, name) for name in cls.model_fields})


class KeysOut(BaseModel):
    """This node's keys."""

    manifest_version: int = Field(examples=[1])
    fingerprint: str = Field(examples=[_FINGERPRINT])
    keys: list[KeyOut]


class QueueOut(BaseModel):
    """One outgoing channel."""

    peer: str = Field(examples=[_CODE])
    lane: str = Field(examples=["case"])
    epoch: int = Field(examples=[1])
    waiting: int = Field(examples=[2], description="Statements without a receipt.")
    oldest: datetime | None = Field(examples=[_AT], description="When the first of them was queued.")
    last_contact_at: datetime | None = Field(examples=[_AT])
    last_error: str | None = Field(examples=["ConnectError: connection refused"])
    next_try_at: datetime | None = Field(examples=[_AT])
    attempts: int = Field(examples=[3])

    @classmethod
    def of(cls, queue: QueueStatus) -> Self:
        """Show a channel."""
        return cls(**{name: getattr(queue, name) for name in cls.model_fields})


class ParkedOut(BaseModel):
    """A received statement that was set aside."""

    iss: str = Field(examples=[_CODE])
    jti: str = Field(examples=[_ID])
    type: str = Field(examples=["lead.requested.v1"])
    thread: str = Field(examples=[_ID])
    received_at: datetime = Field(examples=[_AT])
    reason: str = Field(examples=["waits: 1 predecessor(s) of its thread are not here yet"])

    @classmethod
    def of(cls, parked: Parked) -> Self:
        """Show a parked statement."""
        return cls(**{name: getattr(parked, name) for name in cls.model_fields})


class RetriedOut(BaseModel):
    """How many statements were put back in the queue."""

    retried: int = Field(examples=[1])


class AlarmOut(BaseModel):
    """Something an operator must look at."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[1])
    kind: str = Field(examples=["equivocation"])
    subject: str = Field(examples=[f"{_CODE}/{_ID}"])
    peer: str | None = Field(examples=[_CODE])
    details: dict[str, Any] = Field(examples=[{"held": "ab" * 32, "other": "cd" * 32}])
    at: datetime = Field(examples=[_AT])
    closed_at: datetime | None = Field(examples=[None])

    @classmethod
    def of(cls, alarm: Alarm) -> Self:
        """Show an alarm."""
        return cls.model_validate(alarm)
