"""What stands in a leaf of the evidence log: a kind and a digest, nothing else.

The bytes that are hashed into the tree are three lines of text, so that anyone can make them with a shell:

    ecolink.leaf/1
    received
    2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae

The last line, too, ends with a newline.
"""

from enum import StrEnum

from ecolink.protocol.merkle import leaf_hash


class LeafKind(StrEnum):
    """The kinds a verifier looks for. A kind may be any short word; the node writes further ones of its own."""

    SENT = "sent"
    """A statement of ours."""
    RECEIVED = "received"
    """A peer's statement, stored."""
    REFUSED = "refused"
    """An entry of a peer's batch that was refused."""
    EQUIVOCATION = "equivocation"
    """A second statement under an id already held."""
    RECEIPT = "receipt"
    """A receipt we gave."""
    RECEIPT_HELD = "receipt-held"
    """A receipt we were given."""
    ACCESS = "access"
    """An entry of the access log."""
    ERASURE = "erasure"
    """The tombstone of a private part."""
    RESTORE = "restore"
    """The declaration that opens a log after a restore; always its first leaf."""


def entry(kind: str, digest: str) -> bytes:
    """Return the bytes of one leaf. `digest` is 64 lower-case hex digits."""
    return f"ecolink.leaf/1\n{kind}\n{digest}\n".encode()


def hash_of(kind: str, digest: str) -> bytes:
    """Return the leaf's hash in the tree."""
    return leaf_hash(entry(kind, digest))
