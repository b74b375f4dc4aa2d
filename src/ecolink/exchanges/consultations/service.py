"""The consultations room as the rest of the node knows it: officers invite, answer, set dates, sign minutes, report."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.cadence.obligations import Obligation
from ecolink.cadence.standing import Evidence
from ecolink.errors import ConflictError, IllegalMoveError, InvalidError
from ecolink.exchanges.consultations import ledger
from ecolink.exchanges.consultations.arrivals import Arrivals
from ecolink.exchanges.consultations.ledger import History
from ecolink.exchanges.consultations.models import Consultation, ConsultationTask
from ecolink.exchanges.consultations.rules import NAMES_ZH, TABLE, Matter, State
from ecolink.exchanges.consultations.schemas import InvitationIn, MinutesIn
from ecolink.exchanges.consultations.views import Views
from ecolink.exchanges.duties import InForce
from ecolink.exchanges.personal_data import refuse_in_text, texts_in
from ecolink.exchanges.voice import Voice
from ecolink.identity.principal import Principal
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.kinds.consultations import (
    ConsultationAnsweredV1,
    ConsultationCancelledV1,
    ConsultationConfirmedV1,
    ConsultationInvitedV1,
    ConsultationMinutedV1,
    ConsultationObjectedV1,
    ConsultationSetV1,
    MinutesPrivateV1,
    TaskUpdatedV1,
    TriggerV1,
)
from ecolink.protocol.kinds.leads import Officer, SignedPrivateV1

PURPOSE = "警务协作会商研判"

AT_ONCE = 200
"""Tasks told of in one transaction."""

SeenBy = Callable[[Session, TriggerV1], Collection[str]]
"""Tells which bureaus know a matter, ours among them; none when there is no such matter here."""

Remind = Callable[[Session, ConsultationTask, bool, datetime], None]
"""Tells our people of a task of ours: that it falls due, or (True) that it is overdue."""


@dataclass(frozen=True, repr=False, kw_only=True)
class ConsultationService:
    """All moves on consultations."""

    voice: Voice
    arrivals: Arrivals
    in_force: InForce
    seen_by: SeenBy
    remind: Remind
    views: Views

    @property
    def us(self) -> str:
        """Our unit code."""
        return self.voice.us

    # Before it is held ----------------------------------------------------------------------------------------

    def invite(self, session: Session, entry: InvitationIn, *, by: Principal, now: datetime) -> Consultation:
        """Invite other bureaus.

        Raises:
            InvalidError: the chair is none of them, one does not know the matter it is called for, they have no such
                agreement, or a text names a person by number.
            ConflictError: a partner is no active peer.

        """
        parties = {self.us, *entry.partners}
        if entry.chair not in parties:
            raise InvalidError("The chair must be one of the bureaus.", "主持单位须为参会单位。", pointer="/chair")
        self._refuse_strange_agreement(session, entry.agreement, parties)
        if entry.trigger is not None and not parties <= set(self.seen_by(session, entry.trigger)):
            raise InvalidError(
                "Not every bureau you invite knows this matter; share it with them first, or leave it out.",
                "受邀单位中有未获知该事项的，请先共享该事项，或不关联事项发起会商。",
                pointer="/trigger",
            )
        body = ConsultationInvitedV1.model_validate(entry.model_dump(exclude={"partners"}))
        return self._say(session, body, parties, by=by, now=now)

    def answer(
        self, session: Session, consultation: str, body: ConsultationAnsweredV1, *, by: Principal, now: datetime
    ) -> Consultation:
        """Answer an invitation.

        Raises:
            NotFoundError: there is no such consultation.
            IllegalMoveError: it is our own, it was held, or it was called off.
            InvalidError: a text names a person by number.

        """
        return self._move(session, consultation, "answered", body, by=by, now=now)

    def set_date(
        self, session: Session, consultation: str, body: ConsultationSetV1, *, by: Principal, now: datetime
    ) -> Consultation:
        """Set the date, or move it.

        Raises:
            NotFoundError: there is no such consultation.
            IllegalMoveError: another bureau convenes it, it was held, or it was called off.
            InvalidError: a text names a person by number.

        """
        return self._move(session, consultation, "set", body, by=by, now=now)

    def cancel(
        self, session: Session, consultation: str, body: ConsultationCancelledV1, *, by: Principal, now: datetime
    ) -> Consultation:
        """Call it off.

        Raises:
            NotFoundError: there is no such consultation.
            IllegalMoveError: another bureau convenes it, or it was held.
            InvalidError: the reason names a person by number.

        """
        return self._move(session, consultation, "cancelled", body, by=by, now=now)

    # When it was held -----------------------------------------------------------------------------------------

    def write_minutes(
        self, session: Session, consultation: str, entry: MinutesIn, *, by: Principal, now: datetime
    ) -> Consultation:
        """Write the minutes, or write them anew: then the others are to confirm the new ones.

        Raises:
            NotFoundError: there is no such consultation.
            IllegalMoveError: another bureau has the chair, it was called off, or all have signed the minutes.
            InvalidError: it was not held yet, a task belongs to a stranger, or a text names a person.

        """
        if entry.held_at > now:
            raise InvalidError(
                "Minutes are written after the meeting.", "会商结束后方可填写纪要，时间不能在将来。", pointer="/held_at"
            )
        strangers = {task.owner for task in entry.tasks} - ledger.row_of(session, consultation).members
        if strangers:
            raise InvalidError(
                f"{min(strangers)} takes no part, so it cannot own a task.",
                f"{min(strangers)} 未参加会商，不能承办任务。",
                pointer="/tasks",
            )
        body = ConsultationMinutedV1.model_validate(entry.model_dump(exclude={"participants"}))
        names = [person.name for person in entry.participants]
        private = MinutesPrivateV1(by=_signer(by), participants=entry.participants)
        return self._move(session, consultation, "minuted", body, by=by, now=now, private=private, names=names)

    def confirm(
        self, session: Session, consultation: str, minutes: str, *, by: Principal, now: datetime
    ) -> Consultation:
        """Sign the minutes.

        Raises:
            NotFoundError: there is no such consultation.
            ConflictError: these are not the minutes that count.
            IllegalMoveError: there are none, or we signed them.

        """
        self._refuse_other_minutes(session, consultation, minutes)
        return self._move(session, consultation, "confirmed", ConsultationConfirmedV1(minutes=minutes), by=by, now=now)

    def object_to(
        self, session: Session, consultation: str, minutes: str, *, reason: str, by: Principal, now: datetime
    ) -> Consultation:
        """Say why we do not sign the minutes as they stand. We may sign them later all the same.

        Raises:
            NotFoundError: there is no such consultation.
            ConflictError: these are not the minutes that count.
            IllegalMoveError: there are none, or we signed them.
            InvalidError: the reason names a person by number.

        """
        self._refuse_other_minutes(session, consultation, minutes)
        body = ConsultationObjectedV1(minutes=minutes, reason=reason)
        return self._move(session, consultation, "objected", body, by=by, now=now)

    def update_task(
        self, session: Session, consultation: str, body: TaskUpdatedV1, *, by: Principal, now: datetime
    ) -> Consultation:
        """Tell the others how a task of ours goes.

        Raises:
            NotFoundError: there is no such consultation.
            IllegalMoveError: it is no task of ours, or the minutes are not signed by all.
            InvalidError: the note names a person by number, or a reason is missing.

        """
        row = ledger.row_of(session, consultation, lock=True)
        task = session.get(ConsultationTask, (consultation, body.task))
        if row.state != State.CONCLUDED or task is None or task.owner != self.us:
            raise IllegalMoveError(
                "This is no task of ours in minutes that all have signed.", "该任务不属于本局，或纪要尚未经各方确认。"
            )
        return self._move(session, consultation, "task_updated", body, by=by, now=now)

    # What the rest of the node asks ---------------------------------------------------------------------------

    def evidence_of(self, session: Session, obligation: Obligation) -> Evidence:
        """Return what signed minutes say of one obligation of consultation."""
        return ledger.evidence_of(session, obligation)

    def is_under_way(self, session: Session, thread: str, now: datetime) -> bool:
        """Tell whether this thread is a consultation whose minutes, or tasks, are not done with."""
        del now
        row = session.get(Consultation, thread)
        if row is None or row.state == State.CANCELLED:
            return False
        open_tasks = select(func.count()).where(
            ConsultationTask.consultation == thread, ConsultationTask.status.in_(("open", "under_way"))
        )
        return row.state != State.CONCLUDED or bool(session.scalar(open_tasks))

    def next_due(self, session: Session) -> datetime | None:
        """Return when our people are told of a task next; None when of none."""
        return session.scalar(select(func.min(ConsultationTask.next_at)))

    def watch(self, session: Session, now: datetime) -> int:
        """Tell our people of the tasks whose time has come, each time once; return of how many.

        After an outage a task is told of once, as it stands, not once for each time that was missed.
        """
        due = select(ConsultationTask).where(ConsultationTask.next_at <= now).order_by(ConsultationTask.next_at)
        tasks = session.scalars(due.limit(AT_ONCE).with_for_update(skip_locked=True)).all()
        for task in tasks:
            task.next_at = ledger.next_reminder(task.due_on, now)
            self.remind(session, task, task.next_at is None, now)
        session.flush()
        return len(tasks)

    # Within ---------------------------------------------------------------------------------------------------

    def _move(
        self,
        session: Session,
        consultation: str,
        name: str,
        body: Frozen,
        *,
        by: Principal,
        now: datetime,
        private: SignedPrivateV1 | None = None,
        names: Collection[str] = (),
    ) -> Consultation:
        row = ledger.row_of(session, consultation, lock=True)
        matter = History.load(session, consultation).matter
        self._refuse_impossible(matter, name)
        return self._say(session, body, row.members, by=by, now=now, thread=row.id, private=private, names=names)

    def _say(
        self,
        session: Session,
        body: Frozen,
        parties: Collection[str],
        *,
        by: Principal,
        now: datetime,
        thread: str = "",
        private: SignedPrivateV1 | None = None,
        names: Collection[str] = (),
    ) -> Consultation:
        refuse_in_text(texts_in(body.to_wire()), names)
        signed = private or SignedPrivateV1(by=_signer(by))
        told = self.voice.say(session, body, to=parties, purpose=PURPOSE, now=now, thread=thread, by=by, private=signed)
        self.arrivals.apply(session, told, now)
        return ledger.row_of(session, told.statement.thread)

    def _refuse_impossible(self, matter: Matter, name: str) -> None:
        """Refuse what the table has no row for, in the words of people."""
        sides = matter.sides(self.us)
        called = NAMES_ZH[name]
        if not any(row.move == name and row.by in sides for row in TABLE.transitions):
            raise IllegalMoveError(f"'{name}' is another bureau's to do.", f"“{called}”应由其他单位办理。")
        if not any(TABLE.target(name, matter.state, side) for side in sides):
            raise IllegalMoveError(
                f"'{name}' is not possible while the consultation is {matter.state}.",
                f"会商当前为“{NAMES_ZH[matter.state]}”，不能“{called}”。",
            )
        if name in ("confirmed", "objected") and matter.cosigning and self.us in matter.cosigning.signatures:
            raise IllegalMoveError("We have signed these minutes already.", "本局已确认该纪要。")

    def _refuse_other_minutes(self, session: Session, consultation: str, minutes: str) -> None:
        row = ledger.row_of(session, consultation, lock=True)
        if row.minutes is not None and row.minutes != minutes:
            raise ConflictError(
                "These are not the minutes that count: read them again, they were written anew.",
                "纪要已重新填写，请重新查看后再办理。",
                pointer="/minutes",
            )

    def _refuse_strange_agreement(self, session: Session, code: str | None, parties: Collection[str]) -> None:
        if code is None:
            return
        if not any(each.code == code and set(parties) <= each.members for each in self.in_force(session)):
            raise InvalidError(
                f"These bureaus have no agreement {code} in force.",
                f"各方之间没有生效的协议 {code}。",
                pointer="/agreement",
            )


def _signer(by: Principal) -> Officer:
    return Officer(name=by.name.strip() or by.username)
