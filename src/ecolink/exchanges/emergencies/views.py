"""Emergencies as people see them: a line in a list, the whole of one, the live board, the tasks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ecolink.alerts.timings import timings
from ecolink.attachments.service import Attachments
from ecolink.cadence.calendars import china_day
from ecolink.cadence.deadlines import is_overdue
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.emergencies.drafting import named_in
from ecolink.exchanges.emergencies.drill_report import DrillReportOut, compile_report
from ecolink.exchanges.emergencies.fires import GRADE_NAMES_ZH, BorderReport, FireGrade, reminders
from ecolink.exchanges.emergencies.history import History
from ecolink.exchanges.emergencies.models import Answer, CallTask, Emergency
from ecolink.exchanges.emergencies.rules import MOVE_OF_TYPE, TABLE, EmergencyState, Side, Verdict
from ecolink.exchanges.emergencies.shown import (
    BoardOut,
    BorderOut,
    BureauLineOut,
    DutyDeskOut,
    EmergencyLineOut,
    EmergencyOut,
    EntryOut,
    InChargeOut,
    ReminderOut,
    SignerOut,
    TaskOut,
    ToldOut,
)
from ecolink.exchanges.emergencies.tasks import ClosedBecause, TaskKind, TaskState
from ecolink.exchanges.enclosures import EnclosureOut, distinct, still_here
from ecolink.exchanges.governance import GovernanceOut
from ecolink.exchanges.personal_data import mask_name, mask_number
from ecolink.federation import threads
from ecolink.federation.peers import Peer, Peers
from ecolink.federation.statements import Stored
from ecolink.federation.threads import Delivery
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.common import Frozen
from ecolink.protocol.kinds.emergencies import CancelReason, Colour, EmergencyKind, Situation, Status

PREFIXES = {Status.ACTUAL: "", Status.EXERCISE: "【演练】", Status.TEST: "【测试】"}
"""What a title begins with wherever it is shown, so that a drill never looks like the real thing."""

_TITLES = {
    TaskKind.RECEIPT: (
        "请电话通知{zh}（值班电话 {phone}）：对方节点尚未确认收到“{title}”",
        "Call {en} (duty phone {phone}): their node has not confirmed '{title}'",
    ),
    TaskKind.SIGNATURE: (
        "请电话催促{zh}（值班电话 {phone}）并逐级上报：“{title}”尚无人签收",
        "Call {en} (duty phone {phone}) and go up the chain: nobody there has signed for '{title}'",
    ),
    TaskKind.ACKNOWLEDGE: ("请立即签收{zh}的通报“{title}”", "Sign for '{title}' from {en} now"),
    TaskKind.UPDATE: ("请续报“{title}”的最新情况", "Tell the others how '{title}' stands now"),
}


@dataclass(frozen=True)
class Books:
    """What a page of emergencies needs to know besides their rows."""

    home: DutyDeskOut
    names: dict[str, Peer]
    answers: dict[str, int]
    open_tasks: dict[str, int]

    def bureau(self, unit_code: str) -> DutyDeskOut:
        """Return a bureau with its names; one that is not known here stands with its code alone."""
        if unit_code == self.home.unit_code:
            return self.home
        peer = self.names.get(unit_code)
        if peer is None:
            return DutyDeskOut(unit_code=unit_code)
        return DutyDeskOut(unit_code=unit_code, name_zh=peer.name_zh, name_en=peer.name_en, duty_phone=peer.duty_phone)


@dataclass(frozen=True, repr=False, kw_only=True)
class Views:
    """Shows emergencies."""

    home: DutyDeskOut
    peers: Peers
    attachments: Attachments
    update_due: Callable[[Session, Emergency, datetime], datetime]
    """When the author of an open emergency, who last told at that time, owes the next news."""
    agreed: Agreed

    def lines(self, session: Session, rows: Sequence[Emergency]) -> list[EmergencyLineOut]:
        """Return the rows as lines of a list."""
        books = self._books(session, [row.id for row in rows])
        return [self._line(row, books) for row in rows]

    def show(self, session: Session, row: Emergency, now: datetime) -> EmergencyOut:
        """Return all of one emergency."""
        books = self._books(session, [row.id])
        situation = Situation.model_validate(row.situation)
        report = BorderReport(row.border_report)
        grade = FireGrade(row.fire_grade) if row.fire_grade else None
        due_at = self._update_due(session, row)
        members = (row.alliance or {}).get("members", ())
        told = {row.author, *row.recipients}
        return EmergencyOut(
            id=row.id,
            version=row.version,
            status=Status(row.status),
            display_title=display_title(row),
            state=EmergencyState(row.state),
            direction=self._direction(row),
            author=books.bureau(row.author),
            recipients=[books.bureau(code) for code in row.recipients],
            left_out=[books.bureau(code) for code in members if code not in told],
            alliance=row.alliance,
            situation=situation,
            fire_grade=grade,
            fire_grade_zh=GRADE_NAMES_ZH[grade] if grade else None,
            border=BorderOut(
                distance_m=row.border_distance_m,
                source=row.border_source,
                schematic=row.border_schematic,
                told=situation.border,
                report=report,
            ),
            reminders=[ReminderOut(zh=each.zh, en=each.en) for each in reminders(report)],
            raised_at=row.raised_at,
            sent_at=row.sent_at,
            told_at=row.told_at,
            update_due_at=due_at,
            update_overdue=is_overdue(due_at, now),
            cancelled_at=row.cancelled_at,
            cancel_reason=CancelReason(row.cancel_reason) if row.cancel_reason else None,
            cancel_explanation=row.cancel_explanation,
            acknowledged=books.answers.get(row.id, 0),
            open_tasks=books.open_tasks.get(row.id, 0),
            clock_suspect=row.clock_suspect,
            beyond_agreement=self._beyond_agreement(session, row),
            raised_by=row.raised_by_name,
            approved_by=row.approved_by_name,
            governance=GovernanceOut.model_validate(row.governance),
            retain_until=row.retain_until,
            attachments=self._attachments(session, row),
            moves=list(TABLE.moves(row.state, self._side(row))),
        )

    def board(self, session: Session, row: Emergency, by: Principal, now: datetime) -> BoardOut:
        """Return who has it, who signed, who is coming, and whom to call, as of `now`."""
        books = self._books(session, [row.id])
        history = History.load(session, row.id, author=row.author)
        deliveries = threads.delivery(session, row.id, now)
        tasks = session.scalars(
            select(CallTask)
            .where(CallTask.emergency_id == row.id, CallTask.opened_at.is_not(None))
            .order_by(CallTask.due_at, CallTask.id)
        ).all()
        listed = row.recipients if row.author == self.us else [self.us]
        return BoardOut(
            emergency_id=row.id,
            display_title=display_title(row),
            status=Status(row.status),
            state=EmergencyState(row.state),
            as_of=now,
            bureaus=[
                BureauLineOut(
                    bureau=books.bureau(code),
                    messages=_messages(history, [each for each in deliveries if each.recipient == code]),
                    signed=_signer(history, code, may_see_names=by.may(Permission.EMERGENCY_UPDATE)),
                    tasks=[_task(task, books) for task in tasks if task.bureau == code and code != self.us],
                )
                for code in listed
            ],
            tasks=[_task(task, books) for task in tasks if task.bureau == self.us],
            history=[_entry(history, step.move.digest, step.verdict, books) for step in history.matter.steps],
        )

    def drill_report(self, session: Session, row: Emergency, by: Principal, now: datetime) -> DrillReportOut:
        """Return how long everybody took in a drill, as of `now`.

        Raises:
            IllegalMoveError: it was no drill, or was never sent.

        """
        author = self._books(session, []).bureau(row.author)
        officers = timings(session, f"emergency/{row.id}")
        return compile_report(row, self.board(session, row, by, now), author, officers, now)

    def tasks(self, session: Session, tasks: Sequence[CallTask]) -> list[TaskOut]:
        """Return tasks as people see them."""
        books = Books(self.home, self.peers.names(session), {}, {})
        return [_task(task, books) for task in tasks]

    def _line(self, row: Emergency, books: Books) -> EmergencyLineOut:
        return EmergencyLineOut(
            id=row.id,
            version=row.version,
            status=Status(row.status),
            display_title=display_title(row),
            state=EmergencyState(row.state),
            direction=self._direction(row),
            author=books.bureau(row.author),
            kind=EmergencyKind(row.kind),
            colour=Colour(row.colour),
            place=row.situation["location"]["text"],
            fire_grade=FireGrade(row.fire_grade) if row.fire_grade else None,
            border_report=BorderReport(row.border_report),
            occurred_at=row.occurred_at,
            raised_at=row.raised_at,
            told_at=row.told_at,
            cancelled_at=row.cancelled_at,
            recipients=len(row.recipients),
            acknowledged=books.answers.get(row.id, 0),
            open_tasks=books.open_tasks.get(row.id, 0),
        )

    def _books(self, session: Session, ids: Sequence[str]) -> Books:
        answers = select(Answer.emergency_id, func.count()).where(Answer.emergency_id.in_(ids))
        tasks = select(CallTask.emergency_id, func.count()).where(
            CallTask.emergency_id.in_(ids), CallTask.state == TaskState.OPEN
        )
        return Books(
            self.home,
            self.peers.names(session),
            _counts(session, answers.group_by(Answer.emergency_id)),
            _counts(session, tasks.group_by(CallTask.emergency_id)),
        )

    def _attachments(self, session: Session, row: Emergency) -> list[EnclosureOut]:
        """Return the files that came with it; before it is sent, those that will."""
        if row.sent_at is None:
            return still_here(session, self.attachments, named_in(row))
        return distinct(self.attachments.of_thread(session, row.id))

    def _beyond_agreement(self, session: Session, row: Emergency) -> str | None:
        if row.author == self.home.unit_code or row.sent_at is None:
            return None
        day = china_day(row.sent_at)
        terms = self.agreed.forbids(session, "emergency", sharer=row.author, recipient=self.home.unit_code, day=day)
        return None if terms is None else terms.code

    def _update_due(self, session: Session, row: Emergency) -> datetime | None:
        if row.state != EmergencyState.OPEN or row.told_at is None:
            return None
        return self.update_due(session, row, row.told_at)

    @property
    def us(self) -> str:
        """Our unit code."""
        return self.home.unit_code

    def _direction(self, row: Emergency) -> Literal["in", "out"]:
        return "out" if row.author == self.us else "in"

    def _side(self, row: Emergency) -> Side:
        return Side.AUTHOR if row.author == self.us else Side.RECIPIENT


def display_title(row: Emergency) -> str:
    """Return the title as it is shown: a drill or test says so first."""
    return PREFIXES[Status(row.status)] + row.title


def _counts(session: Session, counting: Select[str, int]) -> dict[str, int]:
    return {row[0]: row[1] for row in session.execute(counting)}


def _task(task: CallTask, books: Books) -> TaskOut:
    kind, emergency = TaskKind(task.kind), task.emergency
    other = books.bureau(emergency.author if kind is TaskKind.ACKNOWLEDGE else task.bureau)
    words = {
        "zh": other.name_zh or other.unit_code,
        "en": other.name_en or other.unit_code,
        "phone": other.duty_phone or "-",
        "title": display_title(emergency),
    }
    title_zh, title_en = (text.format(**words) for text in _TITLES[kind])
    return TaskOut(
        id=task.id,
        emergency_id=task.emergency_id,
        status=Status(task.status),
        kind=kind,
        step=task.step,
        state=TaskState(task.state),
        title_zh=title_zh,
        title_en=title_en,
        bureau=other,
        due_at=task.due_at,
        opened_at=task.opened_at,
        closed_at=task.closed_at,
        closed_because=ClosedBecause(task.closed_because) if task.closed_because else None,
        closed_by=task.closed_by,
        note=task.note,
    )


def _messages(history: History, deliveries: Iterable[Delivery]) -> list[ToldOut]:
    """Return how far each thing we said came at one bureau."""
    refused = {
        (each.statement.iss, str(each.statement.body.get("digest"))): each.statement.body for each in history.rejections
    }
    shown = []
    for each in deliveries:
        stored = history.statements.get(each.digest)
        if stored is None:
            continue
        rejection = refused.get((each.recipient, each.digest))
        shown.append(
            ToldOut(
                message=MOVE_OF_TYPE[stored.statement.type],
                digest=each.digest,
                told_at=stored.statement.iat,
                state=each.state,
                delivered_at=each.at,
                reason=each.reason,
                unconfirmed_since=each.overdue_since,
                rejected=f"{rejection.get('code')}: {rejection.get('detail')}" if rejection else None,
            )
        )
    return shown


def _signer(history: History, bureau: str, *, may_see_names: bool) -> SignerOut | None:
    found = history.acknowledgement(bureau)
    if found is None:
        return None
    stored, said = found
    private = stored.statement.private_data or {}
    signer, in_charge = (_person(private.get(role), may_see_names) for role in ("by", "in_charge"))
    shown = history.statements.get(said.message)
    return SignerOut(
        name=signer.name if signer else None,
        phone=signer.phone if signer else None,
        role=said.role,
        message=MOVE_OF_TYPE[shown.statement.type] if shown else "",
        decision=said.decision,
        acknowledged_at=said.acknowledged_at,
        estimated_arrival=said.estimated_arrival,
        note=said.note,
        in_charge=in_charge,
        crossed=history.crossed(bureau),
    )


def _person(told: dict[str, Any] | None, may_see_names: bool) -> InChargeOut | None:  # noqa: FBT001 - private
    """Return a person of a private part, masked for those who only read; None when there is none, or no more."""
    name, phone = (told or {}).get("name"), (told or {}).get("phone")
    if not name:
        return None
    if not may_see_names:
        name, phone = mask_name(name), phone and mask_number(phone)
    return InChargeOut(name=name, phone=phone)


def _entry(history: History, digest: str, verdict: Verdict, books: Books) -> EntryOut:
    stored: Stored = history.statements[digest]
    return EntryOut(
        digest=digest,
        move=MOVE_OF_TYPE[stored.statement.type],
        by=books.bureau(stored.statement.iss),
        at=stored.statement.iat,
        verdict=verdict,
        text=_text(history.bodies.get(digest)),
        attachments=[ref.digest for ref in stored.statement.attachments],
    )


def _text(body: Frozen | None) -> str | None:
    """Return what an entry says in a line: the first of these members it has."""
    said = (getattr(body, member, None) for member in ("changes", "explanation", "text", "note", "description"))
    return next((text for text in said if text), None)
