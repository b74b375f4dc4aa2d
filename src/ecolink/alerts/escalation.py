"""What the clock brings: whose time has come is told, told again, or told further up.

Every alert carries the moment of its next step. Whoever watches takes those whose moment has come, each row for itself
alone (`SKIP LOCKED`), reads how it stands now, decides anew (`rules`), posts and moves the moment on, all in one
transaction. So any number of processes may watch; one that is killed leaves what it had begun as it was; and a step
never comes after an acknowledgement, which takes the moment away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ecolink.alerts import wording
from ecolink.alerts.dispatches import Dispatches, Kind
from ecolink.alerts.models import Alert, AlertKind, AlertState, AlertStep, Telling
from ecolink.alerts.occasions import read_course
from ecolink.alerts.people import People, unreached
from ecolink.alerts.rules import Decision, Facts, Heard, Officer, Urgency, bid_farewell, decide
from ecolink.kit.ids import new_id
from ecolink.storage.bells import Bell, ring

AT_ONCE: Final = 50
"""Alerts taken up in one transaction, urgent ones first; the rest follow at once."""


@dataclass(frozen=True, repr=False)
class Escalation:
    """Takes the steps that are due."""

    dispatches: Dispatches

    def next_due(self, session: Session) -> datetime | None:
        """Return when the next step is due; in the past when one is now."""
        return session.scalar(select(func.min(Alert.next_at)).where(Alert.next_at.is_not(None)))

    def step(self, session: Session, now: datetime) -> int:
        """Take the steps that have fallen due, a portion of them; return how many alerts that were."""
        due = (
            select(Alert)
            .where(Alert.next_at.is_not(None), Alert.next_at <= now)
            .order_by(Alert.urgency.desc(), Alert.next_at)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True, key_share=True)
            .execution_options(populate_existing=True)
        )
        alerts = session.scalars(due).all()
        if not alerts:
            return 0
        people = People.load(session, now)
        for alert in alerts:
            self._attend(session, alert, people, now)
        return len(alerts)

    def hurry(self, session: Session, alert_id: str, now: datetime) -> None:
        """Look at an open alert now: somebody who was to be told cannot be reached.

        Whoever holds the alert at this moment looks at it in any case, and is not waited for.
        """
        wanted = select(Alert).where(Alert.id == alert_id, Alert.state == AlertState.OPEN.value)
        free = wanted.with_for_update(skip_locked=True, key_share=True).execution_options(populate_existing=True)
        alert = session.scalars(free).one_or_none()
        if alert is not None:
            alert.next_at = now
            session.flush()
            ring(session, Bell.STEP)

    def _attend(self, session: Session, alert: Alert, people: People, now: datetime) -> None:
        told = {row.account_id: row for row in session.scalars(select(Telling).where(Telling.alert_id == alert.id))}
        facts = Facts(alert.raised_at, Urgency(alert.urgency), read_course(alert.course), alert.count)
        if alert.state == AlertState.ENDED.value:
            unaware = [each.account_id for each in told.values() if each.farewell_at is None]
            decision = bid_farewell(facts, [people.officer(each) for each in unaware if each in people.names], now)
        else:
            heard = {account: Heard(row.last_at, row.heard) for account, row in told.items()}
            decision = decide(facts, people.holders(session, alert.id, facts.course.person), heard, now)

        due_at, lost = alert.next_at or now, unreached(session, alert.id)
        self._tell(session, alert, people, decision, due_at, now)
        _note(session, alert, decision, told, now)
        alert.stage, alert.next_at = decision.stage, decision.next_at
        session.flush()
        if alert.state == AlertState.OPEN.value and unreached(session, alert.id) - lost:
            alert.next_at = now  # nothing leads to somebody who was just to be told: look at once who else there is

    def _tell(
        self, session: Session, alert: Alert, people: People, decision: Decision, due_at: datetime, now: datetime
    ) -> None:
        kind, urgency = AlertKind(alert.kind), Urgency(alert.urgency)
        for word, officers in _by_word(alert, decision):
            alert.steps += 1
            self.dispatches.post(
                session,
                wording.message(alert, word, alert.steps, due_at, now),
                [people.recipient(officer, kind, urgency) for officer in officers],
                now,
            )
            session.add(
                AlertStep(
                    id=new_id(now),
                    alert_id=alert.id,
                    number=alert.steps,
                    kind=word,
                    due_at=due_at,
                    at=now,
                    told=[officer.id for officer in officers],
                )
            )


def _by_word(alert: Alert, decision: Decision) -> Sequence[tuple[Kind, Sequence[Officer]]]:
    """Return who is told in which words."""
    if alert.state == AlertState.ENDED.value:
        word: Kind = "retraction" if alert.is_retraction else "ended"
        told: list[tuple[Kind, Sequence[Officer]]] = [(word, decision.again)]
    else:
        told = [("escalation" if decision.stage > 1 else "new", decision.new), ("repeat", decision.again)]
    return [(word, officers) for word, officers in told if officers]


def _note(session: Session, alert: Alert, decision: Decision, told: dict[str, Telling], now: datetime) -> None:
    """Write down who has heard of it."""
    for officer in (*decision.new, *decision.again):
        row = told.get(officer.id)
        if row is None:
            row = Telling(alert_id=alert.id, account_id=officer.id, first_at=now, times=0)
            session.add(row)
        row.last_at, row.heard, row.times = now, alert.count, row.times + 1
        if alert.state == AlertState.ENDED.value:
            row.farewell_at = now
