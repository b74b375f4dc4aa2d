"""The agreements room."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.cadence.agreements import Agreement
from ecolink.exchanges.agreements.shelf import Shelf
from ecolink.exchanges.voice import Voice

Changed = Callable[[Session, str, datetime], None]
"""Told of the code of an agreement in which something became signed by all, or ceased to be."""


@dataclass(frozen=True)
class AgreementService:
    """The agreements this bureau is a party to."""

    voice: Voice
    changed: list[Changed] = field(default_factory=list)
    shelf: Shelf = field(default_factory=Shelf)

    def in_force(self, session: Session) -> Sequence[Agreement]:
        """Return every agreement that was ever signed by all its parties, ended ones too."""
        return self.shelf.in_force(session)
