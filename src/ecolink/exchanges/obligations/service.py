"""The obligations room, put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy.orm import Session

from ecolink.audit.access import AccessLog
from ecolink.exchanges.duties import EvidenceByKind, InForce
from ecolink.exchanges.obligations.book import Book
from ecolink.exchanges.obligations.derivation import Derivation
from ecolink.exchanges.obligations.lateness import Lateness
from ecolink.exchanges.obligations.notices import Notices, OnNotice
from ecolink.exchanges.obligations.schemas import PartyOut
from ecolink.exchanges.obligations.views import Views
from ecolink.exchanges.obligations.waivers import WORDS, Waivers
from ecolink.exchanges.obligations.watch import Watch
from ecolink.exchanges.voice import Voice
from ecolink.federation.handling import Handlers
from ecolink.federation.statements import Stored
from ecolink.protocol.kinds.obligations import LATE


@dataclass(frozen=True, repr=False, kw_only=True)
class ObligationService:
    """What this bureau owes and is owed under its agreements."""

    us: str
    book: Book
    notices: Notices
    derivation: Derivation
    lateness: Lateness
    waivers: Waivers
    watch: Watch
    views: Views

    @classmethod
    def build(
        cls,
        voice: Voice,
        *,
        home: PartyOut,
        access: AccessLog,
        in_force: InForce,
        evidence_by_kind: EvidenceByKind,
        on_notice: Sequence[OnNotice] = (),
    ) -> Self:
        """Put the room together; `home` is this bureau as its own people see it."""
        notices = Notices(on_notice)
        book = Book(voice.us, evidence_by_kind, notices)
        derivation = Derivation(voice.us, book)
        lateness = Lateness(voice)
        return cls(
            us=voice.us,
            book=book,
            notices=notices,
            derivation=derivation,
            lateness=lateness,
            waivers=Waivers(voice, book, access),
            watch=Watch(book, derivation, lateness, in_force),
            views=Views(home, voice.outbox.peers, book),
        )

    def handlers(self) -> Handlers:
        """Return what applies peers' statements, by type."""
        return {LATE: self.lateness.hear, **dict.fromkeys(WORDS, self.waivers.hear)}

    def take_back(self, session: Session, stored: Stored, now: datetime) -> None:
        """Know again what we said before a restore."""
        if stored.statement.type == LATE:
            self.lateness.take_back(session, stored)
        elif stored.statement.type in WORDS:
            self.waivers.take_back(session, stored, now)

    def on_rejected(self, session: Session, stored: Stored, now: datetime) -> None:  # noqa: ARG002 - a hook
        """A peer's node would not take something we said: keep why, beside what we said."""
        said = stored.statement
        why = f"{said.body.get('code')}: {said.body.get('detail')}"
        self.lateness.note_rejection(session, str(said.body.get("digest")), said.iss, why)
        self.waivers.note_rejection(session, stored, why)
