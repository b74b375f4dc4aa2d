"""The alerts there are: raised once for each subject, acknowledged or ended with what they are about.

All of it happens in the transaction of what the alert is about, so that neither is without the other. Whom an alert is
told to, and when, is not decided here: `escalation` takes up every row whose time has come.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from ecolink.alerts.dispatches import Dispatches
from ecolink.alerts.models import Alert, AlertKind, AlertLink, AlertState, AlertStep, Telling
from ecolink.alerts.occasions import Ending, Occasion, write_course
from ecolink.alerts.rules import Course
from ecolink.errors import NotFoundError
from ecolink.identity.principal import Principal
from ecolink.kit.ids import new_id
from ecolink.storage.bells import Bell, ring
from ecolink.storage.upsert import insert_new

AT_ONCE: Final = 500
"""Alerts forgotten in one transaction; the rest the next time."""

_FIRST_NUMBER, _NUMBERS = 100_000, 900_000
_SAID_FAREWELL = (AlertKind.EMERGENCY.value, AlertKind.NEWS.value, AlertKind.IN_CHARGE.value)
"""Of these, whoever was told hears that they are over: somebody may be on the way."""


@dataclass(frozen=True, repr=False)
class Ledger:
    """Raises, acknowledges and ends alerts."""

    dispatches: Dispatches

    def raise_alert(self, session: Session, occasion: Occasion, now: datetime) -> None:
        """Have our people told of something; raised already, it stays as it is."""
        row: dict[str, Any] = {
            "id": new_id(now),
            "subject": occasion.subject,
            "matter": occasion.matter,
            "kind": occasion.kind.value,
            "urgency": occasion.urgency.value,
            "status": occasion.status,
            "title_zh": occasion.title_zh,
            "title_en": occasion.title_en,
            "link": occasion.link,
            "occurred_at": occasion.occurred_at,
            "raised_at": now,
            "count": 1,
            "course": write_course(occasion.course),
            "state": AlertState.OPEN.value,
            "next_at": now,
            "steps": 0,
            "stage": 0,
        }
        while not insert_new(session, Alert, [{**row, "number": _new_number()}]):
            if self.find_subject(session, occasion.subject) is not None:
                return  # not the number, but the subject was taken: it has been raised
        ring(session, Bell.STEP)

    def retell(self, session: Session, subject: str, title_zh: str, title_en: str, now: datetime) -> bool:
        """There is something new of an alert that is open: it is told at once, as one with what was told before.

        Return False when it is not open: whoever took it on must be told in another way.
        """
        told = update(Alert).where(Alert.subject == subject, Alert.state == AlertState.OPEN.value)
        retold = told.values(title_zh=title_zh, title_en=title_en, count=Alert.count + 1, next_at=now)
        if session.scalars(retold.returning(Alert.id)).one_or_none() is None:
            return False
        ring(session, Bell.STEP)
        return True

    def acknowledge(
        self, session: Session, subject: str, *, by: Principal, decision: str | None = None, now: datetime
    ) -> None:
        """A person of ours took on what the alert is about: no step of it comes any more."""
        standing = (Alert.subject == subject, Alert.state == AlertState.OPEN.value)
        taken = (
            update(Alert)
            .where(*standing)
            .values(
                state=AlertState.ACKNOWLEDGED.value,
                next_at=None,
                acknowledged_at=now,
                acknowledged_by=by.id,
                acknowledged_name=by.name,
                decision=decision,
            )
        )
        for alert_id in session.scalars(taken.returning(Alert.id)).all():
            self.dispatches.cancel(session, alert_id, now)

    def end(self, session: Session, matter: str, ending: Ending, now: datetime) -> None:
        """What the alerts of a matter are about is over; whoever was told of an emergency is told so."""
        farewell = (Alert.kind.in_(_SAID_FAREWELL), Alert.state != AlertState.ENDED.value)
        self._end(session, matter, ending, now, *farewell, next_at=now)
        ring(session, Bell.STEP)
        self.drop(session, matter, ending, now)

    def relieve(self, session: Session, alert: Alert, ending: Ending, now: datetime) -> None:
        """Somebody has no more to do with a matter that goes on, and is told so if they had been told of it."""
        standing = (Alert.id == alert.id, Alert.state != AlertState.ENDED.value)
        self._end(session, alert.matter, ending, now, *standing, next_at=now)
        ring(session, Bell.STEP)

    def drop(self, session: Session, matter: str, ending: Ending, now: datetime) -> None:
        """Nobody need be told any more of what is open of a matter, not even that it is over."""
        self._end(session, matter, ending, now, Alert.state == AlertState.OPEN.value, next_at=None)

    def drop_subject(self, session: Session, subject: str, ending: Ending, now: datetime) -> None:
        """Do the same for one alert."""
        alert = self.find_subject(session, subject)
        if alert is not None:
            which = (Alert.subject == subject, Alert.state == AlertState.OPEN.value)
            self._end(session, alert.matter, ending, now, *which, next_at=None)

    def open_of(self, session: Session, *kinds: AlertKind) -> list[Alert]:
        """Return the open alerts of these kinds, oldest first."""
        wanted = select(Alert).where(
            Alert.state == AlertState.OPEN.value, Alert.kind.in_([kind.value for kind in kinds])
        )
        return list(session.scalars(wanted.order_by(Alert.raised_at, Alert.id)))

    def standing_of(self, session: Session, matter: str, kind: AlertKind) -> list[Alert]:
        """Return the alerts of a kind about a matter that did not end, acknowledged or not, oldest first."""
        wanted = select(Alert).where(
            Alert.matter == matter, Alert.kind == kind.value, Alert.state != AlertState.ENDED.value
        )
        return list(session.scalars(wanted.order_by(Alert.raised_at, Alert.id)))

    def reset_course(self, session: Session, alert: Alert, course: Course, now: datetime) -> None:
        """Have an open alert go on by another course, counted from when it was raised; the same one changes nothing."""
        other = write_course(course)
        standing = (Alert.id == alert.id, Alert.state == AlertState.OPEN.value)
        if alert.course != other:
            session.execute(update(Alert).where(*standing).values(course=other, next_at=now))
            ring(session, Bell.STEP)

    def forget_old(self, session: Session, before: datetime) -> None:
        """Delete what was closed before that, with its steps and who was told; a portion of it at a time."""
        closed = func.coalesce(Alert.ended_at, Alert.acknowledged_at)
        over = select(Alert.id).where(Alert.state != AlertState.OPEN.value, Alert.next_at.is_(None), closed < before)
        old = session.scalars(over.order_by(Alert.raised_at).limit(AT_ONCE)).all()
        for table in (AlertStep, Telling, AlertLink):
            session.execute(delete(table).where(table.alert_id.in_(old)))
        session.execute(delete(Alert).where(Alert.id.in_(old)))

    def get(self, session: Session, alert_id: str) -> Alert:
        """Return one alert.

        Raises:
            NotFoundError: there is none.

        """
        alert = session.get(Alert, alert_id)
        if alert is None:
            raise NotFoundError
        return alert

    def find_subject(self, session: Session, subject: str) -> Alert | None:
        """Return the alert about a subject, if one was ever raised."""
        return session.scalars(select(Alert).where(Alert.subject == subject)).one_or_none()

    def steps(self, session: Session, alert_id: str) -> list[AlertStep]:
        """Return the steps taken for an alert, oldest first."""
        taken = select(AlertStep).where(AlertStep.alert_id == alert_id).order_by(AlertStep.number)
        return list(session.scalars(taken))

    def tellings(self, session: Session, alert_id: str) -> list[Telling]:
        """Return who was told of an alert, those told first before the others."""
        told = select(Telling).where(Telling.alert_id == alert_id)
        return list(session.scalars(told.order_by(Telling.first_at, Telling.account_id)))

    def _end(
        self,
        session: Session,
        matter: str,
        ending: Ending,
        now: datetime,
        *which: ColumnElement[bool],
        next_at: datetime | None,
    ) -> None:
        ended = update(Alert).where(Alert.matter == matter, *which)
        values = {
            "state": AlertState.ENDED.value,
            "next_at": next_at,
            "ended_at": now,
            "end_zh": ending.zh,
            "end_en": ending.en,
            "is_retraction": ending.is_retraction,
        }
        for alert_id in session.scalars(ended.values(values).returning(Alert.id)).all():
            self.dispatches.cancel(session, alert_id, now)


def _new_number() -> str:
    return str(_FIRST_NUMBER + secrets.randbelow(_NUMBERS))
