"""Two bureaus with a leads room each, and the people who work there."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from ecolink.audit.access_models import AccessRow
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.leads import schemas, views
from ecolink.exchanges.leads.lists import Filter
from ecolink.exchanges.leads.models import Lead
from ecolink.exchanges.leads.moves import WRITTEN
from ecolink.exchanges.leads.service import LeadService
from ecolink.identity.principal import Principal
from ecolink.identity.roles import Role
from ecolink.protocol.statement import Draft, Handling, HandlingCode, Lane, Onward
from tests.exchanges.leads.samples import BODIES
from tests.support.town import QINGYUAN, SHOUNING, Town

PERSON = {
    "ref": "P1",
    "category": "suspect",
    "basis": "assessment",
    "name": "林大山",
    "identity_number": "331126199001010018",
    "birth_date": "1990-01-01",
    "phone": "13800000034",
    "address": "浙江省庆元县龙溪乡龙溪村8号",
}
OFFICERS = [{"name": "周小河", "post": "民警"}, {"name": "陈远山", "post": "民警"}]
PROPOSED = {"returned", "resubmitted", "replied", "transferred"}


def request(**changes: Any) -> schemas.LeadIn:
    """Return what an officer at Shouning writes."""
    written = {
        **BODIES["requested"],
        "to": QINGYUAN,
        "governance": {"purpose": "侦办盗伐林木案"},
        "contact": {"name": "吴建国", "post": "民警", "phone": "0593-0000011"},
        "persons": [PERSON],
        **changes,
    }
    return schemas.LeadIn.model_validate({name: value for name, value in written.items() if value is not ...})


def written(name: str, **changes: Any) -> schemas.Written:
    """Return what an officer writes for a move."""
    body = {member: value for member, value in BODIES[name].items() if member != "executing_officer_count"}
    if name in ("replied", "interim_reply"):
        body |= {"officers": OFFICERS}
    if name == "resubmitted":
        body |= {"contact": {"name": "吴建国"}}
    kind = "replied" if name == "interim_reply" else name
    return WRITTEN[kind].model_validate({**body, **changes})


@dataclass
class Office:
    """One bureau's leads room and its people."""

    node: Node
    service: LeadService
    officer: Principal
    approver: Principal
    auditor: Principal

    @classmethod
    def open(cls, node: Node) -> "Office":
        people = [
            Principal(id=f"{number}-{node.us}", username=role.value, name=name, roles=frozenset({role}))
            for number, (role, name) in enumerate(
                [(Role.OFFICER, "吴建国"), (Role.APPROVER, "郑长青"), (Role.AUDITOR, "何明")]
            )
        ]
        return cls(node, node.rooms.leads, *people)

    @property
    def now(self) -> datetime:
        return self.node.clock.now()

    def draft(self, **changes: Any) -> str:
        with self.node.database.begin() as session:
            return self.service.drafting.create(session, request(**changes), by=self.officer, now=self.now).id

    def send(self, **changes: Any) -> str:
        """Write a request, submit it, and have it approved and sent."""
        lead_id = self.draft(**changes)
        with self.node.database.begin() as session:
            self.service.drafting.submit(session, lead_id, by=self.officer, now=self.now)
        with self.node.database.begin() as session:
            version = session.get(Lead, lead_id).version
            self.service.drafting.approve(session, lead_id, version=version, by=self.approver, now=self.now)
        return lead_id

    def make(self, lead_id: str, name: str, **changes: Any) -> None:
        """Make a move; one that needs an approver is approved at once by another person."""
        kind = "replied" if name == "interim_reply" else name
        with self.node.database.begin() as session:
            move = written(name, **changes)
            self.service.moving.make(session, lead_id, kind, move, by=self.officer, now=self.now)
        waiting = self.proposals(lead_id)
        if waiting:
            self.approve(lead_id, waiting[0].id)

    def propose(self, lead_id: str, name: str, **changes: Any) -> str:
        with self.node.database.begin() as session:
            self.service.moving.make(session, lead_id, name, written(name, **changes), by=self.officer, now=self.now)
        return self.proposals(lead_id)[0].id

    def approve(self, lead_id: str, proposal_id: str, by: Principal | None = None) -> None:
        with self.node.database.begin() as session:
            self.service.moving.approve(session, lead_id, proposal_id, by=by or self.approver, now=self.now)

    def proposals(self, lead_id: str) -> list[views.ProposalOut]:
        with self.node.database.read() as session:
            found = self.service.reading.proposals(session, lead_id, self.now)
        return [each for each in found if each.state == "awaiting"]

    def lead(self, lead_id: str) -> views.LeadOut:
        with self.node.database.begin() as session:
            return self.service.reading.show(session, lead_id, by=self.officer, now=self.now)

    def state(self, lead_id: str) -> str | None:
        with self.node.database.read() as session:
            lead = session.get(Lead, lead_id)
            return lead.state if lead else None

    def timeline(self, lead_id: str) -> list[views.StepOut]:
        with self.node.database.read() as session:
            return self.service.reading.timeline(session, lead_id, self.now)

    def history(self, lead_id: str) -> list[tuple[str, str, str | None]]:
        return [(step.digest, step.verdict, step.state) for step in self.timeline(lead_id)]

    def find(self, **wanted: Any) -> list[str]:
        with self.node.database.read() as session:
            found = session.scalars(self.service.lists.select(Filter(**wanted), self.now).order_by(Lead.id))
            return [lead.id for lead in found]

    def accesses(self, action: str) -> list[AccessRow]:
        with self.node.database.read() as session:
            return list(session.scalars(select(AccessRow).where(AccessRow.action == action).order_by(AccessRow.n)))


@dataclass
class Border:
    """Shouning asks, Qingyuan answers."""

    town: Town
    shouning: Office = field(init=False)
    qingyuan: Office = field(init=False)

    def __post_init__(self) -> None:
        self.shouning = Office.open(self.town.nodes[SHOUNING])
        self.qingyuan = Office.open(self.town.nodes[QINGYUAN])

    def run(self, lead_id: str, *moves: str) -> None:
        """Make these moves, each by the bureau whose it is, and let each arrive before the next."""
        for name in moves:
            self.town.clock.advance(timedelta(minutes=1))
            office = self.shouning if name in REQUESTERS else self.qingyuan
            office.make(lead_id, name)
            self.town.settle()

    def wait(self, step: timedelta) -> None:
        self.town.wait(step)

    def ask(self, *moves: str, **changes: Any) -> str:
        """Have Shouning send a request, and make these moves after it."""
        lead_id = self.shouning.send(**changes)
        self.town.settle()
        self.run(lead_id, *moves)
        return lead_id


REQUESTERS = {"resubmitted", "information_provided", "feedback", "closed", "withdrawn"}


def smuggle(office: Office, lead_id: str, kind: str, to: str, **changes: Any) -> str:
    """Sign and send a move without asking our own rules, as a faulty or hostile node would."""
    said: dict[str, Any] = {
        "type": kind,
        "thread": lead_id,
        "lane": Lane.CASE,
        "classification": "internal",
        "handling": Handling(code=HandlingCode.H0, onward=Onward.NONE),
        "purpose": "侦办盗伐林木案",
        "legal_basis": "警务协作协议书",
        "author_role": "officer",
        "retain_until": office.now + timedelta(days=1000),
        "body": BODIES[kind.split(".")[1]],
        **changes,
    }
    with office.node.database.begin() as session:
        return office.node.outbox.send(session, Draft(**said), now=office.now, recipients=[to]).statement.digest
