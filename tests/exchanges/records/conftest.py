"""The local API of Shouning with its records; where a test needs it, Qingyuan's node beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ecolink.attachments.service import Attachments
from ecolink.attachments.shelf import Shelf
from ecolink.attachments.store import BlobStore
from ecolink.audit.access import AccessLog
from ecolink.audit.log import EvidenceLog
from ecolink.entrypoints.wiring import Node
from ecolink.exchanges.records import access_log, attachments, erasures
from ecolink.federation.erasure import Erasure
from ecolink.federation.statements import Stored
from ecolink.identity.roles import Role
from ecolink.kit.clock import HandClock
from ecolink.protocol.keys import SigningKey
from ecolink.protocol.statement import AttachmentRef, Draft, Handling, HandlingCode, Lane, Onward
from ecolink.storage.engine import Database
from tests.support.town import QINGYUAN, SHOUNING, START, Town
from tests.support.web import Desk

MAX_BYTES = 1024 * 1024


@dataclass
class Records:
    """Shouning's records and its people."""

    desk: Desk
    shelf: Shelf

    @property
    def client(self) -> TestClient:
        return self.desk.client

    @property
    def database(self) -> Database:
        return self.desk.database

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


@dataclass
class Neighbours(Records):
    """The same, where Shouning's node knows Qingyuan's."""

    town: Town
    node: Node

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
def records(tmp_path: Path, database: Database) -> Iterator[Records]:
    log = EvidenceLog(SHOUNING, SigningKey.generate(), HandClock(START))
    access = AccessLog(log.append)
    database.before_commit(access.flush)
    database.before_commit(log.flush)
    room = Attachments(SHOUNING, Shelf(BlobStore(tmp_path / "blobs", MAX_BYTES), 8 * MAX_BYTES))
    rooms = (attachments.router(room, access), access_log.router(access))
    with Desk.open(database, rooms, log=access) as desk:
        yield Records(desk, room.shelf)


@pytest.fixture
def neighbours(tmp_path: Path, new_database_url: Callable[[], str]) -> Iterator[Neighbours]:
    town = Town(tmp_path, new_database_url)
    for code in (SHOUNING, QINGYUAN):
        town.add(code)
    town.introduce(SHOUNING, QINGYUAN)
    rooms = {code: _furnish(node) for code, node in town.nodes.items()}
    node, (room, erasure) = town.nodes[SHOUNING], rooms[SHOUNING]
    routers = (attachments.router(room, node.access), erasures.router(erasure))
    with Desk.open(node.database, routers, log=node.access, now=town.clock.now()) as desk:
        yield Neighbours(desk, room.shelf, town, node)
    town.close()


def _furnish(node: Node) -> tuple[Attachments, Erasure]:
    room = Attachments(node.us, Shelf(BlobStore(node.settings.data_dir / "blobs", MAX_BYTES), 8 * MAX_BYTES))
    erasure = Erasure(node.us, node.log, node.access, node.outbox, [room.erase])
    node.hooks.kept[:] = [room.link]  # in place of the room the node came with
    node.handlers.update({**room.handlers(), **erasure.handlers(), "lead.requested.v1": lambda *_: None})
    return room, erasure
