"""How far an alert came with each of our people: by which channels, whether they opened it, who took it on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ecolink.alerts.dispatch_models import Channel, ChannelKind, ContactPoint, Dispatch, DispatchState, DispatchTry
from ecolink.alerts.models import Alert, AlertKind, AlertState, Telling
from ecolink.alerts.people import names_of

_BY_MOBILE: Final = (ChannelKind.SMS.value, ChannelKind.DINGTALK.value, ChannelKind.WECOM.value)
"""Kinds of channels on which an address is a mobile number."""


@dataclass(frozen=True, slots=True)
class Way:
    """What came of the last try to reach somebody by one channel."""

    channel: str
    succeeded: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far an alert came with one person."""

    name: str
    phone: str | None
    """The number to call, where a contact point of theirs has one."""
    told_at: datetime
    times: int
    ways: Sequence[Way]
    """The last try by each channel, in order of time; none where nobody could be reached outside the console."""
    waits: bool
    """Whether a message to them is still on its way."""
    read_at: datetime | None
    acknowledged_at: datetime | None

    @property
    def sent(self) -> Way | None:
        """The last channel whose service took a message."""
        return next((way for way in reversed(self.ways) if way.succeeded), None)

    @property
    def unaware(self) -> bool:
        """Whether nothing shows that they know of it: somebody should call them."""
        return self.read_at is None and self.acknowledged_at is None


@dataclass(frozen=True, slots=True)
class Reach:
    """One alert and everybody who was told of it, those told first before the others."""

    alert: Alert
    people: Sequence[Reached]

    @property
    def missing(self) -> Sequence[Reached]:
        """Who has not even opened it, while nobody took it on."""
        return [each for each in self.people if each.unaware] if self.alert.state == AlertState.OPEN.value else []


def reach_of(session: Session, matter: str) -> Sequence[Reach]:
    """Return how far the alerts of a matter came: of an emergency itself always, of anything else while it counts."""
    is_in_charge = and_(Alert.kind == AlertKind.IN_CHARGE.value, Alert.state == AlertState.ACKNOWLEDGED.value)
    shown = or_(Alert.kind == AlertKind.EMERGENCY.value, Alert.state == AlertState.OPEN.value, is_in_charge)
    wanted = select(Alert).where(Alert.matter == matter, shown)
    alerts = session.scalars(wanted.order_by(Alert.raised_at, Alert.id)).all()
    return [Reach(alert, people) for alert in alerts if (people := _people(session, alert))]


def _people(session: Session, alert: Alert) -> Sequence[Reached]:
    told = select(Telling).where(Telling.alert_id == alert.id).order_by(Telling.first_at, Telling.account_id)
    tellings = session.scalars(told).all()
    accounts = [telling.account_id for telling in tellings]
    names, phones = names_of(session, accounts), _phones(session, accounts)
    ways = _ways(session, alert)
    waiting = select(Dispatch.account_id).where(
        Dispatch.alert_id == alert.id, Dispatch.state == DispatchState.WAITING.value
    )
    waits = set(session.scalars(waiting))
    return [
        Reached(
            name=names[telling.account_id],
            phone=phones.get(telling.account_id),
            told_at=telling.first_at,
            times=telling.times,
            ways=ways.get(telling.account_id, ()),
            waits=telling.account_id in waits,
            read_at=telling.read_at,
            acknowledged_at=alert.acknowledged_at if alert.acknowledged_by == telling.account_id else None,
        )
        for telling in tellings
    ]


def _ways(session: Session, alert: Alert) -> Mapping[str, Sequence[Way]]:
    """Return by account what came of the last try by each channel."""
    made = (
        select(Dispatch.account_id, Channel.name, DispatchTry.succeeded, DispatchTry.at)
        .join(DispatchTry, DispatchTry.dispatch_id == Dispatch.id)
        .join(Channel, Channel.id == DispatchTry.channel_id)
        .where(Dispatch.alert_id == alert.id)
        .order_by(DispatchTry.n)
    )
    last: dict[str, dict[str, Way]] = {}
    for account, channel, succeeded, at in session.execute(made):
        ways = last.setdefault(str(account), {})
        ways.pop(channel, None)  # what is tried again goes to the end
        ways[channel] = Way(channel, succeeded, at)
    return {account: list(ways.values()) for account, ways in last.items()}


def _phones(session: Session, accounts: Collection[str]) -> Mapping[str, str]:
    """Return by account the first mobile number among the confirmed contact points."""
    found = (
        select(ContactPoint.account_id, ContactPoint.address)
        .join(Channel, Channel.id == ContactPoint.channel_id)
        .where(ContactPoint.account_id.in_(accounts), ContactPoint.address != "", Channel.kind.in_(_BY_MOBILE))
        .where(ContactPoint.confirmed_at.is_not(None), ContactPoint.removed_at.is_(None))
        .order_by(ContactPoint.place.desc())
    )
    return {str(account): address for account, address in session.execute(found)}
