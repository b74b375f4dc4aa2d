"""A bureau's own batches, as a peer that received them gives them back: each with the receipt it gave then.

Nothing here is signed anew. The batch and its statements carry the signature of whoever asks, the receipt that
of whoever answers, and the chain says whether anything was left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ecolink.kit import canonical
from ecolink.protocol import claims, strict_json
from ecolink.protocol.batch import ascii_of, part_of, written_part
from ecolink.protocol.limits import MAX_ENTRIES
from ecolink.protocol.manifest import Document
from ecolink.protocol.manifest import as_text as manifests_as_text
from ecolink.protocol.manifest import from_text as manifests_from_text
from ecolink.protocol.refusal import Reason, Refused
from ecolink.protocol.statement import Part

_MOST = 64


@dataclass(frozen=True, slots=True)
class Returned:
    """One batch given back; nothing in it is verified yet."""

    batch: bytes = field(repr=False)
    receipt: bytes = field(repr=False)
    parts: tuple[Part | None, ...] = field(repr=False)
    """The statement of each entry; None where the peer keeps none, having refused it or held it before."""


def pack_returned(returned: Sequence[Returned], manifests: Sequence[Document] = ()) -> bytes:
    """Return the answer that gives `returned` back, with the caller's own key manifests if it does not know them."""
    said = {
        "returned": [
            {
                "batch": each.batch.decode("ascii"),
                "receipt": each.receipt.decode("ascii"),
                "statements": [None if part is None else written_part(part) for part in each.parts],
            }
            for each in returned
        ]
    }
    return canonical.dumps({**said, "manifests": manifests_as_text(manifests)} if manifests else said)


def unpack_returned(raw: bytes, *, max_bytes: int) -> tuple[list[Returned], list[Document]]:
    """Take such an answer apart; nothing in it is verified yet.

    Raises:
        Refused: it is longer than `max_bytes`, or of another form.

    """
    said = strict_json.loads(raw, max_bytes=max_bytes)
    if not isinstance(said, dict):
        raise Refused(Reason.INVALID_CLAIM, "the answer is an object")
    manifests = manifests_from_text(said["manifests"]) if "manifests" in said else []
    return [_returned(each) for each in claims.items(said, "returned", most=_MOST)], manifests


def _returned(said: object) -> Returned:
    if not isinstance(said, dict):
        raise Refused(Reason.INVALID_CLAIM, "a returned batch is an object")
    statements = claims.items(said, "statements", least=1, most=MAX_ENTRIES)
    parts = tuple(None if each is None else part_of(each) for each in statements)
    return Returned(ascii_of(said, "batch"), ascii_of(said, "receipt"), parts)
