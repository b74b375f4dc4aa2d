"""What is said of an emergency that was raised: how it stands, that it is over, that we signed for it, a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ecolink.attachments.service import Attachments
from ecolink.errors import ForbiddenError, IllegalMoveError
from ecolink.exchanges.emergencies.amendments import amend
from ecolink.exchanges.emergencies.arrivals import Arrivals
from ecolink.exchanges.emergencies.dispatch import Dispatch, Signature
from ecolink.exchanges.emergencies.history import History
from ecolink.exchanges.emergencies.models import Emergency
from ecolink.exchanges.emergencies.news import Happening, News, OnNews
from ecolink.exchanges.emergencies.register import Register
from ecolink.exchanges.emergencies.schemas import AcknowledgementIn, CancelIn, NoteIn, UpdateIn
from ecolink.exchanges.emergencies.tasks import TaskBoard
from ecolink.exchanges.enclosures import refer
from ecolink.exchanges.personal_data import refuse_in_text, texts_in
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.emergencies import (
    EmergencyAcknowledgedV1,
    EmergencyCancelV1,
    EmergencyNoteV1,
    EmergencyUpdateV1,
    Status,
)
from ecolink.surface.versions import check_version


@dataclass(frozen=True, repr=False, kw_only=True)
class Telling:
    """Says what is to be said: its author how it stands and that it is over, the others what they do about it."""

    register: Register
    dispatch: Dispatch
    tasks: TaskBoard
    arrivals: Arrivals
    attachments: Attachments
    on_news: Sequence[OnNews]

    def update(
        self, session: Session, emergency_id: str, entry: UpdateIn, *, version: int, by: Principal, now: datetime
    ) -> Emergency:
        """Tell how it stands now; what `entry` leaves out stays as it was.

        Raises:
            NotFoundError: there is no such emergency.
            IllegalMoveError: it is not ours, or not open.
            StaleError: somebody told something else meanwhile.
            InvalidError: the result breaks a rule of the domain.

        """
        row = self.register.take(session, emergency_id, "update")
        check_version(version, row.version)
        facts = amend(row.situation, entry)
        refuse_in_text(texts_in(facts))
        body = EmergencyUpdateV1.model_validate(self.register.measure(facts))

        listeners = self.dispatch.listeners(session, row, now)
        refs = refer(session, self.attachments, entry.attachments)
        sent = self.dispatch.send(
            session, row, "update", body, listeners, by=Signature.of(by), now=now, attachments=refs
        )
        self.register.refresh(session, row)
        self.tasks.expect_receipts(session, row, sent.statement.jti, listeners, now)
        self.tasks.expect_update(session, row, sent.statement.jti, now)
        return row

    def cancel(
        self, session: Session, emergency_id: str, entry: CancelIn, *, by: Principal, now: datetime
    ) -> Emergency:
        """End it, or take it back: one call, no second person, so that nobody drives out for nothing.

        Raises:
            NotFoundError: there is no such emergency.
            IllegalMoveError: it is not ours, or not open.

        """
        row = self.register.take(session, emergency_id, "cancel")
        refuse_in_text(texts_in(entry.model_dump(mode="json")))
        body = EmergencyCancelV1(status=Status(row.status), reason=entry.reason, explanation=entry.explanation)
        if not self.dispatch.reached(session, row, now):
            # Nobody ever had it: there is nobody to tell that it is over.
            self.register.end(session, row, body, now)
            self.tasks.note_end(session, row.id, "", now)
            self._tell(session, News(happening=Happening.OVER, emergency=row), now)
            return row

        listeners = self.dispatch.listeners(session, row, now)
        sent = self.dispatch.send(session, row, "cancel", body, listeners, by=Signature.of(by), now=now)
        self.register.refresh(session, row)
        self.arrivals.note_drill(session, row, now)
        self.tasks.expect_receipts(session, row, sent.statement.jti, listeners, now)
        self.tasks.note_end(session, row.id, sent.statement.jti, now)
        self._tell(session, News(happening=Happening.OVER, emergency=row), now)
        return row

    def acknowledge(
        self, session: Session, emergency_id: str, entry: AcknowledgementIn, *, by: Principal, now: datetime
    ) -> Emergency:
        """Sign for a peer's emergency: the caller took it on and says what will be done.

        Raises:
            NotFoundError: there is no such emergency.
            IllegalMoveError: it is our own.
            ForbiddenError: a program signs for nobody.

        """
        if by.kind != "user":
            raise ForbiddenError("A person signs for an emergency, not a program.", "紧急通报须由人员签收。")
        row = self.register.take(session, emergency_id, "acknowledged")
        history = History.load(session, row.id, author=row.author)
        shown = history.cancel or history.situation
        if shown is None:
            raise IllegalMoveError("It was not told yet.", "该通报尚未发出。")
        body = EmergencyAcknowledgedV1(
            status=Status(row.status),
            message=shown[0].statement.digest,
            decision=entry.decision,
            role=by.lead_role,
            acknowledged_at=now,
            estimated_arrival=entry.estimated_arrival,
            note=entry.note,
        )
        refuse_in_text(texts_in(entry.model_dump(mode="json", include={"note"})))
        by_whom = Signature.of(by, entry.phone, entry.in_charge)
        sent = self.dispatch.send(session, row, "acknowledged", body, [row.author], by=by_whom, now=now)
        self.register.refresh(session, row)
        self.arrivals.note_drill(session, row, now)
        self.tasks.note_signature(session, row.id, self.register.us, now)
        signed = News(
            happening=Happening.SIGNED,
            emergency=row,
            statement=sent.statement.jti,
            by=by,
            decision=entry.decision,
            in_charge=entry.in_charge.name if entry.in_charge else None,
        )
        self._tell(session, signed, now)
        return row

    def note(self, session: Session, emergency_id: str, entry: NoteIn, *, by: Principal, now: datetime) -> Emergency:
        """Say a line to the other side.

        Raises:
            NotFoundError: there is no such emergency.
            IllegalMoveError: it is not open.

        """
        row = self.register.take(session, emergency_id, "note")
        refuse_in_text([("/text", entry.text)])
        body = EmergencyNoteV1(status=Status(row.status), text=entry.text)
        to = self.dispatch.listeners(session, row, now) if row.author == self.register.us else [row.author]
        self.dispatch.send(session, row, "note", body, to, by=Signature.of(by), now=now)
        return row

    def _tell(self, session: Session, news: News, now: datetime) -> None:
        for listener in self.on_news:
            listener(session, news, now)
