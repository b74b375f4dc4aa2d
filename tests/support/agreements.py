"""Agreements between the bureaus of a town, and the chiefs who sign them."""

from datetime import datetime, timedelta
from typing import Any

from ecolink.cadence.agreements import Agreement
from ecolink.cadence.calendars import published_digest
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.agreements.service import AgreementService
from ecolink.exchanges.agreements.shelf import read_proposal
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.protocol.kinds.agreements import CalendarV1, EndingV1, TermsV1
from tests.support.town import BUREAUS, QINGYUAN, SHOUNING, Town

CODE = "sn-qy-151"
CHIEF = Principal(id="u-chief", username="chief", name="陈远山", roles=frozenset({Role.CHIEF}))

LIAISON: dict[str, Any] = {
    "code": "liaison",
    "kind": "liaison",
    "name_zh": "月联系",
    "name_en": "Monthly liaison",
    "period": "month",
    "rule": "FREQ=MONTHLY;BYMONTHDAY=-1",
    "working_day": "before",
}


def terms(*parties: str, **changes: Any) -> TermsV1:
    """Return terms between bureaus (Shouning and Qingyuan), changed as a test wants them."""
    document = {
        "code": CODE,
        "version": 1,
        "name_zh": "寿宁—庆元警务协作协议书",
        "name_en": "Shouning and Qingyuan co-operation agreement",
        "scope_zh": "生态警务协作",
        "scope_en": "Eco-policing",
        "parties": [
            {"unit_code": code, "name_zh": BUREAUS[code][0], "name_en": BUREAUS[code][1]}
            for code in parties or (SHOUNING, QINGYUAN)
        ],
        "valid_from": "2026-01-01",
        "valid_until": "2028-12-31",
        "calendar": {"years": [2026], "digest": published_digest([2026])},
        "duties": [LIAISON],
        **changes,
    }
    return TermsV1.model_validate(document).settled()


def conclude(town: Town, wanted: TermsV1) -> None:
    """Let the first party propose and all others sign, and wait until it is in force: from the next day on."""
    first, *others = [party.unit_code for party in wanted.parties]
    Chief(town.nodes[first]).propose(wanted)
    town.settle()
    for code in others:
        Chief(town.nodes[code]).sign(wanted.digest(), wanted.code)
    town.settle()
    town.wait(timedelta(days=1))


class Chief:
    """The head of a bureau, at the agreements."""

    def __init__(self, node: Node) -> None:
        """Sit down at a node."""
        self.node = node

    @property
    def service(self) -> AgreementService:
        return self.node.rooms.cooperation.agreements

    @property
    def now(self) -> datetime:
        return self.node.clock.now()

    def propose(self, wanted: TermsV1, text: str | None = None) -> str:
        with self.node.database.begin() as session:
            self.service.propose(session, wanted, text=text, by=CHIEF, now=self.now)
        return wanted.digest()

    def end(self, ending: EndingV1, code: str = CODE) -> str:
        with self.node.database.begin() as session:
            self.service.end(session, code, ending, by=CHIEF, now=self.now)
        return ending.digest()

    def add_calendar(self, calendar: CalendarV1, code: str = CODE) -> str:
        with self.node.database.begin() as session:
            self.service.add_calendar(session, code, calendar, by=CHIEF, now=self.now)
        return calendar.digest()

    def sign(self, digest: str, code: str = CODE) -> None:
        with self.node.database.begin() as session:
            self.service.sign(session, code, digest, by=CHIEF, now=self.now)

    def decline(self, digest: str, reason: str, code: str = CODE) -> None:
        with self.node.database.begin() as session:
            self.service.decline(session, code, digest, reason, by=CHIEF, now=self.now)

    def withdraw(self, digest: str, reason: str = "有误", code: str = CODE) -> None:
        with self.node.database.begin() as session:
            self.service.withdraw(session, code, digest, reason, by=CHIEF, now=self.now)

    def in_force(self) -> list[Agreement]:
        with self.node.database.read() as session:
            return [*self.service.in_force(session)]

    def words(self, digest: str, code: str = CODE) -> dict[str, tuple[bool, str | None]]:
        """Return by party whether it signed, and why it objects."""
        with self.node.database.read() as session:
            document = self.service.subject(session, code, digest)[1]
            cosigning = read_proposal(session, document).cosigning
            objections = {party: each.reason for party, each in cosigning.objections.items()}
            return {party: (party in cosigning.signatures, objections.get(party)) for party in cosigning.parties}

    def state(self, digest: str, code: str = CODE) -> str:
        """Return whether a proposal is signed by all, taken back, or waits."""
        with self.node.database.read() as session:
            document = self.service.subject(session, code, digest)[1]
            if document.withdrawn_at is not None:
                return "withdrawn"
            return "signed" if document.completed_at is not None else "waits"
