"""Which leaves of a file are proven to be in a log."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ecolink.protocol import leaves, merkle
from ecolink.protocol.checkpoint import Checkpoint
from ecolink.protocol.evidence.documents import Documents
from ecolink.protocol.evidence.record import Content, LeafProof
from ecolink.protocol.refusal import Reason, Refused


class Proven(NamedTuple):
    """A leaf that is under a checkpoint."""

    leaf: LeafProof
    checkpoint: Checkpoint


@dataclass(slots=True)
class Proofs:
    """What became of a file's proofs. They may be of any bureau's log; the exporter's own is asked about most."""

    exporter: str
    held: dict[str, list[Proven]] = field(default_factory=dict)
    """By the digest in the leaf."""
    failed: list[tuple[LeafProof, Refused]] = field(default_factory=list)

    def under(self, digest: str) -> Sequence[Proven]:
        """Return every place in which something is proven to be, in whosever log."""
        return self.held.get(digest, ())

    def in_own_log(self, digest: str) -> Sequence[Proven]:
        """Return the places in the exporter's logs."""
        return [proven for proven in self.under(digest) if proven.checkpoint.unit_code == self.exporter]

    def has(self, digest: str, kinds: Collection[str]) -> bool:
        """Tell whether an exporter's log has it in a leaf of one of `kinds`."""
        return any(proven.leaf.kind in kinds for proven in self.in_own_log(digest))

    def place_of(self, digest: str) -> int | None:
        """Return the index of its leaf in the exporter's log: the newest one that has it."""
        places = [(proven.checkpoint.log_epoch, proven.leaf.index) for proven in self.in_own_log(digest)]
        return max(places)[1] if places else None


def try_proofs(content: Content, documents: Documents) -> Proofs:
    """Try each proof of a file."""
    proofs = Proofs(content.made_by)
    for leaf in content.leaves:
        try:
            proven = Proven(leaf, _checkpoint_over(leaf, documents))
        except Refused as refused:
            proofs.failed.append((leaf, refused))
        else:
            proofs.held.setdefault(leaf.digest, []).append(proven)
    return proofs


def _checkpoint_over(leaf: LeafProof, documents: Documents) -> Checkpoint:
    checkpoint = documents.checkpoint(leaf.checkpoint)
    if checkpoint is None:
        raise Refused(Reason.BAD_PROOF, "The proof names no valid checkpoint.")
    hashed = leaves.hash_of(leaf.kind, leaf.digest)
    merkle.verify_inclusion(hashed, leaf.index, checkpoint.size, leaf.proof, checkpoint.root)
    return checkpoint
