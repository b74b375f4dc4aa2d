"""Alerts, put together: what the rooms, the API and the worker use of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Self

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from ecolink.alerts import links
from ecolink.alerts.detours import KEPT
from ecolink.alerts.dispatches import Dispatches
from ecolink.alerts.duty import Rota
from ecolink.alerts.escalation import Escalation
from ecolink.alerts.ledger import Ledger
from ecolink.alerts.models import Alert, AlertKind, AlertLink, AlertState, Telling
from ecolink.alerts.occasions import read_course
from ecolink.alerts.pins import Pins
from ecolink.audit.access import AccessLog
from ecolink.errors import ForbiddenError, IllegalMoveError, NotFoundError
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Permission
from ecolink.identity.service import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What somebody says who acknowledges an alert; a room takes of it what it asks for."""

    decision: str | None = None
    """Of an emergency: noted, dispatching or need_information."""
    estimated_arrival: datetime | None = None
    note: str | None = None


Signer = Callable[[Session, str, Signing, Principal, datetime], None]
"""Signs in a room for the object of an alert, by id; the room tells that it is acknowledged."""

READING: Mapping[AlertKind, Permission] = MappingProxyType(
    {
        AlertKind.EMERGENCY: Permission.EMERGENCY_READ,
        AlertKind.NEWS: Permission.EMERGENCY_READ,
        AlertKind.IN_CHARGE: Permission.EMERGENCY_READ,
        AlertKind.TASK: Permission.EMERGENCY_READ,
        AlertKind.LEAD: Permission.LEAD_READ,
        AlertKind.NOTICE: Permission.OBLIGATION_READ,
        AlertKind.CHANNEL: Permission.ALERT_READ,
    }
)
"""What one must be allowed to read to see alerts about it."""

SIGNING: Mapping[AlertKind, Permission] = MappingProxyType(
    {
        AlertKind.EMERGENCY: Permission.EMERGENCY_ACKNOWLEDGE,
        AlertKind.NEWS: Permission.EMERGENCY_ACKNOWLEDGE,
        AlertKind.IN_CHARGE: Permission.EMERGENCY_ACKNOWLEDGE,
        AlertKind.TASK: Permission.TASK_DONE,
        AlertKind.LEAD: Permission.LEAD_ACKNOWLEDGE,
        AlertKind.NOTICE: Permission.OBLIGATION_HANDLE,
        AlertKind.CHANNEL: Permission.ALERT_READ,
    }
)
"""What one must be allowed to do to acknowledge them, unless one is the person whom an alert is about."""


@dataclass(frozen=True, repr=False, kw_only=True)
class AlertService:
    """All there is about alerts but the channels they are sent by."""

    ledger: Ledger
    escalation: Escalation
    rota: Rota
    pins: Pins
    dispatches: Dispatches
    signers: dict[AlertKind, Signer] = field(default_factory=dict)
    """Filled in as the rooms are furnished. What has none is acknowledged here."""

    @classmethod
    def build(cls, identity: Identity, access: AccessLog, dispatches: Dispatches) -> Self:
        """Put it together."""
        return cls(
            ledger=Ledger(dispatches),
            escalation=Escalation(dispatches),
            rota=Rota(access),
            pins=Pins(identity.passwords, identity.throttle, access),
            dispatches=dispatches,
        )

    def acknowledge(self, session: Session, alert_id: str, signing: Signing, *, by: Principal, now: datetime) -> Alert:
        """Take on what an alert is about. Where a room keeps who signed, this is signing there: there is one truth.

        Raises:
            NotFoundError: there is no such alert for the caller.
            ForbiddenError: the caller's roles do not let them sign for it, or the caller is a program.
            IllegalMoveError: somebody acknowledged it already, or it ended.
            InvalidError: the room asks for more, such as a decision.

        """
        alert = self.shown(session, alert_id, by)
        if by.kind != "user":
            raise ForbiddenError("A person acknowledges an alert, not a program.", "提醒须由人员签收。")
        kind = AlertKind(alert.kind)
        if not may_sign(alert, by):
            raise ForbiddenError(
                f"None of your roles grants {SIGNING[kind].value}.", f"您的角色没有 {SIGNING[kind].value} 权限。"
            )
        _refuse_closed(alert)
        signer = self.signers.get(kind)
        if signer is None:
            self.ledger.acknowledge(session, alert.subject, by=by, decision=signing.decision, now=now)
        else:
            signer(session, alert.subject.split("/")[1], signing, by, now)
        spent = update(AlertLink).where(AlertLink.alert_id == alert.id, AlertLink.account_id == by.id)
        session.execute(spent.values(spent_at=now))
        session.refresh(alert)
        return alert

    def shown(self, session: Session, alert_id: str, by: Principal) -> Alert:
        """Return an alert that the caller may see.

        Raises:
            NotFoundError: there is none.

        """
        alert = self.ledger.get(session, alert_id)
        if not by.may(READING[AlertKind(alert.kind)]):
            raise NotFoundError
        return alert

    def note_read(self, session: Session, alert: Alert, by: Principal, now: datetime) -> None:
        """Take note that somebody who was told of an alert has opened it."""
        first = update(Telling).where(
            Telling.alert_id == alert.id, Telling.account_id == by.id, Telling.read_at.is_(None)
        )
        session.execute(first.values(read_at=now))

    def note_matter_read(self, session: Session, matter: str, by: Principal, now: datetime) -> None:
        """Take note that somebody has opened the matter itself, such as `emergency/ID`, of which they were told."""
        about = select(Alert.id).where(Alert.matter == matter)
        first = update(Telling).where(
            Telling.alert_id.in_(about), Telling.account_id == by.id, Telling.read_at.is_(None)
        )
        session.execute(first.values(read_at=now))

    def tidy(self, session: Session, now: datetime) -> None:
        """Drop what is good no more, and what was closed so long ago that nobody looks it up any more."""
        links.forget_expired(session, now)
        self.ledger.forget_old(session, now - KEPT)


def may_sign(alert: Alert, by: Principal) -> bool:
    """Tell whether somebody who sees an alert may acknowledge it, while it is open."""
    return by.may(SIGNING[AlertKind(alert.kind)]) or by.id == read_course(alert.course).person


def select_alerts(by: Principal) -> Select[Alert]:
    """Select the alerts that the caller may see."""
    return select(Alert).where(Alert.kind.in_([kind.value for kind, needed in READING.items() if by.may(needed)]))


def _refuse_closed(alert: Alert) -> None:
    if alert.state == AlertState.ACKNOWLEDGED.value:
        raise IllegalMoveError(
            f"{alert.acknowledged_name} acknowledged it already.", f"已由{alert.acknowledged_name}签收。"
        )
    if alert.state == AlertState.ENDED.value:
        raise IllegalMoveError("It is over: there is nothing to acknowledge.", "该事项已解除，无需签收。")
