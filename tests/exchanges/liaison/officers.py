"""Liaison officers of a town: what they write, confirm and see."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.obligations import Obligation, derive
from ecolink.cadence.standing import Standing, judge
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.liaison import ledger
from ecolink.exchanges.liaison.forms import Form
from ecolink.exchanges.liaison.schemas import ContactIn, CorrectionIn
from ecolink.exchanges.liaison.service import LiaisonService
from ecolink.exchanges.liaison.views import ContactOut
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from tests.support.town import QINGYUAN, SHOUNING

LIN = Principal(id="u-lin", username="lin", name="林一鸣", roles=frozenset({Role.LIAISON_OFFICER}))
ZHOU = Principal(id="u-zhou", username="zhou", name="周青", roles=frozenset({Role.LIAISON_OFFICER}))
PEOPLE = {SHOUNING: LIN, QINGYUAN: ZHOU}


def contact(at: datetime, /, **changes: Any) -> dict[str, Any]:
    """Return what an officer writes of a contact."""
    return {
        "held_at": at.isoformat(),
        "method": "video",
        "topics": ["下党乡杉木盗伐案线索反馈"],
        "conclusions": "线索材料三日内反馈。",
        "participants": [
            {"unit_code": SHOUNING, "name": "林一鸣", "post": "联络员"},
            {"unit_code": QINGYUAN, "name": "周青"},
        ],
        **changes,
    }


@dataclass(frozen=True)
class Officer:
    """A bureau's liaison officer at the node."""

    node: Node

    @property
    def by(self) -> Principal:
        return PEOPLE.get(self.node.us, LIN)

    @property
    def room(self) -> LiaisonService:
        return self.node.rooms.cooperation.liaison

    @property
    def now(self) -> datetime:
        return self.node.clock.now()

    def record(self, *partners: str, **changes: Any) -> str:
        """Record a contact held an hour ago, and return its id."""
        entry = ContactIn.model_validate({"partners": partners, **contact(self.now - timedelta(hours=1), **changes)})
        with self.node.database.begin() as session:
            return self.room.record(session, entry, by=self.by, now=self.now).contact

    def correct(self, contact_id: str, **changes: Any) -> str:
        """Correct the record that stands, and return the new one's digest."""
        entry = CorrectionIn.model_validate(
            {"record": self.standing(contact_id), **contact(self.now - timedelta(hours=1), **changes)}
        )
        with self.node.database.begin() as session:
            return self.room.correct(session, contact_id, entry, by=self.by, now=self.now).digest

    def confirm(self, contact_id: str, record: str | None = None) -> None:
        with self.node.database.begin() as session:
            read = record or ledger.current(session, contact_id).digest
            self.room.confirm(session, contact_id, read, by=self.by, now=self.now)

    def object_to(self, contact_id: str, reason: str = "时间有误") -> None:
        read = self.standing(contact_id)
        with self.node.database.begin() as session:
            self.room.object_to(session, contact_id, read, reason=reason, by=self.by, now=self.now)

    def withdraw(self, contact_id: str, reason: str = "重复记录") -> None:
        read = self.standing(contact_id)
        with self.node.database.begin() as session:
            self.room.withdraw(session, contact_id, read, reason=reason, by=self.by, now=self.now)

    def standing(self, contact_id: str) -> str:
        """Return the digest of the record that stands."""
        with self.node.database.read() as session:
            return ledger.current(session, contact_id).digest

    def show(self, contact_id: str) -> ContactOut:
        with self.node.database.read() as session:
            return self.room.views.show(session, ledger.current(session, contact_id), self.by)

    def words(self, contact_id: str) -> list[tuple[int, str, list[str], list[str | None]]]:
        """Return of every record its edition and state, who signed it, and why somebody objects."""
        return [
            (
                each.edition,
                each.state,
                [party.unit_code for party in each.parties if party.signed_at],
                [party.reason for party in each.parties if party.objected_at],
            )
            for each in self.show(contact_id).history
        ]

    def forms(self) -> list[Form]:
        with self.node.database.read() as session:
            return self.room.forms.due(session, self.now)

    def obligation(self, label: str) -> Obligation:
        """Return the monthly contact of a period, such as `2026-12`."""
        with self.node.database.read() as session:
            agreements: list[Agreement] = [*self.room.forms.in_force(session)]
        found = (each for agreement in agreements for each in derive(agreement, date(2026, 1, 1), date(2028, 1, 1)))
        return next(each for each in found if each.duty.kind == "liaison" and each.period.label == label)

    def state_in_book(self, label: str) -> str:
        """Return how the monthly contact of a period stands in the book of obligations."""
        with self.node.database.read() as session:
            return self.node.rooms.cooperation.obligations.book.find(session, f"sn-qy-151/liaison/{label}").state

    def judged(self, label: str) -> Standing:
        """Return how the monthly contact of a period stands."""
        obligation = self.obligation(label)
        with self.node.database.read() as session:
            return judge(obligation, self.room.evidence_of(session, obligation), self.now)
