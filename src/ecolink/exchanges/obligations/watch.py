"""What the clock brings: obligations open, people are reminded, what is overdue goes up the chain, partners are told.

Every row carries the moment at which somebody has to look at it next. Whoever watches takes what has fallen due, a
portion at a time and each row for itself alone (`SKIP LOCKED`), judges it anew, does what is to be done and moves the
moment on, all in one transaction. So any number of processes may watch; one that is killed leaves what it had begun as
it was; and an obligation that was met meanwhile bothers nobody.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.cadence.obligations import Step
from ecolink.exchanges.duties import InForce
from ecolink.exchanges.obligations.book import Book, obligation_of
from ecolink.exchanges.obligations.derivation import Derivation
from ecolink.exchanges.obligations.lateness import Lateness
from ecolink.exchanges.obligations.models import Horizon, ObligationRow
from ecolink.exchanges.obligations.notices import Message, Notices

AT_ONCE = 100
"""Obligations taken up in one transaction; the rest follow at once."""

_TITLES = {
    "reminder": ("{duty}（{period}）须于{due}前完成，尚未完成", "{duty} ({period}) is due on {due} and not done yet"),
    "escalation": (
        "{duty}（{period}）已逾期（期限{due}），请督促办理",
        "{duty} ({period}) is overdue since {due}: see that it is done",
    ),
}


@dataclass(frozen=True, repr=False)
class Watch:
    """Does what has fallen due."""

    book: Book
    derivation: Derivation
    lateness: Lateness
    in_force: InForce

    def next_due(self, session: Session) -> datetime | None:
        """Return when there is something to do next; in the past when there is now."""
        row = session.scalar(select(func.min(ObligationRow.next_at)).where(ObligationRow.next_at.is_not(None)))
        horizon = session.scalar(select(func.min(Horizon.next_at)))
        return min((moment for moment in (row, horizon) if moment is not None), default=None)

    def step(self, session: Session, now: datetime) -> int:
        """Do what has fallen due, a portion of it; return how many obligations that were."""
        horizon = session.scalar(select(func.min(Horizon.next_at)))
        if horizon is not None and horizon <= now:
            self.derivation.extend(session, self.in_force(session), now)
        due = (
            select(ObligationRow)
            .where(ObligationRow.next_at.is_not(None), ObligationRow.next_at <= now)
            .order_by(ObligationRow.next_at)
            .limit(AT_ONCE)
            .with_for_update(of=ObligationRow, skip_locked=True)
            .execution_options(populate_existing=True)
        )
        rows = session.scalars(due).all()
        for row in rows:
            self._attend(session, row, now)
        return len(rows)

    def _attend(self, session: Session, row: ObligationRow, now: datetime) -> None:
        judgement = self.book.judge(session, row, now)
        for step in judgement.plan.skip:
            if step.to is not None:
                self.notices.pass_over(session, _message(row, step), step.to, now)
        for step in judgement.plan.act:
            if step.to is None:
                self.lateness.tell(session, row, now)
            else:
                self.notices.tell(session, _message(row, step), [step.to], now)
        row.next_at = judgement.plan.next_at
        session.flush()

    @property
    def notices(self) -> Notices:
        """Where our people are told."""
        return self.book.notices


def _message(row: ObligationRow, step: Step) -> Message:
    duty = obligation_of(row).duty
    kind: Literal["reminder", "escalation"] = "reminder" if step.code.startswith("remind") else "escalation"
    zh, en = _TITLES[kind]
    return Message(
        subject=row.key,
        step=step.code,
        kind=kind,
        title_zh=zh.format(duty=duty.name_zh, period=row.period, due=row.due_on),
        title_en=en.format(duty=duty.name_en, period=row.period, due=row.due_on),
        due_at=row.due_at,
    )
