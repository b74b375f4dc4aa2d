"""What the console watches for every open page: what waits for us, and what changed, asked in a few small queries."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import Channel, Dispatch
from ecolink.alerts.models import Alert, AlertState, Telling
from ecolink.audit.models import LogHead
from ecolink.console.live import Sight, Urgent
from ecolink.exchanges.bulletins.listing import Wanted, matching
from ecolink.exchanges.bulletins.models import Bulletin
from ecolink.exchanges.emergencies.filters import to_sign
from ecolink.exchanges.emergencies.models import Answer, CallTask, Emergency
from ecolink.exchanges.emergencies.rules import EmergencyState
from ecolink.exchanges.leads.models import Lead
from ecolink.federation.models import OutChannel, StatementRow
from ecolink.protocol.kinds.emergencies import Status
from ecolink.protocol.statement import Lane
from ecolink.web.rooms import Rooms

_PENDING = StatementRow.state == "pending"
MOST_URGENT = 20
"""More do not fit above a page; all of them stand in the list of emergencies."""


@dataclass(frozen=True)
class Sights:
    """Looks at the rooms."""

    rooms: Rooms

    def look(self, session: Session, now: datetime) -> Sight:
        """Return how things stand."""
        return Sight(
            at=now,
            urgent=self._urgent(session),
            counts=self._counts(session, now),
            marks=self._emergencies(session) | _lists(session) | _our_people(session),
        )

    def _urgent(self, session: Session) -> list[Urgent]:
        room = self.rooms.emergencies
        tasks = session.scalars(to_sign(room.us).limit(MOST_URGENT)).all()
        lines = room.views.lines(session, [task.emergency for task in tasks])
        found = [Urgent(line=line, due_at=task.due_at) for line, task in zip(lines, tasks, strict=True)]
        return sorted(found, key=lambda urgent: (urgent.line.status is not Status.ACTUAL, urgent.due_at))

    def _counts(self, session: Session, now: datetime) -> dict[str, int]:
        leads = self.rooms.leads.lists.counts(session, now)
        unread = matching(Wanted(unread=True), self.rooms.bulletins.record.search).with_only_columns(func.count())
        to_be_signed = to_sign(self.rooms.emergencies.us).order_by(None).with_only_columns(func.count())
        waiting = select(func.count()).where(Emergency.state == EmergencyState.AWAITING_APPROVAL)
        return {
            **{f"leads_{name}": count for name, count in leads.model_dump().items()},
            "bulletins_unread": session.scalar(unread) or 0,
            "emergencies_to_sign": session.scalar(to_be_signed.where(CallTask.status == Status.ACTUAL)) or 0,
            "emergencies_awaiting_approval": session.scalar(waiting) or 0,
        }

    def _emergencies(self, session: Session) -> dict[str, str]:
        """Return a mark for each open emergency, and one for what is on its way to the others."""
        answers = (
            select(func.count(), func.max(Answer.acknowledged_at))
            .where(Answer.emergency_id == Emergency.id)
            .correlate(Emergency)
        )
        tasks = select(func.count()).where(CallTask.emergency_id == Emergency.id).correlate(Emergency)
        marked = select(
            Emergency.id,
            Emergency.version,
            answers.with_only_columns(func.count()).scalar_subquery(),
            answers.with_only_columns(func.max(Answer.acknowledged_at)).scalar_subquery(),
            tasks.where(CallTask.state == "open").scalar_subquery(),
        ).where(Emergency.state == EmergencyState.OPEN)
        sent = select(func.sum(OutChannel.receipted_seq + OutChannel.last_seq)).where(OutChannel.lane == "emergency")
        marks = {f"emergency-{row[0]}": " ".join(map(str, row[1:])) for row in session.execute(marked)}
        return marks | {"emergencies": " ".join(sorted(marks.values())), "receipts": str(session.scalar(sent))}


def _lists(session: Session) -> dict[str, str]:
    """Return a mark for each list that pages show, and `anything`: said, come in, and once more when applied."""
    waiting = [select(func.min(StatementRow.n)).where(_PENDING, StatementRow.lane == lane) for lane in Lane]
    next_ = session.execute(select(*(each.scalar_subquery() for each in waiting))).one()
    return {
        "leads": _newest(session, Lead),
        "bulletins": _newest(session, Bulletin),
        "anything": " ".join(map(str, (session.scalar(select(func.sum(LogHead.size))), *next_))),
    }


def _newest(session: Session, table: type[Lead] | type[Bulletin]) -> str:
    """Return when something last changed in a list, the real ones and the drills each by their index."""
    changed = select(table.updated_at).order_by(table.updated_at.desc()).limit(1)
    newest = [changed.where(table.is_exercise.is_(drills)).scalar_subquery() for drills in (False, True)]
    return " ".join(map(str, session.execute(select(*newest)).one()))


def _our_people(session: Session) -> dict[str, str]:
    """Return marks of how our people are told: `channels` that fail, and what came of the `alerts` that are open."""
    failing = select(Channel.id).where(Channel.failing_since.is_not(None), Channel.removed_at.is_(None))
    opened = (Alert.state == AlertState.OPEN.value,)
    heard = select(func.sum(Telling.times), func.count(Telling.read_at))
    sent = select(func.count(Dispatch.ended_at), func.sum(Dispatch.tries))
    marks = (
        *session.execute(heard.join(Alert, Alert.id == Telling.alert_id).where(*opened)).one(),
        *session.execute(sent.join(Alert, Alert.id == Dispatch.alert_id).where(*opened)).one(),
    )
    return {"channels": " ".join(sorted(session.scalars(failing))), "alerts": " ".join(map(str, marks))}
