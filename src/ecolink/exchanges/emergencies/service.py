"""Raising an emergency, telling how it stands, signing for it, ending it: what people do, and what comes in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.attachments.service import Attachments
from ecolink.audit.access import AccessLog
from ecolink.cadence.calendars import china_day
from ecolink.errors import ForbiddenError, IllegalMoveError
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.emergencies.amendments import amend
from ecolink.exchanges.emergencies.arrivals import Arrivals
from ecolink.exchanges.emergencies.border import Border
from ecolink.exchanges.emergencies.dispatch import Dispatch, Roster, Signature
from ecolink.exchanges.emergencies.drafting import (
    TERMS,
    Weighed,
    draft,
    named_in,
    refuse_unaddressed,
    refuse_unconfirmed,
)
from ecolink.exchanges.emergencies.fires import BORDER_AREA_M
from ecolink.exchanges.emergencies.history import History
from ecolink.exchanges.emergencies.models import CallTask, Emergency
from ecolink.exchanges.emergencies.news import Happening, News, OnNews
from ecolink.exchanges.emergencies.register import Register
from ecolink.exchanges.emergencies.rules import NAMES_ZH, TABLE, EmergencyState, Side
from ecolink.exchanges.emergencies.schemas import AcknowledgementIn, CancelIn, EmergencyIn, NoteIn, UpdateIn
from ecolink.exchanges.emergencies.shown import DutyDeskOut
from ecolink.exchanges.emergencies.tasks import TaskBoard
from ecolink.exchanges.emergencies.views import Views
from ecolink.exchanges.enclosures import refer
from ecolink.exchanges.governance import Terms, refuse_same_person
from ecolink.exchanges.personal_data import refuse_in_text, texts_in
from ecolink.federation.handling import Handlers
from ecolink.federation.outbox import Outbox
from ecolink.federation.peers import Peers
from ecolink.federation.receipts import Confirmed
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.emergencies import (
    EmergencyAcknowledgedV1,
    EmergencyAlertV1,
    EmergencyCancelV1,
    EmergencyNoteV1,
    EmergencyUpdateV1,
    Status,
)
from ecolink.protocol.kinds.rosters import RosterV1
from ecolink.protocol.statement import AttachmentRef
from ecolink.search.index import SearchIndex
from ecolink.surface.versions import check_version


@dataclass(frozen=True, kw_only=True)
class EmergencyPolicy:
    """What the bureau has decided: its map, its terms, and who sends."""

    border: Border = field(default_factory=Border)
    border_area_m: int = BORDER_AREA_M
    approval_required: bool = False
    """A real emergency always waits for a second person."""
    terms: Terms = TERMS


@dataclass(frozen=True, kw_only=True)
class EmergencyService:
    """All moves on emergencies."""

    us: str
    dispatch: Dispatch
    register: Register
    tasks: TaskBoard
    arrivals: Arrivals
    views: Views
    attachments: Attachments
    approval_required: bool
    terms: Terms
    agreed: Agreed
    on_news: list[OnNews]
    """Whoever wants to hear what happens here."""

    @classmethod
    def build(
        cls,
        home: DutyDeskOut,
        *,
        outbox: Outbox,
        peers: Peers,
        search: SearchIndex,
        access: AccessLog,
        attachments: Attachments,
        roster: Roster,
        policy: EmergencyPolicy,
        agreed: Agreed,
    ) -> Self:
        """Put the room together.

        `home` is this bureau as its own people see it; `roster` returns the present roster of one of its alliances.
        """
        us = home.unit_code
        register = Register(us=us, border=policy.border, border_area_m=policy.border_area_m, search=search)
        on_news: list[OnNews] = []
        tasks = TaskBoard(us, agreed, on_news)
        return cls(
            us=us,
            dispatch=Dispatch(us=us, outbox=outbox, peers=peers, access=access, roster=roster),
            register=register,
            tasks=tasks,
            arrivals=Arrivals(register, tasks, on_news),
            views=Views(home=home, peers=peers, attachments=attachments, update_due=tasks.update_due, agreed=agreed),
            attachments=attachments,
            approval_required=policy.approval_required,
            terms=policy.terms,
            agreed=agreed,
            on_news=on_news,
        )

    # Raising ------------------------------------------------------------------------------------------------

    def weigh(self, session: Session, entry: EmergencyIn, *, by: Principal, now: datetime) -> Weighed:
        """Say what raising `entry` would come to; nothing is kept and nobody is told.

        Raises:
            InvalidError: it breaks a rule of the domain.
            ConflictError: a recipient is no active peer.
            SharingError: no agreement lets us tell emergencies to a recipient.

        """
        refuse_unaddressed(entry)
        facts = entry.facts()
        refuse_in_text(texts_in(facts))
        audience = self._audience(session, entry.recipients, entry.alliance_id, now)[0]
        usual = self.agreed.terms_with(session, self.terms, audience, china_day(now))
        row = draft(entry, usual, author=self.us, by=by, now=now)
        self.register.describe(row, EmergencyAlertV1.model_validate(self.register.measure(facts)))
        waits = entry.status is Status.ACTUAL and (
            self.approval_required or not by.may(Permission.EMERGENCY_APPROVE) or by.kind != "user"
        )
        return Weighed(row, audience, waits)

    def raise_alert(self, session: Session, entry: EmergencyIn, *, by: Principal, now: datetime) -> Emergency:
        """Raise an emergency: send it at once, or leave it waiting for a second person.

        A drill or test is sent at once. A real one is, when the caller may approve emergencies, the bureau does
        not insist on two people, and the title was typed again.

        Raises:
            ConfirmationError: it would be sent at once, but the title was not typed again.
            InvalidError: it breaks a rule of the domain.
            ConflictError: a recipient is no active peer.
            SharingError: no agreement lets us tell emergencies to a recipient.

        """
        weighed = self.weigh(session, entry, by=by, now=now)
        row = weighed.row
        if entry.status is Status.ACTUAL and not weighed.waits:
            refuse_unconfirmed(entry.title, entry.confirm)

        session.add(row)
        session.flush()
        if weighed.waits:
            self._enclosures(session, row)
        else:
            self._send_alert(session, row, Signature.of(by), now, approver=None)
        return row

    def approve(
        self, session: Session, emergency_id: str, *, version: int, confirm: str, by: Principal, now: datetime
    ) -> Emergency:
        """Send what another person raised.

        Raises:
            NotFoundError: there is no such emergency.
            IllegalMoveError: it does not wait for approval.
            StaleError: it is not at `version` any more.
            SecondPersonError: the caller raised it.
            ConfirmationError: the title was not typed again.

        """
        row = self._locked(session, emergency_id, "alert")
        check_version(version, row.version)
        refuse_same_person(row.raised_by or "", by)
        refuse_unconfirmed(row.title, confirm)
        row.approved_by_name = by.name
        raiser = Signature(row.raised_by_name or "", row.raised_by_role or "", by.username)
        self._send_alert(session, row, raiser, now, approver=by)
        return row

    def discard(self, session: Session, emergency_id: str, *, version: int) -> Emergency:
        """Drop what waits for approval; nothing is sent.

        Raises:
            NotFoundError: there is no such emergency.
            IllegalMoveError: it does not wait for approval.
            StaleError: it is not at `version` any more.

        """
        row = self._locked(session, emergency_id, "discard")
        check_version(version, row.version)
        row.state = EmergencyState.DISCARDED
        session.flush()
        return row

    # Telling and ending -------------------------------------------------------------------------------------

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
        row = self._locked(session, emergency_id, "update")
        check_version(version, row.version)
        facts = amend(row.situation, entry)
        refuse_in_text(texts_in(facts))
        body = EmergencyUpdateV1.model_validate(self.register.measure(facts))

        listeners = self.dispatch.listeners(session, row, now)
        refs = refer(session, self.attachments, entry.attachments)
        sent = self.dispatch.send(
            session, row, "update", body, listeners, by=Signature.of(by), now=now, attachments=refs
        )
        self._rewrite(session, row)
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
        row = self._locked(session, emergency_id, "cancel")
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
        self._rewrite(session, row)
        self.arrivals.note_drill(session, row, now)
        self.tasks.expect_receipts(session, row, sent.statement.jti, listeners, now)
        self.tasks.note_end(session, row.id, sent.statement.jti, now)
        self._tell(session, News(happening=Happening.OVER, emergency=row), now)
        return row

    # Answering ----------------------------------------------------------------------------------------------

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
        row = self._locked(session, emergency_id, "acknowledged")
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
        self.dispatch.send(session, row, "acknowledged", body, [row.author], by=by_whom, now=now)
        self._rewrite(session, row)
        self.arrivals.note_drill(session, row, now)
        self.tasks.note_signature(session, row.id, self.us, now)
        signed = News(happening=Happening.SIGNED, emergency=row, by=by, decision=entry.decision)
        self._tell(session, signed, now)
        return row

    def note(self, session: Session, emergency_id: str, entry: NoteIn, *, by: Principal, now: datetime) -> Emergency:
        """Say a line to the other side.

        Raises:
            NotFoundError: there is no such emergency.
            IllegalMoveError: it is not open.

        """
        row = self.register.find(session, emergency_id, lock=True)
        self._refuse_move(row, "note")
        refuse_in_text([("/text", entry.text)])
        body = EmergencyNoteV1(status=Status(row.status), text=entry.text)
        to = self.dispatch.listeners(session, row, now) if row.author == self.us else [row.author]
        self.dispatch.send(session, row, "note", body, to, by=Signature.of(by), now=now)
        return row

    # What comes in, and what the clock brings ------------------------------------------------------------------

    def handlers(self) -> Handlers:
        """Return what applies peers' statements, by type."""
        return self.arrivals.handlers()

    def note_receipts(self, session: Session, confirmed: Sequence[Confirmed], now: datetime) -> None:
        """Peers' nodes confirmed some of our statements; called in the receipt's transaction."""
        self.arrivals.note_receipts(session, confirmed, now)

    def next_due(self, session: Session) -> datetime | None:
        """Return when `watch` will next find something to do; in the past when it would now."""
        return self.tasks.next_due(session)

    def watch(self, session: Session, now: datetime) -> int:
        """Open the call tasks that have fallen due; return how many. Safe to call as often as you like."""
        return self.tasks.watch(session, now)

    def finish_task(
        self, session: Session, task_id: str, *, note: str | None, by: Principal, now: datetime
    ) -> CallTask:
        """A person did what a task asked.

        Raises:
            NotFoundError: there is no such task.
            IllegalMoveError: it is closed already.

        """
        return self.tasks.finish(session, task_id, note=note, by=by.name, now=now)

    def is_under_way(self, session: Session, thread: str, now: datetime) -> bool:
        """Tell whether this thread is an emergency that is not over yet."""
        del now
        state = session.scalar(select(Emergency.state).where(Emergency.id == thread))
        return state in {EmergencyState.AWAITING_APPROVAL, EmergencyState.OPEN}

    def forget_names(self, session: Session, thread: str, now: datetime) -> None:
        """Drop the names this room keeps beside a thread whose private parts are being erased."""
        del now
        row = session.get(Emergency, thread, with_for_update=True)
        if row is not None:
            row.raised_by_name = row.approved_by_name = None
            self.tasks.forget_names(session, thread)
            session.flush()

    # Within -------------------------------------------------------------------------------------------------

    def _send_alert(
        self, session: Session, row: Emergency, by: Signature, now: datetime, *, approver: Principal | None
    ) -> None:
        audience, roster = self._audience(session, row.recipients, row.alliance_id, now)
        refs = self._enclosures(session, row)
        body = EmergencyAlertV1.model_validate(row.situation).model_copy(update={"alliance": roster})
        sent = self.dispatch.send(
            session, row, "alert", body, audience, by=by, now=now, approver=approver, attachments=refs
        )
        self._rewrite(session, row)
        self.arrivals.note_drill(session, row, now)
        self.tasks.expect_answers(session, row, sent.statement.jti, audience, now)

    def _audience(
        self, session: Session, recipients: Sequence[str], alliance_id: str | None, now: datetime
    ) -> tuple[list[str], RosterV1 | None]:
        audience, roster = self.dispatch.audience(session, recipients, alliance_id)
        self.agreed.refuse_unshared(session, "emergency", audience, china_day(now))
        return audience, roster

    def _enclosures(self, session: Session, row: Emergency) -> list[AttachmentRef]:
        return refer(session, self.attachments, named_in(row))

    def _tell(self, session: Session, news: News, now: datetime) -> None:
        for listener in self.on_news:
            listener(session, news, now)

    def _rewrite(self, session: Session, row: Emergency) -> None:
        self.register.write(session, row, History.load(session, row.id, author=row.author))

    def _locked(self, session: Session, emergency_id: str, move: str) -> Emergency:
        row = self.register.find(session, emergency_id, lock=True)
        self._refuse_move(row, move)
        return row

    def side(self, row: Emergency) -> Side:
        """Return which side of an emergency we are on."""
        return Side.AUTHOR if row.author == self.us else Side.RECIPIENT

    def _refuse_move(self, row: Emergency, move: str) -> None:
        side = self.side(row)
        if TABLE.target(move, row.state, side) is not None:
            return
        other = Side.RECIPIENT if side is Side.AUTHOR else Side.AUTHOR
        if not _ever(move, side) and _ever(move, other):
            raise IllegalMoveError(
                f"'{move}' is the other side's move, not ours.", f"“{NAMES_ZH[move]}”应由对方单位办理，本方不能操作。"
            )
        raise IllegalMoveError(
            f"'{move}' is not possible while the emergency is {row.state}.",
            f"通报当前为“{NAMES_ZH[row.state]}”，不能“{NAMES_ZH[move]}”。",
        )


def _ever(move: str, side: Side) -> bool:
    """Tell whether a side may ever make a move on what was told."""
    return TABLE.target(move, EmergencyState.OPEN, side) is not None
