"""The evidence file: what stands in it, how it is written and read.

One canonical JSON object: sorted members, no white space, UTF-8. It has one spelling, so that any changed byte
is either no longer that spelling or no longer what the exporter sealed:

    {"content": {…}, "form": "ecolink.evidence/1", "seal": "<compact JWS, typ ecolink-evidence+jws>"}

The seal signs the SHA-256 of the content as it is written. Everything inside the content that matters is signed
again by whoever said it; the seal only holds the pieces together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ecolink.kit import canonical
from ecolink.kit.times import to_seconds, to_text
from ecolink.protocol import claims, jws, manifest, strict_json
from ecolink.protocol.checkpoint import MAX_CHECKPOINT_CHARS
from ecolink.protocol.claims import Claims
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.limits import MAX_PRIVATE_BYTES
from ecolink.protocol.manifest import Document
from ecolink.protocol.merkle import MAX_PROOF
from ecolink.protocol.refusal import Reason, Refused

FORM = "ecolink.evidence/1"
TYP = "ecolink-evidence+jws"
MAX_FILE_BYTES = 64 * 1024 * 1024
_MAX_ITEMS = 50_000
_MAX_RESTORES = 1_000
_MAX_TEXT = 1_000_000


@dataclass(frozen=True, slots=True)
class StatementRecord:
    """A statement, and its private part or why it is not there."""

    token: bytes = field(repr=False)
    private: bytes | None = field(default=None, repr=False)
    withheld: bool = False
    """The exporter holds the private part and chose not to show it."""
    tombstone: Mapping[str, Any] | None = None
    """The document that says who erased it, when and why."""


@dataclass(frozen=True, slots=True)
class LeafProof:
    """The proof that a leaf is under a checkpoint, named by its place in the file's list."""

    checkpoint: int
    kind: str
    digest: str
    index: int
    proof: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class GrowthProof:
    """The proof that one checkpoint's log is the beginning of another's; both named by their places."""

    old: int
    new: int
    proof: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """All that is known of one thread at the bureau that exports it; nothing here is verified yet."""

    thread: str
    made_by: str
    made_at: datetime
    manifests: Mapping[str, Sequence[Document]]
    """By unit code, every key manifest from the first."""
    statements: Sequence[StatementRecord]
    batches: Sequence[bytes]
    receipts: Sequence[bytes]
    attestations: Sequence[bytes]
    checkpoints: Sequence[str]
    leaves: Sequence[LeafProof]
    growth: Sequence[GrowthProof]
    restores: Sequence[str]
    """The texts of the exporter's restore declarations."""


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file taken apart."""

    content: Content
    content_digest: str
    seal: bytes


def write(content: Content, key: SigningKey) -> bytes:
    """Seal `content` with the exporter's signing key and return the file's bytes."""
    written = _written(content)
    claim = {
        "iss": content.made_by,
        "iat": to_seconds(content.made_at),
        "thread": content.thread,
        "content": canonical.sha256_hex(canonical.dumps(written)),
    }
    return canonical.dumps({"form": FORM, "content": written, "seal": jws.sign(TYP, claim, key).decode()})


def read(raw: bytes) -> EvidenceFile:
    """Take a file apart.

    Raises:
        Refused: it is too large, not JSON, not in its one spelling, or not an evidence file of this version.

    """
    said = strict_json.loads(raw, max_bytes=MAX_FILE_BYTES)
    if not isinstance(said, dict) or said.get("form") != FORM:
        raise Refused(Reason.BAD_EVIDENCE, f"not an evidence file of the form {FORM}")
    if canonical.dumps(said) != raw:
        raise Refused(Reason.BAD_EVIDENCE, "the file is not written in its one canonical spelling")
    content = claims.members(said, "content")
    digest = canonical.sha256_hex(canonical.dumps(content))
    return EvidenceFile(_read(content), digest, claims.text(said, "seal", most=_MAX_TEXT).encode())


def _written(content: Content) -> dict[str, Any]:
    return {
        "thread": content.thread,
        "made_by": content.made_by,
        "made_at": to_text(content.made_at),
        "manifests": {unit: manifest.as_text(documents) for unit, documents in content.manifests.items()},
        "statements": [
            {
                "token": each.token.decode(),
                "private": None if each.private is None else each.private.decode(),
                "withheld": each.withheld,
                "tombstone": each.tombstone,
            }
            for each in content.statements
        ],
        "batches": [token.decode() for token in content.batches],
        "receipts": [token.decode() for token in content.receipts],
        "attestations": [token.decode() for token in content.attestations],
        "checkpoints": list(content.checkpoints),
        "leaves": [
            {
                "checkpoint": leaf.checkpoint,
                "kind": leaf.kind,
                "digest": leaf.digest,
                "index": leaf.index,
                "proof": _hex(leaf.proof),
            }
            for leaf in content.leaves
        ],
        "growth": [{"old": each.old, "new": each.new, "proof": _hex(each.proof)} for each in content.growth],
        "restores": list(content.restores),
    }


def _read(said: Claims) -> Content:
    return Content(
        thread=claims.ident(said, "thread"),
        made_by=claims.unit(said, "made_by"),
        made_at=claims.moment(said, "made_at"),
        manifests={unit: manifest.from_text(each) for unit, each in claims.members(said, "manifests").items()},
        statements=[_statement(each) for each in _objects(said, "statements")],
        batches=[text.encode() for text in _texts(said, "batches")],
        receipts=[text.encode() for text in _texts(said, "receipts")],
        attestations=[text.encode() for text in _texts(said, "attestations")],
        checkpoints=_texts(said, "checkpoints", longest=MAX_CHECKPOINT_CHARS),
        leaves=[_leaf(each) for each in _objects(said, "leaves")],
        growth=[_growth(each) for each in _objects(said, "growth")],
        restores=_texts(said, "restores", most=_MAX_RESTORES),
    )


def _statement(said: Claims) -> StatementRecord:
    private = claims.maybe_text(said, "private", most=MAX_PRIVATE_BYTES)
    return StatementRecord(
        token=claims.text(said, "token", most=_MAX_TEXT).encode(),
        private=None if private is None else private.encode(),
        withheld=claims.truth(said, "withheld"),
        tombstone=None if said.get("tombstone") is None else claims.members(said, "tombstone"),
    )


def _leaf(said: Claims) -> LeafProof:
    return LeafProof(
        checkpoint=claims.whole(said, "checkpoint", most=_MAX_ITEMS),
        kind=claims.text(said, "kind", most=32),
        digest=claims.digest(said, "digest"),
        index=claims.whole(said, "index"),
        proof=_hashes(said),
    )


def _growth(said: Claims) -> GrowthProof:
    return GrowthProof(
        old=claims.whole(said, "old", most=_MAX_ITEMS),
        new=claims.whole(said, "new", most=_MAX_ITEMS),
        proof=_hashes(said),
    )


def _hashes(said: Claims) -> tuple[bytes, ...]:
    hashes = claims.items(said, "proof", most=MAX_PROOF + 1)
    if not all(map(claims.is_digest, hashes)):
        raise claims.wrong(said, "proof", "SHA-256 hashes")
    return tuple(bytes.fromhex(each) for each in hashes)


def _hex(proof: Sequence[bytes]) -> list[str]:
    return [each.hex() for each in proof]


def _objects(said: Claims, name: str) -> list[dict[str, Any]]:
    found = claims.items(said, name, most=_MAX_ITEMS)
    if not all(isinstance(each, dict) for each in found):
        raise claims.wrong(said, name, "objects")
    return found


def _texts(said: Claims, name: str, *, most: int = _MAX_ITEMS, longest: int = _MAX_TEXT) -> list[str]:
    found = claims.items(said, name, most=most)
    if not all(isinstance(each, str) and len(each) <= longest for each in found):
        raise claims.wrong(said, name, "texts")
    return found
