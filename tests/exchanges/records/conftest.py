"""The local API of Shouning with its records, beside Qingyuan's node."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ecolink.attachments.service import Attachments
from ecolink.attachments.shelf import Shelf
from ecolink.attachments.store import BlobStore
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.records import access_log, attachments, erasures
from ecolink.federation.erasure import Erasure
from ecolink.federation.statements import Stored
from ecolink.identity.passwords import Passwords
from ecolink.identity.roles import Role
from ecolink.identity.service import Identity
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.statement import AttachmentRef, Draft, Handling, HandlingCode, Lane, Onward
from ecolink.surface.door import Door
from ecolink.web.app import build_local
from tests.support.town import QINGYUAN, SHOUNING, Town
from tests.support.web import CHEAP, Desk

MAX_BYTES = 1024 * 1024


@dataclass
class Records:
    """Shouning's records and its people."""

    town: Town
    node: Node
    desk: Desk
    shelf: Shelf
    client: TestClient

    def upload(
        self, data: bytes, name: str = "杉木.jpg", role: Role = Role.OFFICER, **headers: str
    ) -> dict[str, object]:
        answer = self.client.post(
            "/api/v1/attachments",
            params={"name": name},
            content=data,
            headers={**self.desk.as_role(role), "Content-Type": "image/jpeg", **headers},
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def send(self, *refs: AttachmentRef, private: dict[str, object] | None = None) -> Stored:
        now = self.town.clock.now()
        draft = Draft(
            type="lead.requested.v1",
            lane=Lane.CASE,
            classification="internal",
            handling=Handling(code=HandlingCode.H0, onward=Onward.NONE),
            purpose="查办盗伐林木案",
            legal_basis="警务协作协议书",
            author_role="liaison_officer",
            retain_until=now + timedelta(days=1100),
            attachments=refs,
            body={},
            private=private,
        )
        with self.node.database.begin() as session:
            return self.node.outbox.send(session, draft, now=now, recipients=[QINGYUAN])


@pytest.fixture
def records(tmp_path: Path, new_database_url: Callable[[], str]) -> Iterator[Records]:
    town = Town(tmp_path, new_database_url)
    for code in (SHOUNING, QINGYUAN):
        town.add(code)
    town.introduce(SHOUNING, QINGYUAN)
    for node in town.nodes.values():
        shelf = Shelf(BlobStore(node.settings.data_dir / "blobs", MAX_BYTES), 8 * MAX_BYTES)
        room = Attachments(node.us, shelf)
        node.hooks.kept[:] = [room.link]
        erasure = Erasure(node.us, node.log, node.access, node.outbox, [room.erase])
        node.handlers.update({**room.handlers(), **erasure.handlers(), "lead.requested.v1": lambda *_: None})
        if node.us == SHOUNING:
            rooms = (attachments.router(room, node.access), access_log.router(node.access), erasures.router(erasure))
            shown, ours = shelf, node
    identity = Identity.build(SigningKey.generate(), SHOUNING, ours.access, passwords=Passwords(CHEAP))
    app = build_local(Door(ours.database, town.clock, identity.sessions.authenticate), identity, rooms)
    with TestClient(app) as client:
        yield Records(town, ours, Desk(ours.database, town.clock, identity, app, client), shown, client)
    town.close()
