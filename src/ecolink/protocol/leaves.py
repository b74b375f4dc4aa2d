"""What stands in a leaf of the evidence log: a kind and a digest, nothing else.

The bytes that are hashed into the tree are four lines of text, so that anyone can make them with a shell:

    ecolink.leaf/1
    statement
    2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    (end: the last line ends with a newline)
"""

from enum import StrEnum

from ecolink.protocol.merkle import leaf_hash

MAX_KIND_CHARS = 32


class LeafKind(StrEnum):
    """The kinds this version writes. A verifier needs none of them: a kind is any short word."""

    STATEMENT = "statement"
    """A statement sent, or received and stored."""
    REFUSAL = "refusal"
    """An entry of a peer's batch that was refused."""
    EQUIVOCATION = "equivocation"
    """A second statement under an id already held."""
    RECEIPT = "receipt"
    """A receipt given or received."""
    MANIFEST = "manifest"
    """A key manifest, ours or a peer's."""
    PEER = "peer"
    """A peer imported, activated or suspended."""
    ACCESS = "access"
    """A row of the access log."""
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
