"""What waits for our bureau's word in liaison and exchange, gathered from the rooms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.exchanges.agreements.models import AgreementRow
from ecolink.exchanges.agreements.views import Views as AgreementViews
from ecolink.exchanges.consultations.models import Consultation, ConsultationTask
from ecolink.exchanges.cosigned import register
from ecolink.exchanges.cosigned.models import CosignedDocument
from ecolink.exchanges.liaison import ledger
from ecolink.exchanges.obligations.book import WAIVER
from ecolink.exchanges.quarterly.models import Exchange
from ecolink.exchanges.quarterly.rules import State
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.web.cooperation import Cooperation

MOST: Final = 10
"""Of each sort; the lists show all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Something that waits for our word."""

    sort: str
    """`contact`, `consultation`, `agreement`, `waiver`, `exchange` or `task`."""
    path: str
    title: str = ""
    from_whom: str = ""
    """A bureau's unit code."""
    moves: Sequence[str] = ()
    at: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """Looks through the rooms."""

    rooms: Cooperation

    def for_us(self, session: Session, by: Principal, now: datetime) -> list[Wait]:
        """Return all that waits for us and that somebody may answer."""
        found: list[Wait] = []
        if by.may(Permission.AGREEMENT_SIGN):
            found += self._agreements(session, now)
        if by.may(Permission.OBLIGATION_HANDLE) or by.may(Permission.PACKAGE_APPROVE):
            found += self._exchanges(session, by, now)
        if by.may(Permission.OBLIGATION_HANDLE):
            found += [*self._contacts(session), *self._consultations(session), *self._tasks(session)]
        if by.may(Permission.OBLIGATION_WAIVE):
            found += self._waivers(session)
        return found

    def _contacts(self, session: Session) -> Iterator[Wait]:
        waiting = ledger.awaiting(self.rooms.liaison.us)
        for row in session.scalars(waiting.limit(MOST)):
            yield Wait(sort="contact", path=f"/contacts/{row.contact}", from_whom=row.author, at=row.held_at)

    def _consultations(self, session: Session) -> Iterator[Wait]:
        for row in session.scalars(select(Consultation).where(Consultation.awaits_us).limit(MOST)):
            at = row.meets_at or row.invited_at
            path = f"/consultations/{row.id}"
            yield Wait(sort="consultation", path=path, title=row.title, from_whom=row.convener, at=at)

    def _tasks(self, session: Session) -> Iterator[Wait]:
        ours = select(ConsultationTask).where(
            ConsultationTask.owner == self.rooms.consultations.us, ConsultationTask.status.in_(("open", "under_way"))
        )
        for task in session.scalars(ours.order_by(ConsultationTask.due_on).limit(MOST)):
            yield Wait(sort="task", path=f"/consultations/{task.consultation}#tasks", title=task.text)

    def _agreements(self, session: Session, now: datetime) -> Iterator[Wait]:
        views = AgreementViews(self.rooms.agreements)
        for row in session.scalars(select(AgreementRow).order_by(AgreementRow.changed_at.desc()).limit(MOST)):
            shown = views.whole(session, row, now)
            for proposal in shown.proposals:
                if proposal.awaits_us and proposal.may:
                    path = f"/agreements/{row.code}/proposals/{proposal.digest}"
                    yield Wait(sort="agreement", path=path, title=shown.name_zh, from_whom=proposal.author)

    def _waivers(self, session: Session) -> Iterator[Wait]:
        open_ = select(CosignedDocument).where(
            CosignedDocument.kind == WAIVER,
            CosignedDocument.completed_at.is_(None),
            CosignedDocument.withdrawn_at.is_(None),
            CosignedDocument.author != self.rooms.obligations.us,
        )
        rows = session.scalars(open_.limit(MOST)).all()
        read = register.read(session, rows)
        for row in rows:
            words = read[row.digest]
            if not {self.rooms.obligations.us} & {*words.signatures, *words.objections}:
                yield Wait(sort="waiver", path=f"/{row.subject}#waivers", title=row.subject, from_whom=row.author)

    def _exchanges(self, session: Session, by: Principal, now: datetime) -> Iterator[Wait]:
        mine = {"approve", "sign_off"} if by.may(Permission.PACKAGE_APPROVE) else set()
        mine |= {"read", "edit"} if by.may(Permission.OBLIGATION_HANDLE) else set()
        service = self.rooms.quarterly
        running = select(Exchange).where(Exchange.state != State.SIGNED_OFF).order_by(Exchange.period.desc())
        for row in session.scalars(running.limit(MOST)):
            shown = service.views.show(session, row, service.due(session, row), by, now)
            moves = [move for move in shown.may if move in mine]
            if moves:
                yield Wait(sort="exchange", path=f"/exchanges/{row.id}", title=row.period, moves=moves, at=shown.due_at)
