"""The agreements room."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement
from ecolink.exchanges.agreements.shelf import Shelf
from ecolink.exchanges.duties import OnAgreement
from ecolink.exchanges.voice import Voice


@dataclass(frozen=True)
class AgreementService:
    """The agreements this bureau is a party to."""

    voice: Voice
    changed: list[OnAgreement] = field(default_factory=list)
    shelf: Shelf = field(default_factory=Shelf)

    def in_force(self, session: Session) -> Sequence[Agreement]:
        """Return every agreement that was ever signed by all its parties, ended ones too."""
        return self.shelf.in_force(session)
