"""People with tokens at both bureaus, and matters between them for calls to be about."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from ecolink.entrypoints.applications import local_app
from ecolink.entrypoints.wiring import Node
from ecolink.identity.accounts import CONSOLE
from ecolink.identity.roles import Role
from ecolink.web.openapi_document import Document, example_contents, operations
from tests.support.town import QINGYUAN, SHOUNING, Town

WORKING = (Role.LIAISON_OFFICER, Role.INTAKE_REVIEWER)
DECIDING = (Role.APPROVER, Role.CHIEF)


@dataclass
class House:
    """One bureau's local API, called by its people."""

    node: Node
    client: TestClient
    document: Document
    tokens: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, node: Node, document: Document) -> "House":
        house = cls(node, TestClient(local_app(node)), document)
        for name, roles in {
            "everything": tuple(Role),
            "working": WORKING,
            "deciding": DECIDING,
            **{role.value: (role,) for role in Role},
        }.items():
            house.tokens[name] = house.employ(name, roles)
        return house

    def employ(self, username: str, roles: tuple[Role, ...]) -> str:
        """Give somebody an account and log them in, without the cost of a password."""
        now = self.node.clock.now()
        with self.node.database.begin() as session:
            account = self.node.identity.accounts.add_user(
                session,
                username=username,
                name=username,
                roles=roles,
                password_hash="",
                by=CONSOLE,
                now=now,
                must_change_password=False,
            )
            return self.node.identity.sessions.open(session, account, "10.20.3.4", now).token

    def headers(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[name]}"}

    def example(self, method: str, path: str) -> Any:
        """Return the documented example of a request body."""
        for one, address, operation in operations(self.document):
            if (one, address) == (method, path):
                for place, _, content in example_contents(operation):
                    if place == "request":
                        return content["example"]
        raise LookupError(f"{method} {path} has no example")

    def post(self, name: str, path: str, **content: Any) -> Response:
        return self.client.post(f"/api/v1{path}", headers=self.headers(name), **content)

    def move(self, name: str, matter: str, move: str) -> None:
        """Make a move in a matter, from its present version."""
        version = self.client.get(f"/api/v1{matter}", headers=self.headers(name)).headers["ETag"]
        headers = self.headers(name) | {"If-Match": version}
        answer = self.client.post(f"/api/v1{matter}/{move}", headers=headers)
        assert answer.status_code == 200, answer.text

    def made(self, name: str, path: str, **changes: Any) -> str:
        """Make something from its documented example; return its id."""
        answer = self.post(name, path, json=self.example("POST", f"/api/v1{path}") | changes)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def settle_matters(town: Town, house: House) -> dict[str, list[str]]:
    """Let both bureaus tell each other something; return the ids that calls at `house` may name, by parameter."""
    ids: dict[str, list[str]] = defaultdict(list)
    neighbour = House.of(town.nodes[QINGYUAN], house.document)
    for here, there in ((house, QINGYUAN), (neighbour, SHOUNING)):
        lead = here.made("working", "/leads", to=there)
        terms = {"purpose": "提示邻县查控", "handling": {"code": "H0", "onward": "none"}}
        bulletin = here.made("working", "/bulletins", alliance_id=None, recipients=[there], governance=terms)
        emergency = here.made("working", "/emergencies", recipients=[there])
        here.move("working", f"/leads/{lead}", "submit")
        here.move("working", f"/bulletins/{bulletin}", "submit")
        here.move("deciding", f"/leads/{lead}", "send")
        here.move("deciding", f"/bulletins/{bulletin}", "approve")
        ids["thread"] += [lead, bulletin, emergency]
    town.settle()

    for kind, parameter in (("leads", "lead_id"), ("bulletins", "bulletin_id"), ("emergencies", "emergency_id")):
        page = house.client.get(f"/api/v1/{kind}", headers=house.headers("everything")).json()
        assert len(page["items"]) == 2, f"both bureaus' {kind} are here"
        ids[parameter] += [item["id"] for item in page["items"]]
    ids["alliance_id"].append(house.made("deciding", "/alliances", members=[QINGYUAN]))
    ids["user_id"].append(house.made("administrator", "/users"))
    ids["account_id"].append(house.made("administrator", "/clients"))
    ids["unit_code"] += [SHOUNING, QINGYUAN]
    uploaded = house.post("working", "/attachments?name=stump.jpg", content=b"a fir stump")
    assert uploaded.status_code == 201, uploaded.text
    ids["digest"].append(uploaded.json()["digest"])
    return ids
