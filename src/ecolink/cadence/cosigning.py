"""Several bureaus sign one document: terms, a liaison record, minutes, a waiver.

The document has a digest; a signature is a party's signed statement over that digest, and counts from the moment its
author wrote into it (`iat`). What has been signed is a set, whatever the order in which it arrived, so every party
comes to the same answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Self

from ecolink.protocol.limits import CLOCK_SKEW


@dataclass(frozen=True, slots=True)
class Objection:
    """A party will not sign, and says why."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Cosigning:
    """How far one document has been signed. All times are UTC, and those the signers wrote."""

    digest: str
    author: str
    """The party that wrote it; writing is signing."""
    parties: frozenset[str]
    written_at: datetime
    signatures: Mapping[str, datetime] = field(default_factory=dict)
    """By party, when it signed; the author's among them."""
    objections: Mapping[str, Objection] = field(default_factory=dict)
    """By party; of those that have not signed since."""

    @classmethod
    def begin(cls, digest: str, author: str, parties: Iterable[str], at: datetime) -> Self:
        """Return a document only its author has signed."""
        return cls(digest, author, frozenset(parties), at, MappingProxyType({author: at}))

    def sign(self, party: str, at: datetime) -> "Cosigning":
        """Return it with a party's signature; of two the earlier counts. A signature outweighs the party's objection.

        Raises:
            ValueError: it is no party, or the signature is older than the document by more than clocks may differ.

        """
        at = self._settle(party, at)
        signed = {**self.signatures, party: min(at, self.signatures.get(party, at))}
        objecting = {who: why for who, why in self.objections.items() if who != party}
        return self._with(signed, objecting)

    def object(self, party: str, at: datetime, reason: str) -> "Cosigning":
        """Return it with a party's objection; of several the latest stands, and none beside its signature.

        Raises:
            ValueError: it is no party, or the objection is older than the document by more than clocks may differ.

        """
        at = self._settle(party, at)
        standing = self.objections.get(party)
        if party in self.signatures or (standing is not None and (standing.at, standing.reason) >= (at, reason)):
            return self
        return self._with(self.signatures, {**self.objections, party: Objection(at, reason)})

    @property
    def missing(self) -> frozenset[str]:
        """Who has not signed."""
        return self.parties - self.signatures.keys()

    @property
    def completed_at(self) -> datetime | None:
        """When the last party signed; None while one has not."""
        return None if self.missing else max(self.signatures.values())

    def _settle(self, party: str, at: datetime) -> datetime:
        """Return when a word counts: not before the document, where only the two clocks differ."""
        if party not in self.parties:
            raise ValueError(f"{party} is no party to this")
        if at < self.written_at - CLOCK_SKEW:
            raise ValueError("signed before it was written")
        return max(at, self.written_at)

    def _with(self, signatures: Mapping[str, datetime], objections: Mapping[str, Objection]) -> "Cosigning":
        return Cosigning(
            self.digest,
            self.author,
            self.parties,
            self.written_at,
            MappingProxyType(dict(signatures)),
            MappingProxyType(dict(objections)),
        )
