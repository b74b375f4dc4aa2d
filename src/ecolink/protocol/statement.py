"""A statement: one message from one bureau to one or several, signed by its author.

What is said lies in `body`, whose form depends on `type`. What governs it (classification, handling,
purpose, retention, who approved) lies outside the body and is enforced even when the type is unknown.
Personal data ride beside the statement in a *private part* that the statement names by digest only; the
part can be erased one day, and everything else still verifies.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ecolink.protocol import private_part

CLASSIFICATIONS = ("public", "internal", "work-secret")
"""公开, 内部, 工作秘密. State secrets may not be on such a system (Law on Guarding State Secrets)."""

Part = tuple[bytes, bytes | None]
"""A statement's token and its private part, as they travel."""


class Lane(StrEnum):
    """The queues between two bureaus; none waits for another."""

    EMERGENCY = "emergency"
    CASE = "case"
    BULK = "bulk"
    CONTROL = "control"
    """Recalls and the answers to them; open even to a suspended peer."""


class HandlingCode(StrEnum):
    """What the recipient may do with it, after Europol's handling codes."""

    H0 = "H0"
    """To prevent and combat crime only."""
    H1 = "H1"
    """Not in judicial proceedings without permission."""
    H2 = "H2"
    """No dissemination without permission."""
    H3 = "H3"
    """Other restrictions, given as text."""


class Onward(StrEnum):
    """Whether the recipient may share it with further bureaus."""

    NONE = "none"
    ASK = "ask"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """Handling code, its text (needed for H3) and the rule for onward sharing."""

    code: HandlingCode
    onward: Onward
    text: str | None = None


@dataclass(frozen=True, slots=True)
class AttachmentRef:
    """An attachment by its SHA-256; `name` is whatever the author called it, not yet fit for display."""

    digest: str
    size: int
    name: str
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an author says and the terms on which they say it. All times are UTC."""

    aud: tuple[str, ...]
    type: str
    thread: str
    """The matter it belongs to; every statement on it names the same."""
    parents: tuple[str, ...] = ()
    lane: Lane
    classification: str
    handling: Handling
    is_exercise: bool = False
    purpose: str
    legal_basis: str
    author_role: str
    approver: dict[str, Any] | None = field(default=None, repr=False, hash=False)
    retain_until: datetime
    deliver_by: datetime | None = None
    supersedes: str | None = None
    """The jti of the statement this one corrects."""
    recalls: str | None = None
    """The jti of the statement this one takes back."""
    attachments: tuple[AttachmentRef, ...] = ()
    body: dict[str, Any] = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft(Content):
    """A statement not yet sealed.

    Who it goes to, and its thread when it opens one, may be left for the outbox to fill in.
    """

    aud: tuple[str, ...] = ()
    thread: str = ""
    private: dict[str, Any] | None = field(default=None, repr=False, hash=False)
    """The personal data in clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Content):
    """A verified statement. `token` and `private` are the bytes as received; keep those, never rewrite them."""

    token: bytes = field(repr=False)
    digest: str
    kid: str
    iss: str
    jti: str
    iat: datetime
    """When it was made, by the author's clock."""
    salt: str = field(repr=False)
    private_digest: str | None = None
    private: bytes | None = field(default=None, repr=False)
    """The private part as received; None when there is none, or it was erased."""

    @property
    def private_data(self) -> dict[str, Any] | None:
        """The personal data, read anew each time so that erasing the bytes erases all."""
        return None if self.private is None else private_part.read(self.private)
