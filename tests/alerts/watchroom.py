"""Two bureaus whose people are on duty: what they are told, and what they do about it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from ecolink.alerts.dispatch_models import Channel, ContactPoint, Dispatch
from ecolink.alerts.duty import Turn
from ecolink.alerts.models import Alert, AlertStep
from ecolink.alerts.register import Wanted
from ecolink.alerts.service import Signing
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.emergencies.schemas import AcknowledgementIn, CancelIn, EmergencyIn, UpdateIn
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.models import Account
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.kit.ids import new_id
from tests.alerts.office import ADDRESSES, SETTINGS
from tests.exchanges.emergencies.desks import CHIEF, FIRE
from tests.support.town import Town

MINUTE = timedelta(minutes=1)


@dataclass
class Watchroom:
    """One bureau's people and their alerts."""

    node: Node
    people: dict[str, Principal] = field(default_factory=dict)

    @classmethod
    def staffed(cls, node: Node) -> "Watchroom":
        """Give a bureau two liaison officers of whom one is on duty for two days, and its chain up to the chief."""
        room = cls(node)
        room.add("lin", Role.LIAISON_OFFICER)
        room.add("wu", Role.LIAISON_OFFICER)
        room.add("deputy", Role.DEPUTY)
        room.add("head", Role.HEAD)
        room.add("chief", Role.CHIEF)
        room.add("admin", Role.ADMINISTRATOR)
        room.put_on_duty("lin", timedelta(days=2))
        return room

    @property
    def now(self) -> datetime:
        return self.node.clock.now()

    def add(self, name: str, *roles: Role) -> Principal:
        with self.node.database.begin() as session:
            account = self.node.identity.accounts.add_user(
                session,
                username=name,
                name=name.title(),
                roles=roles,
                password_hash="unusable",
                by=CONSOLE,
                now=self.now,
                must_change_password=False,
            )
            self.people[name] = Principal(id=account.id, username=name, name=account.name, roles=frozenset(roles))
        return self.people[name]

    def put_on_duty(self, name: str, length: timedelta, position: Any = "first") -> None:
        turn = Turn(account_id=self.people[name].id, position=position, begins=self.now, ends=self.now + length)
        with self.node.database.begin() as session:
            self.node.alerts.rota.add(session, [turn], by=CONSOLE, now=self.now)

    def hand_over(self, to: str, **said: Any) -> None:
        with self.node.database.begin() as session:
            self.node.alerts.rota.hand_over(
                session,
                to=self.people[to].id,
                **{"position": "first", "until": None, "note": None, **said},
                by=CONSOLE,
                now=self.now,
            )

    def shut_out(self, name: str) -> None:
        with self.node.database.begin() as session:
            account = session.get_one(Account, self.people[name].id)
            self.node.identity.accounts.disable(session, account, by=CONSOLE, now=self.now)

    def channel(self, kind: str) -> Channel:
        """Set a channel up."""
        wanted = Wanted(name=kind, own=False, enabled=True, settings=SETTINGS[kind])
        with self.node.database.begin() as session:
            return self.node.post_office.channels.add(session, wanted, by=CONSOLE, now=self.now)

    def reach(self, name: str, *channels: Channel) -> None:
        """Give somebody contact points on these channels."""
        with self.node.database.begin() as session:
            session.add_all(
                ContactPoint(
                    id=new_id(self.now),
                    account_id=self.people[name].id,
                    channel_id=channel.id,
                    address=ADDRESSES[channel.kind],
                    place=place,
                    created_at=self.now,
                    confirmed_at=self.now,
                )
                for place, channel in enumerate(channels, 1)
            )

    def send(self) -> None:
        """Send what waits, and take the steps that follow, without moving the clock."""
        while self.node.post_office.sending.step(self.node.clock.now):
            self.escalate()

    # What happens ---------------------------------------------------------------------------------------------

    def raise_emergency(self, **changes: Any) -> str:
        said = {**FIRE, **changes}
        if said["status"] != "actual":
            said.pop("confirm")
        entry = EmergencyIn.model_validate(said)
        with self.node.database.begin() as session:
            return self.node.rooms.emergencies.raising.raise_alert(session, entry, by=CHIEF, now=self.now).id

    def update(self, emergency_id: str, **patch: Any) -> None:
        room = self.node.rooms.emergencies
        entry = UpdateIn.model_validate({"changes": "火势扩大", **patch})
        with self.node.database.begin() as session:
            version = room.register.find(session, emergency_id).version
            room.telling.update(session, emergency_id, entry, version=version, by=CHIEF, now=self.now)

    def cancel(self, emergency_id: str, **said: Any) -> None:
        entry = CancelIn.model_validate(said)
        with self.node.database.begin() as session:
            self.node.rooms.emergencies.telling.cancel(session, emergency_id, entry, by=CHIEF, now=self.now)

    def sign_in_room(self, emergency_id: str, name: str, decision: str = "dispatching") -> None:
        entry = AcknowledgementIn.model_validate({"decision": decision})
        with self.node.database.begin() as session:
            room = self.node.rooms.emergencies
            room.telling.acknowledge(session, emergency_id, entry, by=self.people[name], now=self.now)

    def acknowledge(self, alert: Alert, name: str, **said: Any) -> Alert:
        with self.node.database.begin() as session:
            signing = Signing(**said)
            return self.node.alerts.acknowledge(session, alert.id, signing, by=self.people[name], now=self.now)

    def escalate(self) -> None:
        self.node.escalate(self.now)

    # What is seen ---------------------------------------------------------------------------------------------

    def alerts(self, kind: str | None = None) -> list[Alert]:
        wanted = select(Alert).order_by(Alert.raised_at, Alert.id)
        with self.node.database.read() as session:
            return list(session.scalars(wanted.where(Alert.kind == kind) if kind else wanted))

    def alert(self, kind: str = "emergency") -> Alert:
        (only,) = self.alerts(kind)
        return only

    def steps(self, alert: Alert) -> list[AlertStep]:
        with self.node.database.read() as session:
            return self.node.alerts.ledger.steps(session, alert.id)

    def told(self, alert: Alert) -> list[tuple[float, str, list[str]]]:
        """Return each step by the minute after the alert was raised: in which words who was told."""
        names = {person.id: name for name, person in self.people.items()}
        return [
            ((step.at - alert.raised_at) / MINUTE, step.kind, sorted(names[who] for who in step.told))
            for step in self.steps(alert)
        ]

    def dispatches(self, alert: Alert) -> list[Dispatch]:
        with self.node.database.read() as session:
            return [each.dispatch for each in self.node.alerts.dispatches.of(session, alert.id)]


def live(town: Town, minutes: int) -> None:
    """Let the town live so long, from one step that is due to the next."""
    over = town.clock.now() + minutes * MINUTE
    while town.clock.now() < over:
        due = [moment for node in town.nodes.values() if (moment := node.escalate(town.clock.now()))]
        town.wait(min([over, *due]) - town.clock.now())
