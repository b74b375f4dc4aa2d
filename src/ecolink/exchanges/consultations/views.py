"""Consultations as people see them: a line in a list, and the whole of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from ecolink.cadence.calendars import china_day
from ecolink.exchanges.consultations.ledger import History
from ecolink.exchanges.consultations.models import Consultation, ConsultationTask
from ecolink.exchanges.consultations.rules import NAMES_ZH, TABLE, Matter, Side, State, Verdict
from ecolink.exchanges.consultations.schemas import INVITATION, MINUTES
from ecolink.exchanges.personal_data import mask_name
from ecolink.federation.peers import Peer, Peers
from ecolink.federation.statements import Stored
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.protocol.kinds.consultations import ConsultationMinutedV1, TriggerV1

StateName = Literal["proposed", "set", "minuted", "concluded", "cancelled"]
TaskStatus = Literal["open", "under_way", "done", "not_possible"]

_THREAD = "019ab000-0000-7000-8000-000000000001"
_LINE: dict[str, Any] = {
    "id": _THREAD,
    "title": INVITATION["title"],
    "state": "proposed",
    "state_zh": "待定时间",
    "may": ["answered"],
    "awaits_us": True,
    "planned": True,
    "agreement": "sn-qy-151",
    "trigger": None,
    "convener": "350924000000",
    "chair": "331126000000",
    "invited_at": "2026-11-22T02:00:00Z",
    "meets_at": None,
    "duration_minutes": 120,
    "where": "龙溪联合警务站",
    "held_at": None,
    "open_tasks": 0,
}

_WHOLE: dict[str, Any] = {
    **_LINE,
    "state": "minuted",
    "state_zh": "待确认纪要",
    "may": ["confirmed", "objected"],
    "meets_at": "2026-12-03T01:30:00Z",
    "held_at": "2026-12-03T01:30:00Z",
    "times": ["2026-12-03T01:30:00Z"],
    "agenda": ["盗伐案件研判"],
    "cancelled_because": None,
    "bureaus": [
        {
            "unit_code": "331126000000",
            "name_zh": "庆元县公安局",
            "name_en": "Qingyuan County Public Security Bureau",
            "is_convener": False,
            "is_chair": True,
            "answer": "accepts",
            "times": ["2026-12-03T01:30:00Z"],
            "note": None,
            "signed_at": "2026-12-03T09:00:00Z",
            "objected_at": None,
            "reason": None,
        }
    ],
    "minutes": {
        "digest": MINUTES,
        "written_at": "2026-12-03T09:00:00Z",
        "held_at": "2026-12-03T01:30:00Z",
        "method": "shared_station",
        "minutes": "双方通报近三个月盗伐案件情况，研判团伙活动规律。",
        "conclusions": "元旦前开展联合巡护。",
        "participants": ["林一鸣 联络员"],
        "tasks": [
            {
                "code": "T1",
                "text": "提供木材加工点清单",
                "owner": "331126000000",
                "due_on": "2026-12-15",
                "status": "open",
                "note": None,
                "overdue": False,
            }
        ],
    },
    "history": [
        {
            "at": "2026-11-22T02:00:00Z",
            "bureau": "350924000000",
            "move": "invited",
            "move_zh": "邀请",
            "verdict": "applied",
            "statement": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
        }
    ],
}


class ConsultationLineOut(BaseModel):
    """One consultation in a list."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LINE]})

    id: str = Field(description="The thread, the same at every party.")
    title: str
    state: StateName
    state_zh: str
    may: list[str] = Field(description="What our side may do with it now.")
    awaits_us: bool = Field(description="Somebody waits for our word.")
    planned: bool
    agreement: str | None
    trigger: TriggerV1 | None
    convener: str
    chair: str
    invited_at: datetime
    meets_at: datetime | None = Field(description="When it begins, once that is set.")
    duration_minutes: int
    where: str
    held_at: datetime | None
    open_tasks: int


class BureauWordOut(BaseModel):
    """A bureau that was invited, and its word on the date and on the minutes."""

    unit_code: str
    name_zh: str
    name_en: str
    is_convener: bool
    is_chair: bool
    answer: Literal["accepts", "proposes", "declines"] | None
    times: list[datetime]
    note: str | None
    signed_at: datetime | None = Field(description="When it confirmed the minutes that count.")
    objected_at: datetime | None
    reason: str | None = Field(description="Why it objects to them.")


class TaskOut(BaseModel):
    """A task of the minutes that count. Nobody owes it before all have signed them."""

    code: str
    text: str
    owner: str
    due_on: date
    status: TaskStatus
    note: str | None
    overdue: bool


class MinutesOut(BaseModel):
    """The minutes that count."""

    digest: str = Field(description="What the bureaus sign.")
    written_at: datetime
    held_at: datetime
    method: str
    minutes: str
    conclusions: str
    participants: list[str] = Field(description="Masked for those who do not handle consultations.")
    tasks: list[TaskOut]


class EntryOut(BaseModel):
    """One line of the signed history."""

    at: datetime
    bureau: str
    move: str
    move_zh: str
    verdict: Verdict
    statement: str = Field(description="Its digest.")


class ConsultationOut(ConsultationLineOut):
    """One consultation with all that was said of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WHOLE]})

    times: list[datetime] = Field(description="The times the convener proposed.")
    agenda: list[str]
    cancelled_because: str | None
    bureaus: list[BureauWordOut]
    minutes: MinutesOut | None
    history: list[EntryOut]


@dataclass(frozen=True, repr=False)
class Views:
    """Shows consultations."""

    us: str
    own_name: tuple[str, str]
    """Our bureau's name in Chinese and English."""
    peers: Peers

    def lines(self, session: Session, rows: Sequence[Consultation]) -> list[ConsultationLineOut]:
        """Return consultations as lines of a list."""
        unfinished = select(ConsultationTask.consultation).where(
            ConsultationTask.consultation.in_([row.id for row in rows]),
            ConsultationTask.status.in_(("open", "under_way")),
        )
        owed = list(session.scalars(unfinished))
        return [ConsultationLineOut(**self._line(row, owed.count(row.id))) for row in rows]

    def show(self, session: Session, row: Consultation, by: Principal, now: datetime) -> ConsultationOut:
        """Return the whole of one consultation."""
        history = History.load(session, row.id)
        matter, called = history.matter, history.matter.called
        tasks = session.scalars(select(ConsultationTask).where(ConsultationTask.consultation == row.id)).all()
        unfinished = sum(task.status in ("open", "under_way") for task in tasks)
        agenda = (matter.meeting.agenda if matter.meeting else ()) or (called.agenda if called else ())
        cancelled = next((step.move.body for step in matter.steps if _counts(step.verdict, step.move.name)), None)
        return ConsultationOut(
            **self._line(row, unfinished),
            times=list(called.times) if called else [],
            agenda=list(agenda),
            cancelled_because=getattr(cancelled, "reason", None),
            bureaus=self._bureaus(session, matter),
            minutes=_minutes(history, tasks, by, now),
            history=[
                EntryOut(
                    at=step.move.at,
                    bureau=step.move.author,
                    move=step.move.name or "",
                    move_zh=NAMES_ZH.get(step.move.name or "", ""),
                    verdict=step.verdict,
                    statement=step.move.digest,
                )
                for step in matter.steps
            ],
        )

    def _line(self, row: Consultation, open_tasks: int) -> dict[str, Any]:
        trigger = {"kind": row.trigger_kind, "thread": row.trigger_thread} if row.trigger_kind else None
        names = ("id", "title", "state", "awaits_us", "planned", "agreement", "convener", "chair", "invited_at")
        more = ("meets_at", "duration_minutes", "where", "held_at")
        return {
            **{name: getattr(row, name) for name in (*names, *more)},
            "state_zh": NAMES_ZH[row.state],
            "may": self._may(row),
            "trigger": trigger,
            "open_tasks": open_tasks,
        }

    def _may(self, row: Consultation) -> list[str]:
        sides = [side for side, code in ((Side.CONVENER, row.convener), (Side.CHAIR, row.chair)) if code == self.us]
        found = [move for side in sides or [Side.GUEST] for move in TABLE.moves(row.state, side)]
        if row.convener == self.us:
            found = [move for move in found if move != "answered"]
        if row.state == State.MINUTED and not row.awaits_us:
            found = [move for move in found if move not in ("confirmed", "objected")]
        return list(dict.fromkeys(found))

    def named(self, session: Session, code: str) -> str:
        """Return a bureau's name in Chinese."""
        return self._name(code, self.peers.names(session).get(code))[0]

    def _name(self, code: str, peer: Peer | None) -> tuple[str, str]:
        if code == self.us:
            return self.own_name
        return (peer.name_zh, peer.name_en) if peer else (code, code)

    def _bureaus(self, session: Session, matter: Matter) -> list[BureauWordOut]:
        names = self.peers.names(session)
        signed = matter.cosigning.signatures if matter.cosigning else {}
        objections = matter.cosigning.objections if matter.cosigning else {}
        shown = []
        for code in sorted(matter.parties):
            answer, objection, sides = matter.answers.get(code), objections.get(code), matter.sides(code)
            name_zh, name_en = self._name(code, names.get(code))
            shown.append(
                BureauWordOut(
                    unit_code=code,
                    name_zh=name_zh,
                    name_en=name_en,
                    is_convener=Side.CONVENER in sides,
                    is_chair=Side.CHAIR in sides,
                    answer=answer.answer if answer else None,
                    times=list(answer.times) if answer else [],
                    note=answer.note if answer else None,
                    signed_at=signed.get(code),
                    objected_at=objection.at if objection else None,
                    reason=objection.reason if objection else None,
                )
            )
        return shown


def _counts(verdict: Verdict, name: str | None) -> bool:
    return name == "cancelled" and verdict is Verdict.APPLIED


def _minutes(history: History, tasks: Sequence[ConsultationTask], by: Principal, now: datetime) -> MinutesOut | None:
    move, body = history.matter.minutes, history.matter.minuted
    if move is None or body is None:
        return None
    return MinutesOut(
        digest=move.digest,
        written_at=move.at,
        held_at=body.held_at,
        method=body.method,
        minutes=body.minutes,
        conclusions=body.conclusions,
        participants=_participants(history.statements[move.digest], by),
        tasks=_tasks(body, tasks, now),
    )


def _participants(stored: Stored, by: Principal) -> list[str]:
    named = (stored.statement.private_data or {}).get("participants", ())
    shown = str if by.may(Permission.OBLIGATION_HANDLE) else mask_name
    return [f"{shown(each['name'])} {each.get('post') or ''}".strip() for each in named]


def _tasks(body: ConsultationMinutedV1, rows: Sequence[ConsultationTask], now: datetime) -> list[TaskOut]:
    kept = {row.code: row for row in rows}
    shown = []
    for task in body.tasks:
        row = kept.get(task.code)
        status: Any = row.status if row else "open"
        overdue = row is not None and status in ("open", "under_way") and china_day(now) > task.due_on
        shown.append(
            TaskOut(
                code=task.code,
                text=task.text,
                owner=task.owner,
                due_on=task.due_on,
                status=status,
                note=row.note if row else None,
                overdue=overdue,
            )
        )
    return shown
