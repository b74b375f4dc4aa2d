"""Whose keys are believed: those somebody brought from outside the file, and none else.

An evidence file carries the key manifests that its documents were signed under, but whoever writes a file can
write manifests. They count only when joined to what the verifier holds already: a card, or a fingerprint.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from ecolink.protocol import manifest
from ecolink.protocol.card import Card, fingerprint, open_card
from ecolink.protocol.keys import Use, VerifyKey
from ecolink.protocol.manifest import Document, Manifest
from ecolink.protocol.refusal import Reason, Refused

UNTRUSTED = "untrusted-bureau"


@dataclass(frozen=True, slots=True)
class Trust:
    """What the verifier holds: cards and fingerprints, by unit code."""

    cards: Mapping[str, Card] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def given(cls, cards: Sequence[bytes] = (), fingerprints: Mapping[str, str] | None = None) -> Self:
        """Read cards as they were exchanged, and fingerprints as they were read out.

        Raises:
            Refused: a card is not of one piece.

        """
        opened = [open_card(token) for token in cards]
        return cls({card.iss: card for card in opened}, dict(fingerprints or {}))

    def settle(self, unit_code: str, documents: Sequence[Document] | None) -> Manifest:
        """Return the newest manifest of a bureau that is joined to what is held; `documents` are the file's.

        Raises:
            Refused: `untrusted-bureau`, or what is wrong with the manifests.

        """
        inside = manifest.verify(documents, issuer=unit_code, pinned_head=None) if documents else None
        card = self.cards.get(unit_code)
        if card is not None:
            return card.manifest if inside is None else _longer(card.manifest, inside)
        held = _digits(self.fingerprints.get(unit_code, ""))
        if inside is None or not any(_digits(fingerprint(unit_code, link.digest)) == held for link in inside.chain):
            raise Refused(
                UNTRUSTED, f"no card or fingerprint from outside the file vouches for the keys of {unit_code}"
            )
        return inside


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of every bureau that is believed."""

    manifests: Mapping[str, Manifest]

    def find(self, kid: str) -> VerifyKey | None:
        """Return the key named `kid`, whoever's it is.

        One that signs has signed a manifest of its bureau; as a key for another use any bureau may list it.
        """
        listed = [key for head in self.manifests.values() if (key := head.find(kid)) is not None]
        return min(listed, key=lambda key: key.use is not Use.SIGN, default=None)

    def of(self, unit_code: str) -> tuple[VerifyKey, ...]:
        """Return every key a bureau ever showed."""
        head = self.manifests.get(unit_code)
        return head.keys if head else ()

    def fingerprints(self) -> dict[str, str]:
        """Return the fingerprint of each bureau's newest keys."""
        return {unit: fingerprint(unit, head.digest) for unit, head in self.manifests.items()}


def _longer(one: Manifest, other: Manifest) -> Manifest:
    """Return the longer of two chains when the shorter is its beginning."""
    if any(a.digest != b.digest for a, b in zip(one.chain, other.chain, strict=False)):
        raise Refused(Reason.MANIFEST_FORK, f"the file's manifests of {one.iss} contradict those of the card")
    return max(one, other, key=lambda head: len(head.chain))


def _digits(text: str) -> str:
    return "".join(text.split())
