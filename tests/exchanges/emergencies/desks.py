"""An emergency desk at each bureau of a town: people, what they write, and what they see."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ecolink.cadence.deadlines import DeadlinePolicy
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.agreed import Agreed
from ecolink.exchanges.alliances.service import AllianceService
from ecolink.exchanges.emergencies.border import Border
from ecolink.exchanges.emergencies.filters import EmergencyFilters, TaskFilters
from ecolink.exchanges.emergencies.schemas import AcknowledgementIn, CancelIn, EmergencyIn, NoteIn, UpdateIn
from ecolink.exchanges.emergencies.service import EmergencyPolicy, EmergencyService
from ecolink.exchanges.emergencies.shown import BoardOut, BureauLineOut, DutyDeskOut, EmergencyOut, TaskOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.search.index import SearchIndex
from tests.support.town import QINGYUAN

FIRE: dict[str, Any] = {
    "status": "actual",
    "kind": "wildfire",
    "title": "下党乡森林火情",
    "description": "上党村后山松林起火，明火向东北蔓延。",
    "colour": "orange",
    "urgency": "Immediate",
    "severity": "Severe",
    "certainty": "Observed",
    "occurred_at": "2026-11-23T08:50:00+08:00",
    "location": {
        "text": "寿宁县下党乡上党村",
        "geometry": {"type": "Point", "coordinates": [119.2355, 27.4275]},
        "datum": "CGCS2000",
    },
    "fire": {"area_ha": 0.8, "wind": {"direction": "SW", "force": 4}, "open_flame": True},
    "assistance": "请在龙溪乡一侧开设隔离带。",
    "hotline": "0593-0000001",
    "recipients": [QINGYUAN],
    "confirm": "下党乡森林火情",
}


def person(name: str, *roles: Role, kind: str = "user") -> Principal:
    return Principal(id=f"id-{name}", username=name.lower(), name=name, roles=frozenset(roles), kind=kind)


LIAISON = person("林一鸣", Role.LIAISON_OFFICER)
OFFICER = person("吴建国", Role.OFFICER)
CHIEF = person("郑长青", Role.CHIEF)
AUDITOR = person("何明", Role.AUDITOR)
PROGRAM = person("dispatch-tool", Role.INTEGRATOR, kind="client")


@dataclass
class Desk:
    """One bureau's emergency room, and its people."""

    node: Node
    room: EmergencyService

    @classmethod
    def open(cls, node: Node, deadlines: DeadlinePolicy | None = None, **policy: Any) -> "Desk":
        """Put the room into a node with a map of the border, or with another `policy`; the node keeps the time."""
        settings = node.settings
        room = EmergencyService.build(
            DutyDeskOut(
                unit_code=node.us,
                name_zh=settings.name_zh,
                name_en=settings.name_en,
                duty_phone=settings.duty_phone,
            ),
            outbox=node.outbox,
            peers=node.peers,
            search=SearchIndex(),
            access=node.access,
            attachments=node.rooms.emergencies.raising.attachments,
            roster=AllianceService(node.us, node.peers, node.access).roster,
            policy=EmergencyPolicy(**{"border": Border.shipped(), **policy}),
            agreed=Agreed(node.us, node.rooms.cooperation.agreements.in_force, deadlines=deadlines or DeadlinePolicy()),
        )
        node.handlers.update(room.arrivals.handlers())
        node.hooks.receipted.append(room.arrivals.note_receipts)
        return cls(node, room)

    @property
    def now(self) -> datetime:
        return self.node.clock.now()

    def watch(self, now: datetime | None = None) -> int:
        with self.node.database.begin() as session:
            return self.room.tasks.watch(session, now or self.now)

    # What people do ---------------------------------------------------------------------------------------

    def raise_alert(self, by: Principal = LIAISON, **changes: Any) -> str:
        said = {name: value for name, value in {**FIRE, **changes}.items() if value is not ...}
        if changes.get("status", "actual") != "actual":
            said.pop("confirm", None)
        with self.node.database.begin() as session:
            return self.room.raising.raise_alert(session, EmergencyIn.model_validate(said), by=by, now=self.now).id

    def approve(self, emergency_id: str, by: Principal = CHIEF, confirm: str = FIRE["title"]) -> None:
        version = self.show(emergency_id).version
        with self.node.database.begin() as session:
            self.room.raising.approve(session, emergency_id, version=version, confirm=confirm, by=by, now=self.now)

    def discard(self, emergency_id: str) -> None:
        version = self.show(emergency_id).version
        with self.node.database.begin() as session:
            self.room.raising.discard(session, emergency_id, version=version)

    def update(self, emergency_id: str, *, version: int | None = None, **patch: Any) -> None:
        version = version or self.show(emergency_id).version
        entry = UpdateIn.model_validate({"changes": "火势扩大", **patch})
        with self.node.database.begin() as session:
            self.room.telling.update(session, emergency_id, entry, version=version, by=LIAISON, now=self.now)

    def cancel(self, emergency_id: str, reason: str = "over") -> None:
        entry = CancelIn.model_validate({"reason": reason, "explanation": "明火已扑灭。"})
        with self.node.database.begin() as session:
            self.room.telling.cancel(session, emergency_id, entry, by=LIAISON, now=self.now)

    def acknowledge(self, emergency_id: str, by: Principal = LIAISON, **said: Any) -> None:
        entry = AcknowledgementIn.model_validate({"decision": "dispatching", "phone": "0578-0000022", **said})
        with self.node.database.begin() as session:
            self.room.telling.acknowledge(session, emergency_id, entry, by=by, now=self.now)

    def note(self, emergency_id: str, text: str = "县道塌方，请从龙溪方向进入。") -> None:
        with self.node.database.begin() as session:
            self.room.telling.note(session, emergency_id, NoteIn(text=text), by=LIAISON, now=self.now)

    def finish(self, task_id: str, note: str | None = "已电话通知") -> None:
        with self.node.database.begin() as session:
            self.room.tasks.finish(session, task_id, note=note, by=LIAISON.name, now=self.now)

    # What people see --------------------------------------------------------------------------------------

    def show(self, emergency_id: str) -> EmergencyOut:
        with self.node.database.read() as session:
            return self.room.views.show(session, self.room.register.find(session, emergency_id), self.now)

    def board(self, emergency_id: str, by: Principal = LIAISON) -> BoardOut:
        with self.node.database.read() as session:
            return self.room.views.board(session, self.room.register.find(session, emergency_id), by, self.now)

    def line(self, emergency_id: str, bureau: str = QINGYUAN, by: Principal = LIAISON) -> BureauLineOut:
        return next(each for each in self.board(emergency_id, by).bureaus if each.bureau.unit_code == bureau)

    def tasks(self, **wanted: Any) -> list[TaskOut]:
        chosen = TaskFilters(**wanted).select()
        with self.node.database.read() as session:
            rows = session.scalars(chosen.order_by("due_at", "step")).all()
            return self.room.views.tasks(session, rows)

    def steps(self, **wanted: Any) -> list[tuple[str, str]]:
        """The open tasks as kind and bureau."""
        return [(task.kind.value, task.bureau.unit_code) for task in self.tasks(**wanted)]

    def found(self, **wanted: Any) -> list[str]:
        filters = EmergencyFilters(**wanted)
        with self.node.database.read() as session:
            rows = session.scalars(filters.select(self.node.us, self.room.register.search).order_by(*filters.order))
            return [row.id for row in rows]

    def parked(self) -> list[str]:
        with self.node.database.read() as session:
            return [each.type for each in self.node.applier.parked(session)]

    def history(self, emergency_id: str) -> list[tuple[str, str, str]]:
        return [(entry.digest, entry.move, entry.verdict) for entry in self.board(emergency_id).history]
