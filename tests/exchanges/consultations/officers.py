"""Liaison officers of a town who confer: what they call, answer, write and see."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.consultations import ledger
from ecolink.exchanges.consultations.schemas import InvitationIn, MinutesIn
from ecolink.exchanges.consultations.service import ConsultationService
from ecolink.exchanges.consultations.views import ConsultationOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.protocol.kinds import consultations as wire

LIN = Principal(id="u-lin", username="lin", name="林一鸣", roles=frozenset({Role.LIAISON_OFFICER}))


@dataclass(frozen=True)
class Officer:
    """A bureau's liaison officer at the node."""

    node: Node

    @property
    def room(self) -> ConsultationService:
        return self.node.rooms.cooperation.consultations

    @property
    def now(self) -> datetime:
        return self.node.clock.now()

    def call(self, *partners: str, chair: str = "", **changes: Any) -> str:
        """Invite bureaus for the day after tomorrow, and return the consultation."""
        entry = {
            "partners": partners,
            "title": "林区盗伐形势会商",
            "planned": True,
            "chair": chair or self.node.us,
            "times": [(self.now + timedelta(days=2)).isoformat()],
            "duration_minutes": 90,
            "where": "龙溪联合警务站",
            **changes,
        }
        with self.node.database.begin() as session:
            return self.room.invite(session, InvitationIn.model_validate(entry), by=LIN, now=self.now).id

    def answer(self, consultation: str, answer: str = "accepts", **changes: Any) -> None:
        said = {"answer": answer, "times": [(self.now + timedelta(days=2)).isoformat()], **changes}
        with self.node.database.begin() as session:
            body = wire.ConsultationAnsweredV1.model_validate(said)
            self.room.answer(session, consultation, body, by=LIN, now=self.now)

    def set_date(self, consultation: str, at: datetime) -> None:
        body = wire.ConsultationSetV1(at=at, duration_minutes=90, where="龙溪联合警务站")
        with self.node.database.begin() as session:
            self.room.set_date(session, consultation, body, by=LIN, now=self.now)

    def cancel(self, consultation: str) -> None:
        with self.node.database.begin() as session:
            body = wire.ConsultationCancelledV1(reason="山火扑救")
            self.room.cancel(session, consultation, body, by=LIN, now=self.now)

    def write_minutes(self, consultation: str, **changes: Any) -> str:
        """Write the minutes of a meeting held an hour ago, and return their digest."""
        entry = {
            "held_at": (self.now - timedelta(hours=1)).isoformat(),
            "method": "shared_station",
            "minutes": "双方通报盗伐案件情况。",
            "conclusions": "元旦前开展联合巡护。",
            "participants": [{"name": "林一鸣", "post": "联络员"}, {"name": "周青"}],
            **changes,
        }
        with self.node.database.begin() as session:
            body = MinutesIn.model_validate(entry)
            return self.room.write_minutes(session, consultation, body, by=LIN, now=self.now).minutes or ""

    def confirm(self, consultation: str, minutes: str = "") -> None:
        read = minutes or self.show(consultation).minutes.digest
        with self.node.database.begin() as session:
            self.room.confirm(session, consultation, read, by=LIN, now=self.now)

    def object_to(self, consultation: str, reason: str) -> None:
        read = self.show(consultation).minutes.digest
        with self.node.database.begin() as session:
            self.room.object_to(session, consultation, read, reason=reason, by=LIN, now=self.now)

    def report(self, consultation: str, task: str, status: str = "done", note: str | None = None) -> None:
        body = wire.TaskUpdatedV1.model_validate({"task": task, "status": status, "note": note})
        with self.node.database.begin() as session:
            self.room.update_task(session, consultation, body, by=LIN, now=self.now)

    def show(self, consultation: str) -> ConsultationOut:
        with self.node.database.read() as session:
            row = ledger.row_of(session, consultation)
            return self.room.views.show(session, row, LIN, self.now)
