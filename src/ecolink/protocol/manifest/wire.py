"""A chain of manifests as JSON: a list of lists of tokens, oldest first."""

from collections.abc import Sequence

from ecolink.kit import canonical
from ecolink.protocol import strict_json
from ecolink.protocol.limits import MAX_CARD_BYTES
from ecolink.protocol.manifest.record import Document
from ecolink.protocol.refusal import Reason, Refused


def pack(documents: Sequence[Document]) -> bytes:
    """Return a chain as JSON: a list of lists of tokens."""
    return canonical.dumps(as_text(documents))


def unpack(raw: bytes, *, max_bytes: int = MAX_CARD_BYTES) -> list[Document]:
    """Take a chain apart; nothing in it is verified yet.

    Raises:
        Refused: `too-large`, `bad-json`, `invalid-claim`.

    """
    return from_text(strict_json.loads(raw, max_bytes=max_bytes))


def as_text(documents: Sequence[Document]) -> list[list[str]]:
    """Return a chain in the form it has inside a card."""
    return [[token.decode("ascii") for token in document] for document in documents]


def from_text(value: object) -> list[Document]:
    """Read a chain in the form it has inside a card.

    Raises:
        Refused: `invalid-claim`.

    """
    if not isinstance(value, list) or not all(isinstance(document, list) for document in value):
        raise Refused(Reason.INVALID_CLAIM, "manifests are lists of tokens")
    if not all(isinstance(token, str) and token.isascii() for document in value for token in document):
        raise Refused(Reason.INVALID_CLAIM, "a manifest's tokens are text")
    return [tuple(token.encode() for token in document) for document in value]
