"""The record form: open by itself while a monthly contact is due, filled in with what is open between the bureaus."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.cadence.obligations import Obligation
from ecolink.errors import InvalidError
from ecolink.exchanges.duties import InForce, OpenNow
from ecolink.exchanges.liaison import ledger
from ecolink.exchanges.liaison.models import LiaisonRecord
from ecolink.protocol.kinds.liaison import MAX_FOOTINGS, MAX_OPEN_MATTERS, FootingV1, OpenMatterV1

OpenMatters = Callable[[Session, str, datetime], Iterable[OpenMatterV1]]
"""What a room has open with one partner; the moment is that of the last contact."""

NEVER = datetime(2000, 1, 1, tzinfo=UTC)
"""When the last contact was with whom there was none: before anything either could have told."""


@dataclass(frozen=True, slots=True)
class Form:
    """A record form, filled in as far as the node can."""

    partners: tuple[str, ...]
    obligation: Obligation | None
    """What the contact will meet; None of a form opened by hand."""
    makes_up: str | None
    """The obligation's key, once its period is over: the contact then makes up for it."""
    last_held_at: datetime | None
    """When the bureaus last had a contact; of several partners, with whichever it was longest ago."""
    matters: tuple[OpenMatterV1, ...]
    footing: tuple[FootingV1, ...]
    checkpoint: str
    to_confirm: tuple[str, ...]
    """Contacts between these bureaus that wait for our own word: confirm those before recording another."""


@dataclass(frozen=True, repr=False)
class Forms:
    """Opens record forms."""

    us: str
    in_force: InForce
    open_now: OpenNow
    rooms: Sequence[OpenMatters]
    footing: Callable[[Session, str], FootingV1]
    checkpoint: Callable[[Session], str]
    """Signs the checkpoint of our own evidence log."""

    def due(self, session: Session, now: datetime) -> list[Form]:
        """Return the forms that are open now, the one due first in front: one for each contact not yet confirmed."""
        return [self.of_obligation(session, obligation, now) for obligation in self.open_now(session, "liaison", now)]

    def of_obligation(self, session: Session, obligation: Obligation, now: datetime) -> Form:
        """Return the form for the contact an obligation asks for."""
        over = china_day(now) > obligation.period.last
        return self._open(session, obligation.parties - {self.us}, obligation, obligation.key if over else None)

    def between(self, session: Session, partners: Collection[str]) -> Form:
        """Return a form for a contact with `partners` that no duty asks for.

        Raises:
            InvalidError: we are named among them.
            NotFoundError: one is no peer.

        """
        if self.us in partners:
            raise InvalidError("Name the other bureaus only.", "请只填写对方单位。", pointer="partner")
        return self._open(session, partners, None, None)

    def matters(self, session: Session, partners: Collection[str]) -> tuple[OpenMatterV1, ...]:
        """Return what is open between us and each of `partners` now."""
        found = []
        for partner in sorted(partners):
            since = ledger.last_held(session, self.us, partner) or NEVER
            found += [matter for room in self.rooms for matter in room(session, partner, since)]
        return tuple(found[:MAX_OPEN_MATTERS])

    def standing(self, session: Session, partners: Collection[str]) -> tuple[FootingV1, ...]:
        """Return how we stand with each of `partners`' nodes."""
        return tuple(self.footing(session, partner) for partner in sorted(partners)[:MAX_FOOTINGS])

    def _open(
        self, session: Session, partners: Collection[str], obligation: Obligation | None, makes_up: str | None
    ) -> Form:
        held = [ledger.last_held(session, self.us, partner) for partner in partners]
        return Form(
            partners=tuple(sorted(partners)),
            obligation=obligation,
            makes_up=makes_up,
            last_held_at=min((at for at in held if at is not None), default=None) if None not in held else None,
            matters=self.matters(session, partners),
            footing=self.standing(session, partners),
            checkpoint=self.checkpoint(session),
            to_confirm=self._to_confirm(session, {self.us, *partners}),
        )

    def _to_confirm(self, session: Session, parties: Collection[str]) -> tuple[str, ...]:
        waiting = ledger.awaiting(self.us).where(LiaisonRecord.parties == " ".join(sorted(parties)))
        return tuple(row.contact for row in session.scalars(waiting.order_by(LiaisonRecord.held_at)))
